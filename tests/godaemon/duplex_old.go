//go:build !go1.21

package main

import "net/http"

const duplex = "half-duplex"

// A daemon of this age does not answer while it reads.
func fullDuplex(http.ResponseWriter) {}

// Once the answer has begun net/http has taken the body away, and says that it ended.
func init() {
	for _, name := range []string{"while", "elsewhere"} {
		manners[name] = manners["after"]
	}
}
