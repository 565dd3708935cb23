//! Storing an object.

use crate::reply::{header, Failure, Reply};
use crate::target::Target;
use crate::wasi::blobstore::types::OutgoingValue;
use crate::wasi::http::types::{IncomingRequest, ResponseOutparam};
use crate::wasi::io::streams::{InputStream, OutputStream, StreamError};
use crate::{store, CHUNK};

/// Takes in a body and stores it; before it is whole, nothing changes.
pub fn receive(
    request: &IncomingRequest,
    target: &Target,
    out: &mut Option<ResponseOutparam>,
) -> Result<(), Failure> {
    if request.headers().has("content-range") {
        return Err(Failure::new(400, "Part of an object can't be stored, only a whole one."));
    }
    let container = store::container_or_new(target)?;
    let replaces = container.has_object(&target.object).map_err(store::failed)?;

    let value = OutgoingValue::new_outgoing_value();
    let to = value
        .outgoing_value_write_body()
        .map_err(|()| store::failed("it takes no bytes".into()))?;
    // First of all, so that the store takes in the bytes as they come.
    container.write_data(&target.object, &value).map_err(store::failed)?;

    // The stream is a child of the body: it is declared after it and drops before it.
    let body = request.consume().expect("the body is taken once");
    let from = body.stream().expect("the stream is taken once");
    // Unless `finish` is reached, the value is dropped and the object stays what it was.
    pass(&from, &to)?;
    drop(to);
    OutgoingValue::finish(value).map_err(store::failed)?;

    let (status, mut headers) =
        if replaces { (200, vec![]) } else { (201, vec![header("location", &target.location)]) };
    headers.push(header("content-length", "0"));
    Reply::head(out, status, headers);
    Ok(())
}

/// Passes a body on to the store, within the host.
fn pass(from: &InputStream, to: &OutputStream) -> Result<(), Failure> {
    loop {
        let Err(error) = to.blocking_splice(from, CHUNK) else { continue };
        // The error may be of either end: if the store still takes bytes, it is the client's.
        let of_store = to.check_write().is_err();
        let words = match error {
            StreamError::Closed if !of_store => return Ok(()),
            StreamError::Closed => "it takes no more bytes".into(),
            StreamError::LastOperationFailed(error) => error.to_debug_string(),
        };
        return Err(if of_store {
            store::failed(words)
        } else {
            Failure::new(400, format!("The body broke off: {words}"))
        });
    }
}
