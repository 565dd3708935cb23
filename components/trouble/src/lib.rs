//! Goes wrong on request, one route per way. `GET /` lists them.

mod refusals;

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-io-0.2.0.wit",
        "../../wit/deps/wasi-clocks-0.2.0.wit",
        "../../wit/deps/wasi-random-0.2.0.wit",
        "../../wit/deps/wasi-filesystem-0.2.0.wit",
        "../../wit/deps/wasi-sockets-0.2.0.wit",
        "../../wit/deps/wasi-cli-0.2.0.wit",
        "../../wit/deps/wasi-http-0.2.0.wit",
        "../../wit/deps/lab-missing-0.1.0.wit",
        "../../wit/worlds/trouble.wit",
    ],
    world: "lab:trouble/trouble",
    generate_all,
});

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use exports::wasi::http::incoming_handler::Guest;
use lab::missing::nowhere;
use wasi::cli::stderr::get_stderr;
use wasi::clocks::monotonic_clock;
use wasi::http::types::{
    ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasi::io::streams::OutputStream;

const ROUTES: &str = "\
/trap           an instruction that always traps
/panic          a Rust panic, with a message on stderr
/loop           runs for ever
/memory         takes memory until there is none
/stack          calls itself until the stack is full
/silent         returns without an answer
/error          answers with an error instead of a response
/short          promises 10 bytes, writes 5
/long           promises 5 bytes, writes 10
/unfinished     drops the body without finishing it
/late-trap      traps in the middle of the body
/headers        tries what a host has to refuse
/status?code=N  answers with status N
/missing        calls an import that nobody provides
/count          how often this instance was asked
/sleep?ms=N     answers after N ms
";

struct Trouble;

export!(Trouble);

impl Guest for Trouble {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/" => respond(out, 200, ROUTES),
            "/trap" => trap(),
            "/panic" => panic(),
            "/loop" => spin(),
            "/memory" => hoard(),
            "/stack" => respond(out, 200, &format!("came back: {}\n", deeper(1))),
            "/silent" => {}
            "/error" => refuse(out),
            "/short" => promise(out, "10", b"01234"),
            "/long" => promise(out, "5", b"0123456789"),
            "/unfinished" => unfinished(out),
            "/late-trap" => late_trap(out),
            "/headers" => respond(out, 200, &refusals::report(&request)),
            "/status" => status(out, number(query, "code=")),
            "/missing" => respond(out, 200, &format!("{}\n", nowhere::lost("anybody?"))),
            "/count" => count(out),
            "/sleep" => sleep(out, number(query, "ms=")),
            _ => respond(out, 404, "No such trouble; / lists what there is.\n"),
        }
    }
}

// Kept out of line, here and below, so that a backtrace names them.
#[inline(never)]
fn trap() {
    core::arch::wasm32::unreachable()
}

/// Panics. Not every way to build for wasm has a stderr, so the message goes there by hand.
fn panic() {
    std::panic::set_hook(Box::new(|info| complain(&info.to_string())));
    panic!("this is the message of the panic");
}

#[inline(never)]
fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns + 1);
    }
}

/// Takes a mebibyte at a time and writes all over it. The end is a trap.
#[inline(never)]
fn hoard() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Needs its own frame after the call returns, so that no optimiser makes it a loop.
#[expect(unconditional_recursion)]
#[inline(never)]
fn deeper(level: u64) -> u64 {
    black_box(deeper(black_box(level + 1))) + level
}

fn refuse(out: ResponseOutparam) {
    let code = ErrorCode::InternalError(Some("the guest says no".into()));
    ResponseOutparam::set(out, Err(code));
}

/// Promises a length, writes what it likes and tells stderr what the host made of it.
fn promise(out: ResponseOutparam, length: &str, bytes: &[u8]) {
    let (body, stream) = start(out, 200, Some(length));
    let written = stream.blocking_write_and_flush(bytes);
    drop(stream);
    let finished = OutgoingBody::finish(body, None);
    complain(&format!("write: {written:?}, finish: {finished:?}"));
}

fn unfinished(out: ResponseOutparam) {
    let (body, stream) = start(out, 200, None);
    let _ = stream.blocking_write_and_flush(b"this is not all\n");
    drop(stream);
    drop(body);
}

fn late_trap(out: ResponseOutparam) {
    let (_body, stream) = start(out, 200, None);
    let _ = stream.blocking_write_and_flush(b"partial\n");
    trap();
}

/// Answers with any status the host allows.
fn status(out: ResponseOutparam, code: u64) {
    let response = OutgoingResponse::new(Fields::new());
    let code = u16::try_from(code).unwrap_or(u16::MAX);
    if response.set_status_code(code).is_err() {
        return respond(out, 500, &format!("The host refuses status {code}.\n"));
    }
    if matches!(code, 100..=199 | 204 | 304) {
        ResponseOutparam::set(out, Ok(response)); // these have no body
    } else {
        respond(out, code, &format!("status {code}\n"));
    }
}

/// A number above 1 shows that the host used this instance before.
fn count(out: ResponseOutparam) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    respond(out, 200, &format!("count {count}\n"));
}

fn sleep(out: ResponseOutparam, ms: u64) {
    monotonic_clock::subscribe_duration(ms * 1_000_000).block();
    respond(out, 200, &format!("slept {ms} ms\n"));
}

/// Sends a whole response with a text.
fn respond(out: ResponseOutparam, status: u16, text: &str) {
    let (body, stream) = start(out, status, Some(&text.len().to_string()));
    for chunk in text.as_bytes().chunks(4096) {
        if stream.blocking_write_and_flush(chunk).is_err() {
            break;
        }
    }
    drop(stream); // before its body
    let _ = OutgoingBody::finish(body, None);
}

/// Sends status and headers, and opens the body.
fn start(out: ResponseOutparam, status: u16, length: Option<&str>) -> (OutgoingBody, OutputStream) {
    let headers = Fields::new();
    let plain = "text/plain; charset=utf-8";
    for (name, value) in [("content-type", Some(plain)), ("content-length", length)] {
        if let Some(value) = value {
            let added = headers.append(name, value.as_bytes());
            added.expect("a valid header");
        }
    }
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a valid status");
    let body = response.body().expect("the body is taken once");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the stream is taken once");
    (body, stream)
}

/// One line on stderr.
fn complain(message: &str) {
    let line = format!("{message}\n");
    let _ = get_stderr().blocking_write_and_flush(line.as_bytes());
}

/// The number behind `name` in a query; 0 if there is none. Nine digits at most.
fn number(query: &str, name: &str) -> u64 {
    let mut values = query.split('&').filter_map(|pair| pair.strip_prefix(name));
    let value = values.next().and_then(|value| value.parse().ok());
    value.unwrap_or(0).min(999_999_999)
}
