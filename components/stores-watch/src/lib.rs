//! Writes down what it hears of changes, in the bucket `heard`.

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-io-0.2.0.wit",
        "../../wit/deps/wasi-keyvalue-0.1.0.wit",
        "../../wit/deps/wasi-keyvalue-0.2.0-draft.wit",
        "../../wit/deps/wasi-keyvalue-0.2.0-draft2.wit",
        "../../wit/deps/wasi-blobstore-0.2.0-draft.wit",
        "../../wit/worlds/stores.wit",
    ],
    world: "lab:stores/stores-watch",
    generate_all,
});

use exports::wasi::keyvalue0_2_0_draft::watcher::Guest;
use wasi::keyvalue0_2_0_draft::store::{open, Bucket};

struct Watch;

export!(Watch);

/// Adds a line for each change of a key; a value that says `trap` traps.
fn note(bucket: Bucket, key: &str, line: &[u8]) {
    if line == b"trap" {
        core::arch::wasm32::unreachable();
    }
    let heard = open("heard").expect("the bucket opens");
    let mut lines = heard.get(key).expect("the store answers").unwrap_or_default();
    lines.extend_from_slice(line);
    lines.push(b'\n');
    heard.set(key, &lines).expect("the store takes it");
    // What it was handed is a bucket like any other.
    bucket.exists(key).expect("the store answers");
}

impl Guest for Watch {
    fn on_set(bucket: Bucket, key: String, value: Vec<u8>) {
        note(bucket, &key, &value);
    }

    fn on_delete(bucket: Bucket, key: String) {
        note(bucket, &key, b"deleted");
    }
}
