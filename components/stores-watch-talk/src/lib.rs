//! Writes down what it hears of changes, in the bucket `heard`: the draft of early 2024.

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-io-0.2.0.wit",
        "../../wit/deps/wasi-keyvalue-0.1.0.wit",
        "../../wit/deps/wasi-keyvalue-0.2.0-draft.wit",
        "../../wit/deps/wasi-keyvalue-0.2.0-draft2.wit",
        "../../wit/deps/wasi-blobstore-0.2.0-draft.wit",
        "../../wit/worlds/stores.wit",
    ],
    world: "lab:stores/stores-watch-talk",
    generate_all,
});

use exports::wasi::keyvalue0_1_0::handle_watch::Guest;
use wasi::keyvalue0_1_0::eventual;
use wasi::keyvalue0_1_0::types::{Bucket, IncomingValue, OutgoingValue};

struct Watch;

export!(Watch);

fn note(key: &str, line: &str) {
    let heard = Bucket::open_bucket("heard").expect("the bucket opens");
    let value = OutgoingValue::new_outgoing_value();
    value.outgoing_value_write_body_sync(line.as_bytes()).expect("a new value can be written");
    eventual::set(&heard, key, &value).expect("the store takes it");
}

impl Guest for Watch {
    fn on_set(bucket: Bucket, key: String, incoming_value: &IncomingValue) {
        let size = incoming_value.incoming_value_size().expect("its size is known");
        let there = eventual::exists(&bucket, &key).expect("the store answers");
        note(&key, &format!("{size} bytes, there: {there}"));
    }

    fn on_delete(bucket: Bucket, key: String) {
        let there = eventual::exists(&bucket, &key).expect("the store answers");
        note(&key, &format!("deleted, there: {there}"));
    }
}
