;; What plain Go asks of WASI 0.1 ("wasi_snapshot_preview1"), in terms of WASI 0.2.
;; wasm-tools puts it between the Go module and the component's imports and keeps
;; only the functions that the module uses.
;;
;; There are no arguments, no environment and no files: a web request is all the
;; input. Everything printed, a panic's message above all, goes to stderr.
;;
;; It allocates nothing, because it is called before Go's runtime is up. Results
;; that the host writes go to address 64: Go's linker puts nothing below 12 KiB,
;; and TinyGo has the far end of its stack there.
(module
  (import "env" "memory" (memory 0))
  (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $monotonic (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-instant" (func $at (param i64) (result i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop-pollable (param i32)))
  (import "wasi:clocks/wall-clock@0.2.0" "now" (func $wall (param i32)))
  (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
  (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $get-stderr (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop-stream (param i32)))
  (import "wasi:io/error@0.2.0" "[resource-drop]error" (func $drop-error (param i32)))

  ;; Answers, as WASI 0.1 numbers them.
  (global $success i32 (i32.const 0))
  (global $badf i32 (i32.const 8))
  (global $nosys i32 (i32.const 52))

  (global $result i32 (i32.const 64))

  (func (export "args_sizes_get") (param $count i32) (param $size i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $size) (i32.const 0))
    (global.get $success))
  (func (export "args_get") (param i32 i32) (result i32) (global.get $success))
  (func (export "environ_sizes_get") (param $count i32) (param $size i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $size) (i32.const 0))
    (global.get $success))
  (func (export "environ_get") (param i32 i32) (result i32) (global.get $success))

  (func (export "sched_yield") (result i32) (global.get $success))

  ;; Go ends the process after a panic; the host sees a trap, and the message on stderr.
  (func (export "proc_exit") (param i32) unreachable)

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $time i32) (result i32)
    (if (local.get $clock)
      (then (i64.store (local.get $time) (call $monotonic)))
      (else
        (call $wall (global.get $result))
        (i64.store (local.get $time)
          (i64.add
            (i64.mul (i64.load (global.get $result)) (i64.const 1000000000))
            (i64.load32_u offset=8 (global.get $result))))))
    (global.get $success))

  (func (export "random_get") (param $to i32) (param $size i32) (result i32)
    (local $bits i64)
    (block $short
      (loop $word
        (br_if $short (i32.lt_u (local.get $size) (i32.const 8)))
        (i64.store (local.get $to) (call $random))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))
        (local.set $size (i32.sub (local.get $size) (i32.const 8)))
        (br $word)))
    (block $done
      (br_if $done (i32.eqz (local.get $size)))
      (local.set $bits (call $random))
      (loop $byte
        (i64.store8 (local.get $to) (local.get $bits))
        (local.set $bits (i64.shr_u (local.get $bits) (i64.const 8)))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $size (i32.sub (local.get $size) (i32.const 1)))
        (br_if $byte (local.get $size))))
    (global.get $success))

  ;; Writes one piece of at most 4096 bytes, the most that the host takes at once.
  ;; A host that does not want it is no reason to stop.
  (func $write-piece (param $stream i32) (param $from i32) (param $size i32)
    (call $write (local.get $stream) (local.get $from) (local.get $size) (global.get $result))
    (if (i32.load8_u (global.get $result))
      (then
        (if (i32.eqz (i32.load8_u offset=4 (global.get $result)))
          (then (call $drop-error (i32.load offset=8 (global.get $result))))))))

  (func (export "fd_write") (param $fd i32) (param $parts i32) (param $count i32) (param $written i32) (result i32)
    (local $stream i32) (local $from i32) (local $left i32) (local $size i32) (local $total i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1))
      (then (return (global.get $badf))))
    (local.set $stream (call $get-stderr))
    (block $done
      (loop $part
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $from (i32.load (local.get $parts)))
        (local.set $left (i32.load offset=4 (local.get $parts)))
        (local.set $total (i32.add (local.get $total) (local.get $left)))
        (block $written-part
          (loop $piece
            (br_if $written-part (i32.eqz (local.get $left)))
            (local.set $size
              (select (local.get $left) (i32.const 4096)
                (i32.lt_u (local.get $left) (i32.const 4096))))
            (call $write-piece (local.get $stream) (local.get $from) (local.get $size))
            (local.set $from (i32.add (local.get $from) (local.get $size)))
            (local.set $left (i32.sub (local.get $left) (local.get $size)))
            (br $piece)))
        (local.set $parts (i32.add (local.get $parts) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $part)))
    (call $drop-stream (local.get $stream))
    (i32.store (local.get $written) (local.get $total))
    (global.get $success))

  ;; Go sleeps by polling for one clock. With a file beside it, the clock alone is
  ;; waited for: there are no files to become ready.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $events i32) (result i32)
    (local $pollable i32)
    (i32.store (local.get $events) (i32.const 0))
    (loop $next
      (if (i32.eqz (local.get $count)) (then (return (global.get $nosys))))
      (if (i32.load8_u offset=8 (local.get $in))
        (then
          (local.set $in (i32.add (local.get $in) (i32.const 48)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $next))))
    (local.set $pollable
      (if (result i32) (i32.and (i32.load16_u offset=40 (local.get $in)) (i32.const 1))
        (then (call $at (i64.load offset=24 (local.get $in))))
        (else (call $after (i64.load offset=24 (local.get $in))))))
    (call $block (local.get $pollable))
    (call $drop-pollable (local.get $pollable))
    (i64.store (local.get $out) (i64.load (local.get $in)))
    (i64.store offset=8 (local.get $out) (i64.const 0))
    (i64.store offset=16 (local.get $out) (i64.const 0))
    (i64.store offset=24 (local.get $out) (i64.const 0))
    (i32.store (local.get $events) (i32.const 1))
    (global.get $success))

  ;; Package os looks for open directories and asks about the standard streams.
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (global.get $badf))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (global.get $badf))
  (func (export "fd_fdstat_get") (param i32 i32) (result i32) (global.get $badf))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (global.get $badf))
  (func (export "fd_close") (param i32) (result i32) (global.get $badf))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32) (global.get $badf))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (global.get $badf))
  (func (export "fd_sync") (param i32) (result i32) (global.get $badf))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (global.get $badf))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (global.get $badf))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (global.get $badf))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (global.get $badf))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (global.get $badf))

  ;; Packages that can do more with files and sockets may link; the calls fail.
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (global.get $nosys))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (global.get $nosys))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (global.get $nosys))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (global.get $nosys))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (global.get $nosys))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $nosys))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (global.get $nosys))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $nosys))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (global.get $nosys))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (global.get $nosys))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (global.get $nosys))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (global.get $nosys))
)
