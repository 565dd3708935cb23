//! Answering a request.

use crate::wasi::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use crate::wasi::io::streams::{OutputStream, StreamError};

pub type Header = (String, Vec<u8>);

/// One header, from text.
pub fn header(name: &str, value: &str) -> Header {
    (name.into(), value.into())
}

/// A request that can't be answered as it wishes: the status, why, and what else to say.
pub struct Failure {
    status: u16,
    words: String,
    headers: Vec<Header>,
}

impl Failure {
    pub fn new(status: u16, words: impl Into<String>) -> Failure {
        Failure { status, words: words.into(), headers: vec![] }
    }

    pub fn with(mut self, name: &str, value: &str) -> Failure {
        self.headers.push(header(name, value));
        self
    }

    /// Another method is wanted.
    pub fn method(allowed: &str) -> Failure {
        Failure::new(405, format!("Only {allowed} here, please.")).with("allow", allowed)
    }
}

/// A response whose head is on its way and whose body is being written.
///
/// Dropped without `finish`, it tells the client that the body was cut short. The stream is a child
/// of the body and must go first: fields drop in this order.
pub struct Reply {
    pub stream: OutputStream,
    body: OutgoingBody,
}

impl Reply {
    /// Sends status and headers, and opens the body.
    pub fn start(out: &mut Option<ResponseOutparam>, status: u16, headers: Vec<Header>) -> Reply {
        let body = send_head(out, status, headers);
        let stream = body.write().expect("the stream is taken once");
        Reply { stream, body }
    }

    /// Sends status and headers, and no body.
    pub fn head(out: &mut Option<ResponseOutparam>, status: u16, headers: Vec<Header>) {
        // An error only says that fewer bytes came than `content-length` told: none, after a HEAD.
        let _ = OutgoingBody::finish(send_head(out, status, headers), None);
    }

    /// Sends a whole response that says what went wrong; to a HEAD, the head of it.
    pub fn failure(out: ResponseOutparam, failure: &Failure, with_body: bool) {
        let text = format!("{}\n", failure.words);
        let mut headers = vec![
            header("content-type", "text/plain; charset=utf-8"),
            header("content-length", &text.len().to_string()),
        ];
        headers.extend_from_slice(&failure.headers);
        let mut out = Some(out);
        if !with_body {
            return Reply::head(&mut out, failure.status, headers);
        }
        let reply = Reply::start(&mut out, failure.status, headers);
        if reply.write(&text).is_ok() {
            reply.finish();
        }
    }

    /// Writes text and sends it off.
    pub fn write(&self, text: &str) -> Result<(), StreamError> {
        for chunk in text.as_bytes().chunks(4096) {
            self.stream.blocking_write_and_flush(chunk)?;
        }
        Ok(())
    }

    /// Closes the body: it is whole.
    pub fn finish(self) {
        let Reply { stream, body } = self;
        drop(stream);
        // An error means the client has gone: there is nobody left to tell.
        let _ = OutgoingBody::finish(body, None);
    }
}

fn send_head(
    out: &mut Option<ResponseOutparam>,
    status: u16,
    headers: Vec<Header>,
) -> OutgoingBody {
    let headers = Fields::from_list(&headers).expect("valid headers");
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a valid status");
    let body = response.body().expect("the body is taken once");
    ResponseOutparam::set(out.take().expect("one head"), Ok(response));
    body
}
