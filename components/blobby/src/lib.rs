//! A file server whose files are in a blob store: which one, it can't tell.
//!
//! Bodies go from stream to stream inside the host (`blocking-splice`). None of their bytes come
//! through here, however large a file is.

mod download;
mod listing;
mod negotiate;
mod reply;
mod store;
mod target;
mod upload;

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
        "../../wit/deps/wasi-blobstore-0.2.0-draft.wit",
        "../../wit/worlds/blobby.wit",
    ],
    world: "wasmday:blobby/blobby",
    generate_all,
});

use exports::wasi::http::incoming_handler::Guest;
use reply::{Failure, Reply};
use target::Target;
use wasi::config::store as config;
use wasi::http::types::{Fields, IncomingRequest, Method, ResponseOutparam};

/// The most to move in one call.
const CHUNK: u64 = 1 << 20;

struct Blobby;

export!(Blobby);

impl Guest for Blobby {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let mut out = Some(out);
        if let Err(failure) = answer(&request, &mut out) {
            // When the head is out, a body that is not finished says the rest.
            if let Some(out) = out {
                Reply::failure(out, &failure, !matches!(request.method(), Method::Head));
            }
        }
    }
}

/// Answers a request. Whoever sends the head takes `out`.
fn answer(request: &IncomingRequest, out: &mut Option<ResponseOutparam>) -> Result<(), Failure> {
    let path = request.path_with_query().unwrap_or_default();
    let target = Target::parse(&path, &mount()?)?;
    match (request.method(), target.object.is_empty()) {
        (Method::Get, true) => listing::send(request, &target, out, true),
        (Method::Head, true) => listing::send(request, &target, out, false),
        (_, true) => Err(Failure::method("GET, HEAD")),
        (Method::Get, false) => download::send(request, &target, out),
        (Method::Head, false) => download::send_head(&target, out),
        (Method::Put | Method::Post, false) => upload::receive(request, &target, out),
        (Method::Delete, false) => delete(&target, out),
        _ => Err(Failure::method("GET, HEAD, PUT, POST, DELETE")),
    }
}

/// Where requests find blobby: the setting `mount`, `/files` perhaps, or nothing.
fn mount() -> Result<String, Failure> {
    let setting = config::get("mount").map_err(|error| {
        Failure::new(502, format!("The setting `mount` can't be read: {error:?}"))
    })?;
    let setting = setting.unwrap_or_default();
    let path = setting.trim_matches('/');
    Ok(if path.is_empty() { String::new() } else { format!("/{path}") })
}

fn delete(target: &Target, out: &mut Option<ResponseOutparam>) -> Result<(), Failure> {
    let container = store::container(target)?;
    if !container.has_object(&target.object).map_err(store::failed)? {
        return Err(store::no_object(target));
    }
    container.delete_object(&target.object).map_err(store::failed)?;
    Reply::head(out, 204, vec![]);
    Ok(())
}

/// The first value of a header, if it is text.
fn header(headers: &Fields, name: &str) -> Option<String> {
    String::from_utf8(headers.get(name).into_iter().next()?).ok()
}
