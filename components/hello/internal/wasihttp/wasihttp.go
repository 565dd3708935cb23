// Package wasihttp lets a plain Go function answer web requests in a component.
// It looks like a small net/http; below it is wasi:http/types, called as directly
// as Go can: a request that a handler answers with a short text is twelve calls to the host.
package wasihttp

import (
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"gopher/hello/internal/abi"
)

// Handler answers one request.
type Handler func(w *ResponseWriter, r *Request)

var handler Handler

// Handle says who answers. Call it from an init function: a host may call right
// after initialization, and main does not run.
func Handle(h Handler) { handler = h }

// Request is what the client wants. It is good until the handler returns.
type Request struct {
	Method string // in capitals
	Path   string // as it was sent, percent-encoded, without the query
	Query  string // what comes after the question mark, percent-encoded

	self handle
}

// The cases of wasi:http's method, in its order; after them comes other(string).
var methods = [...]string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

func readRequest(self handle) *Request {
	r := &Request{self: self}

	incomingRequestMethod(self, abi.Ret.Ptr())
	if m := int(abi.Ret.U8(0)); m < len(methods) {
		r.Method = methods[m]
	} else {
		r.Method = abi.Ret.String(4)
	}

	incomingRequestPathWithQuery(self, abi.Ret.Ptr())
	if abi.Ret.U8(0) != 0 {
		r.Path, r.Query, _ = strings.Cut(abi.Ret.String(4), "?")
	}
	return r
}

// Header is the first value of a header, or "" when there is none. Every call
// asks the host: what no one asks for is never copied into the guest.
func (r *Request) Header(name string) string {
	fields := incomingRequestHeaders(r.self)
	fieldsGet(fields, name, abi.Ret.Ptr())
	values := abi.Ret.Strings(0)
	fieldsDrop(fields)
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// ResponseWriter collects the answer; it goes out when the handler returns.
type ResponseWriter struct {
	status  int
	headers []header
	body    []byte
	next    func(request, out handle)
}

type header struct{ name, value string }

// SetHeader sets a header, in place of one with the same name.
func (w *ResponseWriter) SetHeader(name, value string) {
	for i := range w.headers {
		if strings.EqualFold(w.headers[i].name, name) {
			w.headers[i].value = value
			return
		}
	}
	w.headers = append(w.headers, header{name, value})
}

// WriteHeader sets the status, which is 200 otherwise.
func (w *ResponseWriter) WriteHeader(status int) { w.status = status }

// Write adds to the body.
func (w *ResponseWriter) Write(p []byte) (int, error) {
	w.body = append(w.body, p...)
	return len(p), nil
}

// WriteString adds to the body.
func (w *ResponseWriter) WriteString(s string) (int, error) {
	w.body = append(w.body, s...)
	return len(s), nil
}

// PassOn leaves the answer to another component. When the handler has returned, next gets
// the request and the place for the answer as they came; what was written here is not sent.
func (w *ResponseWriter) PassOn(next func(request, out int32)) { w.next = next }

//go:wasmexport wasi:http/incoming-handler@0.2.0#handle
func handleRequest(request, out handle) {
	r := readRequest(request)
	w := &ResponseWriter{status: 200}
	handler(w, r)
	if w.next != nil {
		w.next(request, out)
		return
	}
	incomingRequestDrop(request)
	w.send(out, r.Method != "HEAD")
}

// send gives the answer to the host. The body follows the head, so a host can
// pass it on while it comes.
func (w *ResponseWriter) send(out handle, withBody bool) {
	w.SetHeader("content-length", strconv.Itoa(len(w.body)))

	response := newOutgoingResponse(w.fields())
	if w.status != 200 && outgoingResponseSetStatusCode(response, uint32(w.status)) != 0 {
		panic("wasihttp: the host refused the status")
	}
	outgoingResponseBody(response, abi.Ret.Ptr())
	body := handle(abi.Ret.U32(4))
	responseOutparamSet(out, 0, response, 0, 0, 0, 0, 0, 0)
	if withBody {
		outgoingBodyWrite(body, abi.Ret.Ptr())
		stream := handle(abi.Ret.U32(4))
		writeAll(stream, w.body)
		outputStreamDrop(stream)
	}
	outgoingBodyFinish(body, 0, 0, abi.Ret.Ptr())
}

// fields makes the headers in one call.
func (w *ResponseWriter) fields() handle {
	entries := make([][4]uint32, len(w.headers)) // name, its length, value, its length
	for i, h := range w.headers {
		entries[i] = [4]uint32{abi.Addr(h.name), uint32(len(h.name)), abi.Addr(h.value), uint32(len(h.value))}
	}
	fieldsFromList(unsafe.Pointer(unsafe.SliceData(entries)), uint32(len(entries)), abi.Ret.Ptr())
	runtime.KeepAlive(w)
	if abi.Ret.U8(0) != 0 {
		panic("wasihttp: the host refused a header")
	}
	return handle(abi.Ret.U32(4))
}

// writeAll writes as much at a time as the host permits. When the client has gone
// there is no one to tell, and the rest is left out.
func writeAll(stream handle, data []byte) {
	for len(data) > 0 {
		outputStreamCheckWrite(stream, abi.Ret.Ptr())
		if failed(8) {
			return
		}
		n := min(abi.Ret.U64(8), uint64(len(data)))
		if n == 0 {
			ready := outputStreamSubscribe(stream)
			pollableBlock(ready)
			pollableDrop(ready)
			continue
		}
		outputStreamWrite(stream, unsafe.Pointer(unsafe.SliceData(data)), uint32(n), abi.Ret.Ptr())
		if failed(4) {
			return
		}
		data = data[n:]
	}
}

// failed says whether a stream call failed; its result starts at an offset.
func failed(offset int) bool {
	if abi.Ret.U8(0) == 0 {
		return false
	}
	if abi.Ret.U8(offset) == 0 { // last-operation-failed(error), not closed
		errorDrop(handle(abi.Ret.U32(offset + 4)))
	}
	return true
}

// Unescape turns %41 into A. It is not ok when a percent sign is not followed by
// two hexadecimal digits.
func Unescape(s string) (_ string, ok bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return "", false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			c = byte(n)
			i += 2
		}
		out = append(out, c)
	}
	return string(out), true
}
