// Godaemon stands in for dockerd: Go's net/http on a Unix socket, set up as dockerd sets it up, which remembers every
// request that its parser accepted. Answers are as small as dockerd's habits allow.
//
//	godaemon SOCKET CONTROL MANNER BYTES
//	godaemon read-chunked
//
// Whoever connects to CONTROL is told what has happened since the last time, once no connection to SOCKET is left. MANNER
// is how the handlers deal with a request's body, and BYTES are added to each of their answers: the command line says
// both, as what the clients send may be mutated.
package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A request as net/http read it.
type request struct {
	method, uri, path, proto string
	// What was read of it so far.
	body []byte
	// Empty where the body was read to its end.
	bodyError string
	// What came behind a hijack.
	raw []byte
}

type record struct {
	sync.Mutex
	changed  *sync.Cond
	requests []*request
	// Bytes that were read from connections.
	bytes int
	open  int
	// Goroutines that still read a body.
	reading int
	// Barriers that have been accepted.
	barriers int
}

var seen record

// The name of the end of a connection that only marks a place in the order of accepting.
var barrier = fmt.Sprintf("@godaemon-%d", os.Getpid())

func (r *record) update(f func()) {
	r.Lock()
	defer r.Unlock()
	f()
	r.changed.Broadcast()
}

// report writes a line for each request, with the strings in hexadecimal, and one for the number of bytes.
func (r *record) report(w io.Writer, barrier net.Dialer) {
	// What was connected to before is accepted before.
	b, err := barrier.Dial("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	r.Lock()
	for r.barriers == 0 || r.open > 0 || r.reading > 0 {
		r.changed.Wait()
	}
	b.Close()
	r.barriers = 0
	requests, bytes := r.requests, r.bytes
	r.requests, r.bytes = nil, 0
	r.Unlock()
	out := bufio.NewWriter(w)
	for _, q := range requests {
		fmt.Fprintf(out, "request\t%x\t%x\t%x\t%s\t%x\t%s\t%x\n", q.method, q.uri, q.path, q.proto, q.body, q.bodyError, q.raw)
	}
	fmt.Fprintf(out, "bytes\t%d\n", bytes)
	out.Flush()
}

// A connection that counts what is read from it.
type conn struct {
	*net.UnixConn
	once sync.Once
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.UnixConn.Read(p)
	seen.update(func() { seen.bytes += n })
	return n, err
}

func (c *conn) Close() error {
	err := c.UnixConn.Close()
	c.end()
	return err
}

// CloseWrite is net/http's way to say that it is going to close, half a second later, and reads no further request.
func (c *conn) CloseWrite() error {
	err := c.UnixConn.CloseWrite()
	c.end()
	return err
}

func (c *conn) end() {
	c.once.Do(func() { seen.update(func() { seen.open-- }) })
}

type listener struct{ *net.UnixListener }

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if c.RemoteAddr().String() == barrier {
			c.Close()
			seen.update(func() { seen.barriers++ })
			continue
		}
		seen.update(func() { seen.open++ })
		return &conn{UnixConn: c}, nil
	}
}

// A request's body that takes note of what is read. It does not take the body's place in the request: net/http looks there
// for what is to be drained.
type recorded struct {
	io.Reader
	q *request
}

func (r recorded) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	seen.update(func() {
		r.q.body = append(r.q.body, p[:n]...)
		if err == io.EOF {
			r.q.bodyError = ""
		} else if err != nil {
			r.q.bodyError = err.Error()
		}
	})
	return n, err
}

// A manner is how a handler deals with the body of its request while it answers.
type manner struct {
	// Answering makes net/http read what is left of the body first.
	halfDuplex bool
	handle     func(w http.ResponseWriter, r *http.Request, body io.Reader, answer func())
}

var manners = map[string]manner{
	"after": {handle: func(_ http.ResponseWriter, _ *http.Request, body io.Reader, answer func()) {
		io.Copy(io.Discard, body)
		answer()
	}},
	"while": {handle: func(w http.ResponseWriter, _ *http.Request, body io.Reader, answer func()) {
		io.WriteString(w, "0\n")
		flush(w)
		piece := make([]byte, 4<<10)
		for {
			n, err := body.Read(piece)
			fmt.Fprintln(w, n)
			flush(w)
			if err != nil {
				break
			}
		}
		answer()
	}},
	"before": {handle: func(w http.ResponseWriter, _ *http.Request, _ io.Reader, answer func()) {
		answer()
		flush(w)
	}},
	// As most handlers of dockerd's that expect no body.
	"before-half-duplex": {halfDuplex: true, handle: func(_ http.ResponseWriter, _ *http.Request, _ io.Reader, answer func()) {
		answer()
	}},
	"part": {handle: func(w http.ResponseWriter, _ *http.Request, body io.Reader, answer func()) {
		body.Read(make([]byte, 2))
		answer()
	}},
	// Reads one value, and what its buffer takes with it.
	"json": {handle: func(w http.ResponseWriter, _ *http.Request, body io.Reader, answer func()) {
		json.NewDecoder(body).Decode(new(interface{}))
		answer()
	}},
	// A goroutine reads, as BuildKit's do a build's context. The handler closes the body, which waits for that read: without
	// it Go up to 1.26 breaks the read off and takes what follows for the next request, whatever was sent.
	"elsewhere": {handle: func(w http.ResponseWriter, r *http.Request, body io.Reader, answer func()) {
		seen.update(func() { seen.reading++ })
		go func() {
			io.Copy(io.Discard, body)
			seen.update(func() { seen.reading-- })
		}()
		answer()
		flush(w)
		r.Body.Close()
	}},
}

// What the command line chose.
var (
	chosen manner
	added  []byte
)

func flush(w http.ResponseWriter) {
	w.(http.Flusher).Flush()
}

func serve(w http.ResponseWriter, r *http.Request) {
	q := &request{method: r.Method, uri: r.RequestURI, path: r.URL.Path, proto: r.Proto, bodyError: "unread"}
	seen.update(func() { seen.requests = append(seen.requests, q) })
	// gorilla/mux redirects to the clean path before it looks at its routes.
	if clean := clean(r.URL.Path); clean != r.URL.Path {
		w.Header().Set("Location", clean)
		w.WriteHeader(http.StatusMovedPermanently)
		return
	}
	name := strings.TrimPrefix(unversioned(r.URL.Path), "/")
	var body io.Reader = recorded{r.Body, q}
	// A handler that reads makes net/http send a 100 Continue, which those of GET do not.
	if r.Method == http.MethodGet && r.ContentLength != 0 && r.Header.Get("Expect") != "" {
		body = strings.NewReader("")
	}
	if protocol := hijacks(r, name); protocol != "" {
		io.Copy(io.Discard, body)
		hijack(w, r, q, protocol, protocol == "tcp" && strings.Contains(name, "missing"))
		return
	}
	if !chosen.halfDuplex {
		fullDuplex(w)
	}
	chosen.handle(w, r, body, func() {
		answer(w, r, name)
		w.Write(added)
	})
}

// hijacks returns the protocol that a request for a raw stream is granted.
func hijacks(r *http.Request, name string) string {
	upgrade := r.Header.Get("Upgrade")
	post := r.Method == http.MethodPost
	switch {
	case post && strings.HasPrefix(name, "containers/") && strings.HasSuffix(name, "/attach"):
		return "tcp"
	case post && strings.HasPrefix(name, "exec/") && strings.HasSuffix(name, "/start") && !strings.Contains(name, "missing"):
		return "tcp"
	case post && (name == "session" || name == "grpc") && upgrade == "h2c":
		return "h2c"
	case strings.HasPrefix(name, "containers/") && strings.HasSuffix(name, "/attach/ws") && strings.EqualFold(upgrade, "websocket"):
		return "websocket"
	}
	return ""
}

func answer(w http.ResponseWriter, r *http.Request, name string) {
	post := r.Method == http.MethodPost
	switch {
	case name == "_ping":
		ping(w, r)
	case name == "version":
		fmt.Fprintln(w, `{"ApiVersion":"1.41"}`)
	case name == "events":
		events(w, r)
	case post && name == "containers/create":
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintln(w, `{"Id":"c1"}`)
	case post && (name == "session" || name == "grpc"):
		http.Error(w, "no upgrade proto in request", http.StatusBadRequest)
	case strings.Contains(name, "missing"):
		http.Error(w, "no such thing", http.StatusNotFound)
	default:
		fmt.Fprintln(w, "[]")
	}
}

// ping answers in the way that the query asks for: every framing that net/http knows.
func ping(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Query().Get("say") {
	case "204":
		w.WriteHeader(http.StatusNoContent)
	case "304":
		w.WriteHeader(http.StatusNotModified)
	case "404":
		http.Error(w, "no", http.StatusNotFound)
	case "500":
		http.Error(w, "no", http.StatusInternalServerError)
	case "chunked":
		for _, piece := range []string{"O", "K"} {
			io.WriteString(w, piece)
			flush(w)
		}
	case "trailer":
		w.Header().Set("Trailer", "X-T")
		io.WriteString(w, "OK")
		w.Header().Set("X-T", "1")
	case "close":
		w.Header().Set("Connection", "close")
		io.WriteString(w, "OK")
	case "slow":
		time.Sleep(100 * time.Millisecond)
		io.WriteString(w, "OK")
	case "hints":
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "OK")
	case "big":
		w.Write(make([]byte, 1<<20))
	case "decoy":
		io.WriteString(w, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nGET /containers/json HTTP/1.1\r\nHost: x\r\n\r\n")
	default:
		io.WriteString(w, "OK")
	}
}

// events goes on until the client ends. Not where the query says until when, nor where there is a body: net/http does not
// notice the client's end before it has been read.
func events(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "{}\n")
	flush(w)
	if !r.URL.Query().Has("until") && r.ContentLength == 0 {
		<-r.Context().Done()
	}
}

// hijack drops what net/http has buffered, as dockerd does, and echoes what comes.
func hijack(w http.ResponseWriter, r *http.Request, q *request, protocol string, missing bool) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer c.Close()
	switch {
	case missing:
		io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nno such container\r\n")
		return
	case protocol == "websocket":
		sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(sum[:]))
	case r.Header["Upgrade"] != nil:
		fmt.Fprintf(c, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	default:
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n")
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.Read(buffer)
		seen.update(func() { q.raw = append(q.raw, buffer[:n]...) })
		c.Write(buffer[:n])
		if err != nil {
			return
		}
	}
}

// clean is gorilla/mux's cleanPath.
func clean(p string) string {
	if p == "" {
		return "/"
	}
	if p[0] != '/' {
		p = "/" + p
	}
	cleaned := path.Clean(p)
	if p[len(p)-1] == '/' && cleaned != "/" {
		cleaned += "/"
	}
	return cleaned
}

// unversioned takes a version as dockerd's routes have it off a path.
func unversioned(p string) string {
	version, below, found := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	if found && len(version) > 1 && version[0] == 'v' && strings.Trim(version[1:], "0123456789.") == "" {
		return "/" + below
	}
	return p
}

func listen(name string) *net.UnixListener {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		log.Fatal(err)
	}
	return l
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "read-chunked" {
		readChunked()
		return
	}
	if len(os.Args) != 5 {
		log.Fatal("usage: godaemon SOCKET CONTROL MANNER BYTES, or godaemon read-chunked")
	}
	var known bool
	if chosen, known = manners[os.Args[3]]; !known {
		log.Fatalf("%q is no manner", os.Args[3])
	}
	bytes, err := strconv.Atoi(os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	added = make([]byte, bytes)
	seen.changed = sync.NewCond(&seen.Mutex)
	api, control := listen(os.Args[1]), listen(os.Args[2])
	go func() {
		from := net.Dialer{LocalAddr: &net.UnixAddr{Name: barrier, Net: "unix"}}
		for {
			c, err := control.Accept()
			if err != nil {
				log.Fatal(err)
			}
			seen.report(c, from)
			c.Close()
		}
	}()
	server := &http.Server{
		Handler:           http.HandlerFunc(serve),
		ReadHeaderTimeout: 5 * time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	speakHTTP2(server)
	fmt.Println("ready", duplex)
	log.Fatal(server.Serve(listener{api}))
}
