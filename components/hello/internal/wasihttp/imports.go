package wasihttp

import "unsafe"

// The imports, named as WIT names them, in the order of WIT. A handle is an index
// into a table of the host. What "own" means is up to the caller: a handle passed
// as own is gone, every other one has to be dropped, children first.
type handle = int32

//go:wasmimport wasi:http/types@0.2.0 [static]fields.from-list
func fieldsFromList(entries unsafe.Pointer, n uint32, ret unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]fields.get
func fieldsGet(self handle, name string, ret unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]fields
func fieldsDrop(self handle)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.method
func incomingRequestMethod(self handle, ret unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.path-with-query
func incomingRequestPathWithQuery(self handle, ret unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [method]incoming-request.headers
func incomingRequestHeaders(self handle) handle

//go:wasmimport wasi:http/types@0.2.0 [resource-drop]incoming-request
func incomingRequestDrop(self handle)

//go:wasmimport wasi:http/types@0.2.0 [constructor]outgoing-response
func newOutgoingResponse(headers handle) handle

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-response.set-status-code
func outgoingResponseSetStatusCode(self handle, status uint32) uint32

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-response.body
func outgoingResponseBody(self handle, ret unsafe.Pointer)

// The answer is result<outgoing-response, error-code>. All cases share one row of
// arguments, so the ones after the handle are there for the error codes.
//
//go:wasmimport wasi:http/types@0.2.0 [static]response-outparam.set
func responseOutparamSet(param handle, isErr uint32, response handle, _ uint32, _ uint64, _, _, _, _ uint32)

//go:wasmimport wasi:http/types@0.2.0 [method]outgoing-body.write
func outgoingBodyWrite(self handle, ret unsafe.Pointer)

//go:wasmimport wasi:http/types@0.2.0 [static]outgoing-body.finish
func outgoingBodyFinish(self handle, hasTrailers uint32, trailers handle, ret unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.check-write
func outputStreamCheckWrite(self handle, ret unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.write
func outputStreamWrite(self handle, data unsafe.Pointer, n uint32, ret unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [method]output-stream.subscribe
func outputStreamSubscribe(self handle) handle

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]output-stream
func outputStreamDrop(self handle)

//go:wasmimport wasi:io/poll@0.2.0 [method]pollable.block
func pollableBlock(self handle)

//go:wasmimport wasi:io/poll@0.2.0 [resource-drop]pollable
func pollableDrop(self handle)

//go:wasmimport wasi:io/error@0.2.0 [resource-drop]error
func errorDrop(self handle)
