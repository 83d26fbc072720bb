//go:build !go1.24

package main

import "net/http"

// A daemon of this age does not.
func speakHTTP2(*http.Server) {}
