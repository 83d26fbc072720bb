//go:build go1.24

package main

import "net/http"

// speakHTTP2 has the server take HTTP/2 by prior knowledge beside HTTP/1, as dockerd does since 29.2.
func speakHTTP2(server *http.Server) {
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
}
