//! Sending an object, or a range of its bytes.

use crate::negotiate::{content_type, http_date, range, Range};
use crate::reply::{header, Failure, Header, Reply};
use crate::target::Target;
use crate::wasi::blobstore::container::{Container, ObjectMetadata};
use crate::wasi::blobstore::types::IncomingValue;
use crate::wasi::http::types::{IncomingRequest, ResponseOutparam};
use crate::wasi::io::streams::{InputStream, OutputStream};
use crate::{store, CHUNK};

/// How often to look again at an object that is replaced while it is being opened.
const TRIES: usize = 8;

/// What a HEAD gets: all but the bytes.
pub fn send_head(target: &Target, out: &mut Option<ResponseOutparam>) -> Result<(), Failure> {
    let (_, info) = find(target)?;
    let mut headers = about(&info);
    headers.push(header("content-length", &info.size.to_string()));
    Reply::head(out, 200, headers);
    Ok(())
}

/// Sends the object, or the one range that the client asks for.
pub fn send(
    request: &IncomingRequest,
    target: &Target,
    out: &mut Option<ResponseOutparam>,
) -> Result<(), Failure> {
    let (container, mut info) = find(target)?;
    for _ in 0..TRIES {
        let size = info.size;
        let mut headers = about(&info);
        let (status, start, length) = match wanted(request, &info) {
            Range::Whole => (200, 0, size),
            Range::Part(start, end) => {
                headers.push(header("content-range", &format!("bytes {start}-{end}/{size}")));
                (206, start, end - start + 1)
            }
            Range::Outside => {
                return Err(Failure::new(416, format!("There are {size} bytes."))
                    .with("content-range", &format!("bytes */{size}")));
            }
        };
        headers.push(header("content-length", &length.to_string()));
        if length == 0 {
            Reply::head(out, status, headers);
            return Ok(());
        }
        let from = open(&container, target, start, start + length - 1)?;
        let now = describe(&container, target)?;
        if (now.size, now.created_at) != (size, info.created_at) {
            // Replaced since it was looked at: what the head says would not fit the bytes.
            info = now;
            continue;
        }
        let reply = Reply::start(out, status, headers);
        // Without the `finish`, the client sees that the body was cut short.
        if pass(&from, &reply.stream, length) {
            reply.finish();
        }
        return Ok(());
    }
    Err(Failure::new(503, format!("{} is being replaced all the time.", target.object)))
}

fn find(target: &Target) -> Result<(Container, ObjectMetadata), Failure> {
    let container = store::container(target)?;
    let info = describe(&container, target)?;
    Ok((container, info))
}

fn describe(container: &Container, target: &Target) -> Result<ObjectMetadata, Failure> {
    let info = container.object_info(&target.object);
    info.map_err(|words| store::missing_or_failed(container, target, words))
}

/// The bytes from one offset to another, both inclusive.
fn open(
    container: &Container,
    target: &Target,
    start: u64,
    end: u64,
) -> Result<InputStream, Failure> {
    let value = container
        .get_data(&target.object, start, end)
        .map_err(|words| store::missing_or_failed(container, target, words))?;
    IncomingValue::incoming_value_consume_async(value).map_err(store::failed)
}

/// The headers of an object, whatever part of it is sent.
fn about(info: &ObjectMetadata) -> Vec<Header> {
    vec![
        header("content-type", content_type(&info.name)),
        header("x-content-type-options", "nosniff"), // what others stored is not to be guessed at
        header("accept-ranges", "bytes"),
        header("last-modified", &http_date(info.created_at)),
    ]
}

/// The range that a request asks for; all of it if that was for another version of the object.
fn wanted(request: &IncomingRequest, info: &ObjectMetadata) -> Range {
    let headers = request.headers();
    let Some(wanted) = crate::header(&headers, "range") else { return Range::Whole };
    match crate::header(&headers, "if-range") {
        Some(version) if version != http_date(info.created_at) => Range::Whole,
        _ => range(&wanted, info.size),
    }
}

/// Passes so many bytes on within the host; whether all of them came.
fn pass(from: &InputStream, to: &OutputStream, length: u64) -> bool {
    let mut left = length;
    while left > 0 {
        match to.blocking_splice(from, left.min(CHUNK)) {
            Ok(n) => left = left.saturating_sub(n),
            Err(_) => return false,
        }
    }
    true
}
