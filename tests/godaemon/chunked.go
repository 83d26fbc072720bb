package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
)

// A stream that has no more for now: who asks for more waits.
type paused struct {
	rest  []byte
	waits bool
}

func (p *paused) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		p.waits = true
		return 0, io.ErrNoProgress
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// readChunked says what this Go makes of chunked bodies. Each comes on standard input behind its length in four bytes, and
// is answered by a line: `complete LENGTH DATA` with the data in hexadecimal, `waits`, or `gave up`.
func readChunked() {
	const head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, runtime.Version())
	for {
		out.Flush()
		var length uint32
		if binary.Read(in, binary.BigEndian, &length) != nil {
			return
		}
		stream := append([]byte(head), make([]byte, length)...)
		if _, err := io.ReadFull(in, stream[len(head):]); err != nil {
			return
		}
		p := &paused{rest: stream}
		reader := bufio.NewReader(p)
		r, err := http.ReadRequest(reader)
		if err != nil {
			fmt.Fprintln(out, "no request:", err)
			continue
		}
		data, err := io.ReadAll(r.Body)
		switch {
		case err == nil:
			fmt.Fprintf(out, "complete %d %x\n", len(stream)-len(p.rest)-reader.Buffered()-len(head), data)
		case p.waits:
			fmt.Fprintln(out, "waits")
		default:
			fmt.Fprintln(out, "gave up")
		}
	}
}
