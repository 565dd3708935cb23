// Hello answers web requests with a greeting. It knows no socket and no server:
// its world has one export, wasi:http/incoming-handler, and a host calls it.
package main

import (
	"strings"
	"unicode/utf8"

	"gopher/hello/internal/wasihttp"
)

func init() {
	wasihttp.Handle(hello)
}

// A component is called, never run: main has to be here and stays empty.
func main() {}

func hello(w *wasihttp.ResponseWriter, r *wasihttp.Request) {
	w.SetHeader("content-type", "text/plain; charset=utf-8")

	if r.Method != "GET" && r.Method != "HEAD" {
		w.SetHeader("allow", "GET, HEAD")
		w.WriteHeader(405)
		w.WriteString("Only GET and HEAD, please.\n")
		return
	}

	name, ok := wasihttp.Unescape(strings.TrimPrefix(r.Path, "/"))
	if !ok || !utf8.ValidString(name) {
		w.WriteHeader(400)
		w.WriteString("The path is not percent-encoded UTF-8.\n")
		return
	}
	if name == "" {
		name = "world"
	}
	w.WriteString("Hello, ")
	w.WriteString(name)
	w.WriteString(", from a Go component!\n")
}
