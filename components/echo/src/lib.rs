//! Shows what reaches it, streams bodies back, and sends requests of its own.

mod reply;
mod streams;
mod target;

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-io-0.2.0.wit",
        "../../wit/deps/wasi-clocks-0.2.0.wit",
        "../../wit/deps/wasi-random-0.2.0.wit",
        "../../wit/deps/wasi-filesystem-0.2.0.wit",
        "../../wit/deps/wasi-sockets-0.2.0.wit",
        "../../wit/deps/wasi-cli-0.2.0.wit",
        "../../wit/deps/wasi-http-0.2.0.wit",
        "../../wit/deps/wasi-config-0.2.0-rc.1.wit",
        "../../wit/deps/wasi-logging-0.1.0-draft.wit",
        "../../wit/worlds/echo.wit",
    ],
    world: "lab:echo/echo",
    generate_all,
});

use exports::wasi::http::incoming_handler::Guest;
use reply::Reply;
use streams::{copy, for_each_chunk, Checksum, Incoming};
use target::{Target, Url};
use wasi::clocks::{monotonic_clock, wall_clock};
use wasi::config::store;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingRequest, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, RequestOptions, ResponseOutparam, Scheme,
};
use wasi::io::poll::poll;
use wasi::io::streams::StreamError;
use wasi::logging::logging::{self, Level};
use wasi::random::random::get_random_bytes;

const ROUTES: &str = "\
POST /                                 the body, chunk by chunk as it arrives
     /headers                          the request line and headers
POST /trailers                         the body, its trailers and an x-checksum trailer
POST /upload                           length and checksum of the body
GET  /proxy?url=U&ms=N                 what U answers, or 504 after N ms
     /forward?url=U&ms=N               the same, with this request's method and body
GET  /slow?chunks=N&ms=M&before=B      after B ms the head, then N chunks M ms apart
GET  /clock                            both clocks
GET  /random?n=N                       N random bytes, in hex
GET  /config?key=K                     one setting; all of them without a key
GET  /log?level=L&message=M&context=C  one log message
";

struct Echo;

export!(Echo);

impl Guest for Echo {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = Target::of(&request);
        match (request.method(), target.path.as_str()) {
            (Method::Get, "/") => Reply::text(out, 200, ROUTES),
            (Method::Post, "/") => echo(&request, out),
            (_, "/headers") => Reply::text(out, 200, &described(&request)),
            (Method::Post, "/trailers") => trailers(&request, out),
            (Method::Post, "/upload") => upload(&request, out),
            (Method::Get, "/proxy") => relay(None, &target, out),
            (_, "/forward") => relay(Some(&request), &target, out),
            (Method::Get, "/slow") => slow(&target, out),
            (Method::Get, "/clock") => Reply::text(out, 200, &clocks()),
            (Method::Get, "/random") => Reply::text(out, 200, &random_hex(&target)),
            (Method::Get, "/config") => config(&target, out),
            (Method::Get, "/log") => log(&target, out),
            _ => Reply::text(out, 404, "No such route; GET / lists them.\n"),
        }
    }
}

/// Sends the body back while it is still coming in.
fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = Incoming::from_request(request);
    let reply = Reply::start(out, 200, &content_type(&request.headers()));
    // Without the `finish`, the client sees that the body was cut short.
    if copy(&incoming.stream, &reply.stream).is_ok() {
        reply.finish(None);
    }
}

/// Sends the body back, then its trailers and one more.
fn trailers(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = Incoming::from_request(request);
    // HTTP/1.1 sends only those trailers that the headers announce.
    let mut headers = content_type(&request.headers());
    headers.extend(values(&request.headers(), "trailer"));
    headers.push(("trailer".into(), "x-checksum".into()));
    let reply = Reply::start(out, 200, &headers);

    let mut checksum = Checksum::default();
    let copied = for_each_chunk(&incoming.stream, |chunk| {
        checksum.add(chunk);
        streams::write(&reply.stream, chunk)
    });
    if copied.is_err() {
        return;
    }
    let trailers = Fields::new();
    if let Some(received) = incoming.trailers() {
        for (name, value) in received.entries() {
            // One the host forbids stays behind; the others still go.
            let _ = trailers.append(&name, &value);
        }
    }
    let checksum = checksum.to_string().into_bytes();
    let _ = trailers.append("x-checksum", &checksum);
    reply.finish(Some(trailers));
}

/// Reads the body to its end and tells its length and checksum.
fn upload(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = Incoming::from_request(request);
    let mut length = 0;
    let mut checksum = Checksum::default();
    let read = for_each_chunk(&incoming.stream, |chunk| {
        length += chunk.len();
        checksum.add(chunk);
        Ok(())
    });
    match read {
        Ok(()) => {
            let text = format!("bytes: {length}\nadler32: {checksum}\n");
            Reply::text(out, 200, &text);
        }
        Err(error) => Reply::text(out, 400, &format!("The body broke off: {error:?}\n")),
    }
}

/// The request line and headers, one `name: value` a line.
fn described(request: &IncomingRequest) -> String {
    let scheme = match request.scheme() {
        None => "none".into(),
        Some(Scheme::Http) => "http".into(),
        Some(Scheme::Https) => "https".into(),
        Some(Scheme::Other(name)) => name,
    };
    let mut text = format!(
        "method: {}\npath-with-query: {}\nscheme: {scheme}\nauthority: {}\n\n",
        target::method_name(&request.method()),
        request.path_with_query().unwrap_or("none".into()),
        request.authority().unwrap_or("none".into()),
    );
    for (name, value) in request.headers().entries() {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(&value));
    }
    text
}

/// Why there is no answer to pass on.
enum Failure {
    Refused(&'static str),
    Code(ErrorCode),
    TooLate,
}

/// Sends a request to the URL in the query and passes the answer on.
fn relay(original: Option<&IncomingRequest>, target: &Target, out: ResponseOutparam) {
    let Some(url) = target.query("url").as_deref().and_then(Url::parse) else {
        return Reply::text(out, 400, "url= has to be http://… or https://…\n");
    };
    let patience = target.number("ms", 10_000) * 1_000_000;
    match send(original, &url, patience) {
        Ok(response) => pass_on(&response, out),
        Err(Failure::Refused(what)) => Reply::text(out, 400, &format!("refused: {what}\n")),
        Err(Failure::Code(code)) => Reply::text(out, 502, &format!("{code:?}\n")),
        Err(Failure::TooLate) => Reply::text(out, 504, "no answer in time\n"),
    }
}

/// Sends a GET or, given a request to forward, that one's method, content type and body.
fn send(
    original: Option<&IncomingRequest>,
    url: &Url,
    patience: u64,
) -> Result<IncomingResponse, Failure> {
    let headers = Fields::new();
    for (name, value) in original.map_or(vec![], |r| content_type(&r.headers())) {
        let _ = headers.append(&name, &value);
    }
    let request = OutgoingRequest::new(headers);
    let method = original.map_or(Method::Get, IncomingRequest::method);
    let refused = Failure::Refused;
    request.set_method(&method).map_err(|()| refused("method"))?;
    request.set_scheme(Some(&url.scheme)).map_err(|()| refused("scheme"))?;
    request.set_authority(Some(&url.authority)).map_err(|()| refused("authority"))?;
    request.set_path_with_query(Some(&url.path)).map_err(|()| refused("path"))?;

    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(Some(patience)); // a host need not know timeouts
    let body = original.map(|_| request.body().expect("the body is taken once"));
    let answer = outgoing_handler::handle(request, Some(options)).map_err(Failure::Code)?;
    if let (Some(original), Some(body)) = (original, body) {
        send_body(original, body)?;
    }
    wait(&answer, patience)
}

/// Streams the body of one request into another.
fn send_body(original: &IncomingRequest, body: OutgoingBody) -> Result<(), Failure> {
    let incoming = Incoming::from_request(original);
    let stream = body.write().expect("the stream is taken once");
    match copy(&incoming.stream, &stream) {
        // Closed: the other side wants no more, and its answer says why.
        Ok(()) | Err(StreamError::Closed) => (),
        Err(StreamError::LastOperationFailed(error)) => {
            let message = error.to_debug_string();
            return Err(Failure::Code(ErrorCode::InternalError(Some(message))));
        }
    }
    drop(stream); // before its body
    OutgoingBody::finish(body, None).map_err(Failure::Code)
}

/// Waits for an answer, but not for ever.
fn wait(answer: &FutureIncomingResponse, patience: u64) -> Result<IncomingResponse, Failure> {
    let answered = answer.subscribe();
    let too_late = monotonic_clock::subscribe_duration(patience);
    if !poll(&[&answered, &too_late]).contains(&0) {
        return Err(Failure::TooLate);
    }
    answer
        .get()
        .expect("the pollable was ready")
        .expect("the answer is taken once")
        .map_err(Failure::Code)
}

/// Streams an answer to the client.
fn pass_on(response: &IncomingResponse, out: ResponseOutparam) {
    let incoming = Incoming::from_response(response);
    let headers = content_type(&response.headers());
    let reply = Reply::start(out, response.status(), &headers);
    if copy(&incoming.stream, &reply.stream).is_ok() {
        reply.finish(None);
    }
}

/// Writes a line, lets it out, waits; and again.
fn slow(target: &Target, out: ResponseOutparam) {
    let pause = target.number("ms", 200) * 1_000_000;
    monotonic_clock::subscribe_duration(target.number("before", 0) * 1_000_000).block();
    let reply = Reply::start(out, 200, &[("content-type".into(), "text/plain".into())]);
    for i in 1..=target.number("chunks", 5) {
        monotonic_clock::subscribe_duration(pause).block();
        let written = streams::write(&reply.stream, format!("chunk {i}\n").as_bytes());
        if written.and_then(|()| reply.stream.blocking_flush()).is_err() {
            return; // the client has gone
        }
    }
    reply.finish(None);
}

/// What both clocks say, in seconds.
fn clocks() -> String {
    let seconds = |ns: u64| format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    let wall = wall_clock::now();
    format!(
        "monotonic: {}\nmonotonic resolution: {}\nwall: {}.{:09}\n",
        seconds(monotonic_clock::now()),
        seconds(monotonic_clock::resolution()),
        wall.seconds,
        wall.nanoseconds,
    )
}

/// Random bytes in hex.
fn random_hex(target: &Target) -> String {
    let bytes = get_random_bytes(target.number("n", 16).min(65_536));
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    text
}

/// One setting, or all of them.
fn config(target: &Target, out: ResponseOutparam) {
    let found = match target.query("key") {
        Some(key) => store::get(&key).map(|value| value.map(|value| value + "\n")),
        None => store::get_all().map(|all| {
            let lines = all.iter().map(|(key, value)| format!("{key}={value}\n"));
            Some(lines.collect())
        }),
    };
    match found {
        Ok(Some(text)) => Reply::text(out, 200, &text),
        Ok(None) => Reply::text(out, 404, "no such key\n"),
        Err(error) => Reply::text(out, 502, &format!("{error:?}\n")),
    }
}

/// Logs one message.
fn log(target: &Target, out: ResponseOutparam) {
    let level = match target.query("level").as_deref() {
        Some("trace") => Level::Trace,
        Some("debug") => Level::Debug,
        Some("info") | None => Level::Info,
        Some("warn") => Level::Warn,
        Some("error") => Level::Error,
        Some("critical") => Level::Critical,
        Some(_) => return Reply::text(out, 400, "no such level\n"),
    };
    let context = target.query("context").unwrap_or_default();
    let message = target.query("message").unwrap_or_default();
    logging::log(level, &context, &message);
    Reply::text(out, 200, "logged\n");
}

/// The content type among some headers, to pass on.
fn content_type(headers: &Fields) -> Vec<(String, Vec<u8>)> {
    values(headers, "content-type")
}

fn values(headers: &Fields, name: &str) -> Vec<(String, Vec<u8>)> {
    headers.get(name).into_iter().map(|value| (name.into(), value)).collect()
}
