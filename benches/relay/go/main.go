// A filter of the Docker socket as those in Go are built: the standard library's reverse proxy, behind an allow list of one regular
// expression for each method. Its settings are the library's own, as those filters have them.
package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// The bench's requests, and what such lists usually have beside them.
var allowed = map[string]*regexp.Regexp{
	"GET":  regexp.MustCompile(`^(/v1\.[0-9]{1,2})?/(_ping|version|events|info|containers/.*|images/.*|networks/.*)$`),
	"POST": regexp.MustCompile(`^(/v1\.[0-9]{1,2})?/(containers/create|containers/.*/(start|stop|restart|attach)|images/.*)$`),
}

func main() {
	daemon := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	daemon.FlushInterval = -1
	daemon.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", os.Getenv("SOCKET"))
	}}
	network, address := "tcp", os.Getenv("LISTEN")
	if path, found := strings.CutPrefix(address, "unix:"); found {
		network, address = "unix", path
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if list := allowed[r.Method]; list == nil || !list.MatchString(r.URL.Path) {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		daemon.ServeHTTP(w, r)
	})))
}
