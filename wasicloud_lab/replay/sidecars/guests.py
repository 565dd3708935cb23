"""The two components that are measured, as text: one that reads the store, and one that asks the first.

`READER` holds a bucket open and gets a key; `CALLER` has the same loop and no store: it calls another component's
`get`. `COMPOSED` is the two in one file, as `wac plug` would make it: the call between them is made by wasmtime alone.
Both take memory for what they are given and let go of it after each get, so that a loop of any length fits.
"""

from __future__ import annotations

BUCKET = "sidecars"
#: What one component asks of the other.
SHELF = "lab:sidecars/shelf@0.1.0"

_STORE = """(import "wasi:keyvalue/store@0.2.0-draft" (instance $store
    (type $cases (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $cases)))
    (export "bucket" (type $bucket (sub resource)))
    (type $opened (result (own $bucket) (error $error)))
    (export "open" (func (param "identifier" string) (result $opened)))
    (type $got (result (option (list u8)) (error $error)))
    (export "[method]bucket.get" (func (param "self" (borrow $bucket)) (param "key" string) (result $got)))))"""

#: Room for a few values of 64 KiB. Bytes below 1024 are the guest's own; above, what it is given is laid end to end.
_MEMORY = """(core module $memory
    (memory (export "memory") 8)
    (global $top (export "top") (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
      (global.set $top (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $memory (instantiate $memory))"""

_IN_MEMORY = '(memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))'

#: `get` answers where its result lies: 8 bytes, address and length of the value. `gets` does that `n` times, and
#: answers how many bytes came in all. The store's or the other's answer is written to 64.
_LOOP = """(func $get (export "get") (param $key i32) (param $length i32) (result i32)
      {fetch}
      (global.set $top (i32.const 1024))
      (i32.const 80))
    (func (export "gets") (param $key i32) (param $length i32) (param $n i32) (result i32)
      (local $mark i32) (local $bytes i32)
      (local.set $mark (global.get $top))
      (loop $again
        (drop (call $get (local.get $key) (local.get $length)))
        (global.set $top (local.get $mark))
        (local.set $bytes (i32.add (local.get $bytes) (i32.load (i32.const 84))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
      (global.set $top (i32.const 1024))
      (local.get $bytes))"""

_FROM_STORE = f"""(if (i32.eqz (global.get $open)) (then
        (call $open (i32.const 0) (i32.const {len(BUCKET)}) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then unreachable))
        (global.set $bucket (i32.load (i32.const 68)))
        (global.set $open (i32.const 1))))
      (call $fetch (global.get $bucket) (local.get $key) (local.get $length) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then unreachable))
      (if (i32.eqz (i32.load8_u (i32.const 68))) (then unreachable))
      (i32.store (i32.const 80) (i32.load (i32.const 72)))
      (i32.store (i32.const 84) (i32.load (i32.const 76)))"""

_FROM_SHELF = "(call $fetch (local.get $key) (local.get $length) (i32.const 80))"

_READER = f"""{_STORE}
  (alias export $store "bucket" (type $bucket))
  {_MEMORY}
  (core func $open (canon lower (func $store "open") {_IN_MEMORY}))
  (core func $fetch (canon lower (func $store "[method]bucket.get") {_IN_MEMORY}))
  (core module $loop
    (import "host" "open" (func $open (param i32 i32 i32)))
    (import "host" "fetch" (func $fetch (param i32 i32 i32 i32)))
    (import "memory" "memory" (memory 8))
    (import "memory" "top" (global $top (mut i32)))
    (global $open (mut i32) (i32.const 0))
    (global $bucket (mut i32) (i32.const 0))
    (data (i32.const 0) "{BUCKET}")
    {_LOOP.format(fetch=_FROM_STORE)})
  (core instance $guest (instantiate $loop
    (with "host" (instance (export "open" (func $open)) (export "fetch" (func $fetch))))
    (with "memory" (instance $memory))))
  (func $get (param "key" string) (result (list u8)) (canon lift (core func $guest "get") {_IN_MEMORY}))
  (func (export "gets") (param "key" string) (param "n" u32) (result u32)
    (canon lift (core func $guest "gets") {_IN_MEMORY}))
  (instance $shelf (export "get" (func $get)))
  (export "{SHELF}" (instance $shelf))"""

_CALLER = f"""(import "{SHELF}" (instance $shelf
    (export "get" (func (param "key" string) (result (list u8))))))
  {_MEMORY}
  (core func $fetch (canon lower (func $shelf "get") {_IN_MEMORY}))
  (core module $loop
    (import "host" "fetch" (func $fetch (param i32 i32 i32)))
    (import "memory" "memory" (memory 8))
    (import "memory" "top" (global $top (mut i32)))
    {_LOOP.format(fetch=_FROM_SHELF)})
  (core instance $guest (instantiate $loop
    (with "host" (instance (export "fetch" (func $fetch))))
    (with "memory" (instance $memory))))
  (func (export "get") (param "key" string) (result (list u8)) (canon lift (core func $guest "get") {_IN_MEMORY}))
  (func (export "gets") (param "key" string) (param "n" u32) (result u32)
    (canon lift (core func $guest "gets") {_IN_MEMORY}))"""

READER = f"(component {_READER})".encode()
CALLER = f"(component {_CALLER})".encode()
COMPOSED = f"""(component
  {_STORE}
  (component $reader {_READER})
  (component $caller {_CALLER})
  (instance $back (instantiate $reader (with "wasi:keyvalue/store@0.2.0-draft" (instance $store))))
  (instance $front (instantiate $caller (with "{SHELF}" (instance $back "{SHELF}"))))
  (export "get" (func $front "get"))
  (export "gets" (func $front "gets")))""".encode()
