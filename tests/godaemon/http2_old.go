//go:build !go1.24

package main

import "net/http"

// speakHTTP2 does nothing: a daemon of this age speaks HTTP/1 alone.
func speakHTTP2(*http.Server) {}
