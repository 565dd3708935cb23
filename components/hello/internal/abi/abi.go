// Package abi is what a Go guest needs to call the imports of its component: a
// place for results, and memory for the strings and lists that a host hands over.
// The rules are the canonical ABI of the component model.
//
// A result that does not fit one return value comes back through a pointer, which
// the guest passes as the last argument. A string or a list in it is a pointer and
// a length; the host asks the guest for that memory, through cabi_realloc, before
// the call returns.
package abi

import "unsafe"

// Ret is where the host writes the result of a call. One is enough: a component
// is never entered twice, and a result is read before the next call.
var Ret Area

// Area is memory for a result, aligned for the widest value. The largest one here,
// with an error code of wasi:http in it, takes 40 bytes.
type Area [8]uint64

// Ptr is the last argument of a call. It makes the inbox empty.
func (a *Area) Ptr() unsafe.Pointer {
	used = 0
	return unsafe.Pointer(a)
}

// U64 reads at an offset in bytes, a multiple of 8.
func (a *Area) U64(offset int) uint64 { return a[offset/8] }

// U32 reads at an offset in bytes, a multiple of 4.
func (a *Area) U32(offset int) uint32 { return uint32(a[offset/8] >> (offset % 8 * 8)) }

// U8 reads at an offset in bytes. A variant starts with such a byte: which case
// it is. For an option, 1 is some; for a result, 1 is an error.
func (a *Area) U8(offset int) uint8 { return uint8(a[offset/8] >> (offset % 8 * 8)) }

// String copies out the string, or the list of bytes, at an offset.
func (a *Area) String(offset int) string {
	return text(a.U32(offset), a.U32(offset+4))
}

// Strings copies out the list of strings, or of byte lists, at an offset.
func (a *Area) Strings(offset int) []string {
	list := make([]string, a.U32(offset+4))
	if len(list) == 0 {
		return nil
	}
	parts := (*[2]uint32)(received(a.U32(offset)))
	for i, part := range unsafe.Slice(parts, len(list)) {
		list[i] = text(part[0], part[1])
	}
	return list
}

func text(addr, n uint32) string {
	if n == 0 {
		return ""
	}
	return string(unsafe.Slice((*byte)(received(addr)), n))
}

// Addr is where the bytes of a string are, to put into a list. Someone has to hold
// the string until the host has read it: a heap object, so that it is not on a stack.
func Addr(s string) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.StringData(s))))
}

// inbox is where the host puts strings and lists, 1 MiB for the result of one call.
// It is not from Go's heap for a reason: an allocation there may start the garbage
// collector, which asks for the time, and a component that is asked for memory
// must not call out. The inbox takes no room in the file.
var (
	small [1 << 17]uint64
	inbox = small[:]
	used  uint32
)

// Inbox puts another inbox in the place of the first, for a guest that may be given
// more at once. It has to be a global variable, which stays where it is. Call it from
// an init function.
func Inbox(words []uint64) { inbox = words }

func inboxAddr() uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(inbox)))) }

// received is a pointer to what the host put at an address.
func received(addr uint32) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(unsafe.SliceData(inbox)), addr-inboxAddr())
}

// realloc gives the host the next piece of the inbox. It must not allocate, grow
// the stack or switch to another goroutine, hence go:nosplit.
//
//go:wasmexport cabi_realloc
//go:nosplit
func realloc(old, oldSize, align, size uint32) uint32 {
	start := (used + align - 1) &^ (align - 1)
	room := uint32(len(inbox)) * 8
	if size > room || start+size > room {
		return ^uint32(7) // the end of memory: the host sees that there is no room, and traps
	}
	used = start + size
	addr := inboxAddr() + start
	if oldSize != 0 {
		copy(unsafe.Slice((*byte)(received(addr)), size), unsafe.Slice((*byte)(received(old)), oldSize))
	}
	return addr
}
