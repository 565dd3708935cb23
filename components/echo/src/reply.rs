//! Answering a request.

use crate::wasi::http::types::{
    Fields, OutgoingBody, OutgoingResponse, ResponseOutparam, Trailers,
};
use crate::wasi::io::streams::OutputStream;

/// A response whose head is on its way and whose body is being written.
///
/// The stream is a child of the body and must go first: fields drop in this order.
pub struct Reply {
    pub stream: OutputStream,
    body: OutgoingBody,
}

impl Reply {
    /// Sends status and headers, and opens the body.
    pub fn start(out: ResponseOutparam, status: u16, headers: &[(String, Vec<u8>)]) -> Reply {
        let headers = Fields::from_list(headers).expect("valid headers");
        let response = OutgoingResponse::new(headers);
        response.set_status_code(status).expect("a valid status");
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        Reply { stream, body }
    }

    /// Closes the body, with trailers or without.
    pub fn finish(self, trailers: Option<Trailers>) {
        let Reply { stream, body } = self;
        drop(stream);
        // An error means the client has gone: there is nobody left to tell.
        let _ = OutgoingBody::finish(body, trailers);
    }

    /// Sends a whole response with a text.
    pub fn text(out: ResponseOutparam, status: u16, text: &str) {
        let headers = [
            ("content-type".into(), "text/plain; charset=utf-8".into()),
            ("content-length".into(), text.len().to_string().into_bytes()),
        ];
        let reply = Reply::start(out, status, &headers);
        for chunk in text.as_bytes().chunks(4096) {
            if reply.stream.blocking_write_and_flush(chunk).is_err() {
                return;
            }
        }
        reply.finish(None);
    }
}
