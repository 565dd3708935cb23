//! Listing a container.

use crate::negotiate::wants_json;
use crate::reply::{header, Failure, Reply};
use crate::store;
use crate::target::{escaped, Target, DEFAULT};
use crate::wasi::blobstore::container::StreamObjectNames;
use crate::wasi::http::types::{IncomingRequest, ResponseOutparam};

/// Names to ask for at a time.
const PAGE: u64 = 1000;

/// Sends the names of the objects, page by page: one a line, or as JSON.
pub fn send(
    request: &IncomingRequest,
    target: &Target,
    out: &mut Option<ResponseOutparam>,
    with_body: bool,
) -> Result<(), Failure> {
    let names = open(target)?;
    // Before the head goes out: a store that fails is still a 502 then.
    let mut page = next(names.as_ref())?;

    let json = crate::header(&request.headers(), "accept").is_some_and(|a| wants_json(&a));
    let kind = if json { "application/json" } else { "text/plain; charset=utf-8" };
    let headers = vec![header("content-type", kind), header("vary", "accept")];
    if !with_body {
        Reply::head(out, 200, headers);
        return Ok(());
    }
    let reply = Reply::start(out, 200, headers);
    let mut text = String::new();
    let mut between = "";
    if json {
        text = format!("{{\"container\":{},\"objects\":[", quoted(&target.container));
    }
    loop {
        let (objects, ended) = page;
        for name in objects {
            if json {
                text += between;
                text += &quoted(&name);
                between = ",";
            } else {
                // A line is a line: what would break it is shown as a URL shows it.
                text += &escaped_controls(&name);
                text.push('\n');
            }
        }
        if ended && json {
            text += "]}\n";
        }
        if reply.write(&text).is_err() {
            return Ok(()); // the client has gone
        }
        if ended {
            break;
        }
        text.clear();
        // Too late for another status: the body breaks off.
        page = next(names.as_ref())?;
    }
    reply.finish();
    Ok(())
}

/// Starts a listing. The default container is made by the first write, and empty before that.
fn open(target: &Target) -> Result<Option<StreamObjectNames>, Failure> {
    if target.container == DEFAULT && !store::has_container(target)? {
        return Ok(None);
    }
    store::container(target)?.list_objects().map(Some).map_err(store::failed)
}

/// The next names, and whether they are the last.
fn next(names: Option<&StreamObjectNames>) -> Result<(Vec<String>, bool), Failure> {
    let Some(names) = names else { return Ok((vec![], true)) };
    names.read_stream_object_names(PAGE).map_err(store::failed)
}

fn escaped_controls(name: &str) -> String {
    if !name.contains(char::is_control) {
        return name.into();
    }
    name.chars()
        .map(|c| if c.is_control() { escaped(&c.to_string(), |_| false) } else { c.into() })
        .collect()
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
