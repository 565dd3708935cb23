;; Answers every request with 200 and "hello\n", in nine calls to the host and
;; nothing else: what is left of a request's time is the host's.
(module
  (import "wasi:http/types@0.2.0" "[constructor]fields"
    (func $new-fields (result i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response"
    (func $new-response (param $headers i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body"
    (func $response-body (param $response i32) (param $answer i32)))
  ;; After the response, the words an error code would need.
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $set (param $out i32) (param $is-error i32) (param $response i32)
               (param i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write"
    (func $body-stream (param $body i32) (param $answer i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish"
    (func $finish (param $body i32) (param $has-trailers i32) (param $trailers i32) (param $answer i32)))
  (import "wasi:http/types@0.2.0" "[resource-drop]incoming-request"
    (func $drop-request (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param $stream i32) (param $text i32) (param $length i32) (param $answer i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream"
    (func $drop-stream (param i32)))

  (memory (export "memory") 1)
  (data (i32.const 0) "hello\n")

  ;; The host puts the answers of its calls here: a byte that is 1 for an error,
  ;; and four bytes on, the handle.
  (global $answer i32 (i32.const 16))
  (global $handle i32 (i32.const 20))

  ;; The host asks for memory to put text in. The only text that could come is
  ;; in an error code, so this guest has none to give.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    unreachable)

  ;; Traps when the last answer was an error.
  (func $check
    (if (i32.load8_u (global.get $answer)) (then unreachable)))

  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $response i32) (local $body i32) (local $stream i32)
    (call $drop-request (local.get $request))

    (local.set $response (call $new-response (call $new-fields)))
    (call $response-body (local.get $response) (global.get $answer))
    (call $check)
    (local.set $body (i32.load (global.get $handle)))
    (call $set (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))

    (call $body-stream (local.get $body) (global.get $answer))
    (call $check)
    (local.set $stream (i32.load (global.get $handle)))
    (call $write (local.get $stream) (i32.const 0) (i32.const 6) (global.get $answer))
    (call $check)
    ;; The stream is a child of the body: it has to go before the body is finished.
    (call $drop-stream (local.get $stream))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (global.get $answer))
    (call $check)))
