package keyvalue

import "unsafe"

// The imports, named as WIT names them, in the order of WIT.

//go:wasmimport wasi:keyvalue/store@0.2.0-draft open
func open(identifier string, ret unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.get
func bucketGet(self int32, key string, ret unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [method]bucket.list-keys
func bucketListKeys(self int32, hasCursor uint32, cursor uint64, ret unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft [resource-drop]bucket
func bucketDrop(self int32)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft increment
func increment(bucket int32, key string, delta uint64, ret unsafe.Pointer)
