// Goguard says what Docker and podman would read in a body, and whether that has power over the host.
//
// It is the reader that counts: every engine decodes with Go's encoding/json. Each line of stdin asks for one body:
//
//	KIND BIND_MOUNTS CAPABILITIES DEVICES HOST_NETWORK CONTAINERS NETWORKS VOLUMES BODY
//
// KIND is that of the request, those in the middle are the values of the ALLOW_ variables, and BODY is base64; a dash stands for what
// is empty. The answer is one line with one part for each reader, separated by tabs: READER=undecodable, READER=harmless, or
// READER=dangerous and the field behind a blank. Before the first answer stands a line with the version of Go.
package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"runtime"
	"strings"
)

func main() {
	fmt.Println(runtime.Version())
	lines := bufio.NewReaderSize(os.Stdin, 1<<16)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Println(answer(strings.Split(strings.TrimSuffix(line, "\n"), " ")))
	}
}

func answer(words []string) string {
	if len(words) != 9 {
		panic(fmt.Sprintf("nine words were expected: %q", words))
	}
	body, err := base64.StdEncoding.DecodeString(value(words[8]))
	if err != nil {
		panic(err)
	}
	open := &lists{bindMounts: list(words[1]), capabilities: list(words[2]), devices: list(words[3]), hostNetwork: words[4] == "1",
		containers: list(words[5]), networks: list(words[6]), volumes: list(words[7])}
	var parts []string
	for _, reader := range readers {
		verdict := "undecodable"
		decoded, err := reader.decode(words[0], body)
		if err == nil {
			verdict = "harmless"
			open.dangers = nil
			decoded.judge(open)
			if len(open.dangers) > 0 {
				verdict = "dangerous " + open.dangers[0]
			}
		}
		parts = append(parts, reader.name+"="+verdict)
	}
	return strings.Join(parts, "\t")
}

func value(word string) string {
	if word == "-" {
		return ""
	}
	return word
}

func list(word string) []string {
	if word == "-" {
		return nil
	}
	return strings.Split(word, ",")
}
