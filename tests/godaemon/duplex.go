//go:build go1.21

package main

import "net/http"

const duplex = "full-duplex"

// fullDuplex lets a handler answer while it reads, as dockerd does for builds since 29.5.
func fullDuplex(w http.ResponseWriter) {
	http.NewResponseController(w).EnableFullDuplex()
}
