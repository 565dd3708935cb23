package blobstore

import "unsafe"

// The imports, named as WIT names them, in the order of WIT.

//go:wasmimport wasi:blobstore/types@0.2.0-draft [static]incoming-value.incoming-value-consume-async
func incomingValueConsumeAsync(this int32, ret unsafe.Pointer)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [method]container.get-data
func containerGetData(self int32, name string, start, end uint64, ret unsafe.Pointer)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [method]container.object-info
func containerObjectInfo(self int32, name string, ret unsafe.Pointer)

//go:wasmimport wasi:blobstore/container@0.2.0-draft [resource-drop]container
func containerDrop(self int32)

//go:wasmimport wasi:blobstore/blobstore@0.2.0-draft get-container
func getContainer(name string, ret unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [method]input-stream.blocking-read
func inputStreamBlockingRead(self int32, n uint64, ret unsafe.Pointer)

//go:wasmimport wasi:io/streams@0.2.0 [resource-drop]input-stream
func inputStreamDrop(self int32)

//go:wasmimport wasi:io/error@0.2.0 [resource-drop]error
func errorDrop(self int32)
