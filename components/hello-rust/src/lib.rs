//! Says hello to the name in the path: the Rust twin of the Go guest in `components/hello`.

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-io-0.2.0.wit",
        "../../wit/deps/wasi-clocks-0.2.0.wit",
        "../../wit/deps/wasi-random-0.2.0.wit",
        "../../wit/deps/wasi-filesystem-0.2.0.wit",
        "../../wit/deps/wasi-sockets-0.2.0.wit",
        "../../wit/deps/wasi-cli-0.2.0.wit",
        "../../wit/deps/wasi-http-0.2.0.wit",
        "../../wit/worlds/hello.wit",
    ],
    world: "gopher:hello/hello",
    generate_all,
});

use exports::wasi::http::incoming_handler::Guest;
use wasi::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Hello;

export!(Hello);

impl Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let with_body = match request.method() {
            Method::Get => true,
            Method::Head => false,
            _ => return respond(out, 405, "Only GET and HEAD, please.\n", true),
        };
        match name(&request) {
            Some(name) => {
                let text = format!("Hello, {name}, from a Rust component!\n");
                respond(out, 200, &text, with_body);
            }
            None => respond(out, 400, "The path is not percent-encoded UTF-8.\n", with_body),
        }
    }
}

/// The name in the path of a request: `/gopher` is for gopher, `/` for the world.
fn name(request: &IncomingRequest) -> Option<String> {
    let target = request.path_with_query().unwrap_or_default();
    let path = target.split('?').next()?;
    let name = percent_decoded(path.strip_prefix('/').unwrap_or(path))?;
    Some(if name.is_empty() { "world".into() } else { name })
}

/// `%C3%A9` becomes `é`. Nothing for a `%` without two hex digits, or if it is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex_digit(bytes.next())? * 16 + hex_digit(bytes.next())?,
            plain => plain,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(digit: Option<u8>) -> Option<u8> {
    let value = char::from(digit?).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Sends a whole response. A HEAD request gets the headers of its GET, and no body.
fn respond(out: ResponseOutparam, status: u16, text: &str, with_body: bool) {
    let headers = Fields::new();
    let length = text.len().to_string();
    add(&headers, "content-type", "text/plain; charset=utf-8");
    add(&headers, "content-length", &length);
    if status == 405 {
        add(&headers, "allow", "GET, HEAD");
    }
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a valid status");
    let body = with_body.then(|| response.body().expect("the body is taken once"));
    ResponseOutparam::set(out, Ok(response));
    if let Some(body) = body {
        write(body, text.as_bytes());
    }
}

fn add(headers: &Fields, name: &str, value: &str) {
    let added = headers.append(name, value.as_bytes());
    added.expect("a valid header");
}

/// Writes a body and closes it. If the client has gone there is nobody left to tell.
fn write(body: OutgoingBody, bytes: &[u8]) {
    let stream = body.write().expect("the stream is taken once");
    for chunk in bytes.chunks(4096) {
        if stream.blocking_write_and_flush(chunk).is_err() {
            return;
        }
    }
    drop(stream); // before its body
    let _ = OutgoingBody::finish(body, None);
}
