//! Hands every function of every draft of wasi:keyvalue, and wasi:blobstore, through to whoever calls.

mod blobs;
mod draft;
mod draft2;
mod talk;

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-io-0.2.0.wit",
        "../../wit/deps/wasi-keyvalue-0.1.0.wit",
        "../../wit/deps/wasi-keyvalue-0.2.0-draft.wit",
        "../../wit/deps/wasi-keyvalue-0.2.0-draft2.wit",
        "../../wit/deps/wasi-blobstore-0.2.0-draft.wit",
        "../../wit/worlds/stores.wit",
    ],
    world: "lab:stores/stores",
    generate_all,
});

struct Stores;

export!(Stores);

use wasi::io::streams::{InputStream, OutputStream, StreamError};

/// Everything that a stream has.
fn read_all(stream: &InputStream) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(piece) => data.extend(piece),
            Err(StreamError::Closed) => return Ok(data),
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
}

/// Writes in pieces as large as the host permits, and flushes.
fn write_all(stream: &OutputStream, mut data: &[u8]) -> Result<(), String> {
    while !data.is_empty() {
        let room = stream.check_write().map_err(said)? as usize;
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (piece, rest) = data.split_at(room.min(data.len()));
        stream.write(piece).map_err(said)?;
        data = rest;
    }
    stream.blocking_flush().map_err(said)
}

/// A stream's error in words.
fn said(error: StreamError) -> String {
    match error {
        StreamError::Closed => "closed".to_string(),
        StreamError::LastOperationFailed(error) => error.to_debug_string(),
    }
}
