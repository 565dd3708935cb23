// Package blobstore is as much of wasi:blobstore as reading a small object takes.
package blobstore

import "gopher/hello/internal/abi"

// Read reads an object from its start, limit bytes at most. It is whole when that
// was all of it, and not ok when the container or the object is not there or the
// store fails: WIT tells these apart by words alone.
func Read(container, name string, limit uint64) (data string, whole, ok bool) {
	getContainer(container, abi.Ret.Ptr())
	if abi.Ret.U8(0) != 0 {
		return "", false, false
	}
	self := int32(abi.Ret.U32(4))
	defer containerDrop(self)

	containerObjectInfo(self, name, abi.Ret.Ptr())
	if abi.Ret.U8(0) != 0 {
		return "", false, false
	}
	size := abi.Ret.U64(32)
	if size == 0 {
		return "", true, true
	}
	n := min(size, limit)

	containerGetData(self, name, 0, n-1, abi.Ret.Ptr()) // the end is inclusive
	if abi.Ret.U8(0) != 0 {
		return "", false, false
	}
	incomingValueConsumeAsync(int32(abi.Ret.U32(4)), abi.Ret.Ptr())
	if abi.Ret.U8(0) != 0 {
		return "", false, false
	}
	stream := int32(abi.Ret.U32(4))
	defer inputStreamDrop(stream)

	data, ok = readAll(stream, n)
	return data, n == size, ok
}

// readAll reads n bytes of a stream, fewer if it ends before.
func readAll(stream int32, n uint64) (string, bool) {
	data := make([]byte, 0, n)
	for uint64(len(data)) < n {
		inputStreamBlockingRead(stream, n-uint64(len(data)), abi.Ret.Ptr())
		if abi.Ret.U8(0) == 0 {
			data = append(data, abi.Ret.String(4)...)
			continue
		}
		if abi.Ret.U8(4) == 0 { // last-operation-failed(error), not closed
			errorDrop(int32(abi.Ret.U32(8)))
			return "", false
		}
		break
	}
	return string(data), true
}
