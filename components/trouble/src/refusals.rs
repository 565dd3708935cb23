//! Tries what the HTTP interface does not allow, and reports what the host said.

use std::fmt::Debug;

use crate::wasi::http::types::{
    Fields, IncomingRequest, Method, OutgoingRequest, OutgoingResponse, RequestOptions, Scheme,
};

/// One `attempt: outcome` a line. The outcome is `ok` or the error's name.
pub fn report(request: &IncomingRequest) -> String {
    let mut lines = vec![];
    let mut tried = |attempt: &str, outcome: String| lines.push(format!("{attempt}: {outcome}\n"));

    let fields = Fields::new();
    let append = |name: &str, value: &str| outcome(fields.append(name, value.as_bytes()));
    tried("append x-fine", append("x-fine", "yes"));
    tried("append connection", append("connection", "close"));
    tried("append Transfer-Encoding", append("Transfer-Encoding", "chunked"));
    tried("append host", append("host", "elsewhere"));
    tried("append empty name", append("", "x"));
    tried("append name with space", append("bad name", "x"));
    tried("append name with colon", append("bad:name", "x"));
    tried("append value with line end", append("x-bad", "a\r\nb: c"));
    tried("append value with zero byte", append("x-bad", "a\0b"));
    tried("set connection", outcome(fields.set("connection", &["close".into()])));
    tried("delete what is not there", outcome(fields.delete("x-nothing")));
    tried("delete bad name", outcome(fields.delete("bad name")));
    tried("get bad name", format!("{} values", fields.get("bad name").len()));
    let from_list = |name: &str| outcome(Fields::from_list(&[(name.into(), "x".into())]));
    tried("from-list x-fine", from_list("x-fine"));
    tried("from-list upgrade", from_list("upgrade"));
    tried("from-list bad name", from_list("bad name"));

    let received = request.headers();
    tried("append to request headers", outcome(received.append("x-late", b"x")));
    tried("set in request headers", outcome(received.set("x-late", &["x".into()])));
    tried("delete from request headers", outcome(received.delete("x-late")));
    tried("append to a clone of them", outcome(received.clone().append("x-late", b"x")));

    let response = OutgoingResponse::new(Fields::new());
    let sent = response.headers();
    tried("append to response headers", outcome(sent.append("x-late", b"x")));
    drop(sent); // before its response
    tried("status 99", outcome(response.set_status_code(99)));
    tried("status 1000", outcome(response.set_status_code(1000)));
    let body = response.body();
    tried("body", outcome(body.as_ref()));
    tried("body again", outcome(response.body()));
    if let Ok(body) = &body {
        let stream = body.write();
        tried("write", outcome(stream.as_ref()));
        tried("write again", outcome(body.write()));
    }
    drop(body);

    let incoming = request.consume();
    tried("consume", outcome(incoming.as_ref()));
    tried("consume again", outcome(request.consume()));
    if let Ok(incoming) = &incoming {
        let stream = incoming.stream();
        tried("stream", outcome(stream.as_ref()));
        tried("stream again", outcome(incoming.stream()));
    }

    let outgoing = OutgoingRequest::new(Fields::new());
    let method = Method::Other("bad method".into());
    tried("bad method", outcome(outgoing.set_method(&method)));
    let scheme = Scheme::Other("bad scheme".into());
    tried("bad scheme", outcome(outgoing.set_scheme(Some(&scheme))));
    tried("bad authority", outcome(outgoing.set_authority(Some("a b"))));
    tried("bad path", outcome(outgoing.set_path_with_query(Some("/a\nb"))));
    let options = RequestOptions::new();
    tried("connect timeout", outcome(options.set_connect_timeout(Some(1))));

    lines.concat()
}

/// `ok`, or the name of the error: `forbidden`, or just `error` when it has none.
fn outcome<T, E: Debug>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "ok".into(),
        Err(error) => match format!("{error:?}").as_str() {
            "HeaderError::InvalidSyntax" => "invalid-syntax".into(),
            "HeaderError::Forbidden" => "forbidden".into(),
            "HeaderError::Immutable" => "immutable".into(),
            "()" => "error".into(),
            other => other.into(),
        },
    }
}
