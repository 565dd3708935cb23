// Package keyvalue is wasi:keyvalue for a Go guest: buckets of keys, each with its
// bytes. Which store holds them is for the host to know.
package keyvalue

import (
	"slices"

	"gopher/hello/internal/abi"
)

// Error is a store that failed. Its text is the store's own words where it has some.
type Error struct{ words string }

func (e *Error) Error() string { return e.words }

// Bucket is an open bucket. Close it: the host keeps a table of them.
type Bucket struct{ self int32 }

// Open opens a bucket. One that is not there yet is an empty one, or an error:
// that is up to the store.
func Open(name string) (Bucket, error) {
	open(name, abi.Ret.Ptr())
	if abi.Ret.U8(0) != 0 {
		return Bucket{}, failure(4)
	}
	return Bucket{int32(abi.Ret.U32(4))}, nil
}

// Close lets go of the bucket.
func (b Bucket) Close() { bucketDrop(b.self) }

// Get is the value of a key. It is not ok when there is no such key.
func (b Bucket) Get(key string) (value string, ok bool, err error) {
	bucketGet(b.self, key, abi.Ret.Ptr())
	if abi.Ret.U8(0) != 0 {
		return "", false, failure(4)
	}
	if abi.Ret.U8(4) == 0 {
		return "", false, nil
	}
	return abi.Ret.String(8), true, nil
}

// Keys are all keys, sorted. They come in pages, and a store may name a key twice
// while others write to it.
func (b Bucket) Keys() ([]string, error) {
	var keys []string
	var more uint32
	var cursor uint64
	for {
		bucketListKeys(b.self, more, cursor, abi.Ret.Ptr())
		if abi.Ret.U8(0) != 0 {
			return nil, failure(8)
		}
		keys = append(keys, abi.Ret.Strings(8)...)
		more, cursor = uint32(abi.Ret.U8(16)), abi.Ret.U64(24)
		if more == 0 {
			slices.Sort(keys)
			return slices.Compact(keys), nil
		}
	}
}

// Increment adds to a counter, in one step that nothing comes between, and is its
// new value. A key that is not there counts from 0.
func (b Bucket) Increment(key string, delta uint64) (uint64, error) {
	increment(b.self, key, delta, abi.Ret.Ptr())
	if abi.Ret.U8(0) != 0 {
		return 0, failure(8)
	}
	return abi.Ret.U64(8), nil
}

// failure reads the error at an offset: no-such-store, access-denied or other(string).
func failure(offset int) error {
	switch abi.Ret.U8(offset) {
	case 0:
		return &Error{"no such store"}
	case 1:
		return &Error{"access denied"}
	default:
		return &Error{abi.Ret.String(offset + 4)}
	}
}
