//! Writes blobs the older way: nothing but dropping the stream says that an object is whole.

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-io-0.2.0.wit",
        "../../wit/deps/wasi-keyvalue-0.1.0.wit",
        "../../wit/deps/wasi-keyvalue-0.2.0-draft.wit",
        "../../wit/deps/wasi-keyvalue-0.2.0-draft2.wit",
        "../../wit/deps/wasi-blobstore-0.2.0-draft.wit",
        "../../wit/worlds/stores.wit",
    ],
    world: "lab:stores/stores-unfinished",
    generate_all,
});

use exports::lab::stores::unfinished::{Guest, Order};
use wasi::blobstore::blobstore::get_container;
use wasi::blobstore::types::{IncomingValue, OutgoingValue};
use wasi::io::streams::{OutputStream, StreamError};

struct Unfinished;

export!(Unfinished);

type Done<T> = Result<T, String>;

fn write(stream: &OutputStream, data: &[u8]) -> Done<()> {
    stream.blocking_write_and_flush(data).map_err(|error| match error {
        StreamError::Closed => "closed".to_string(),
        StreamError::LastOperationFailed(error) => error.to_debug_string(),
    })
}

fn put(
    container: &str,
    name: &str,
    data: &[u8],
    order: Order,
    drop_first: bool,
) -> Done<(OutgoingValue, Option<OutputStream>)> {
    let container = get_container(container)?;
    let value = OutgoingValue::new_outgoing_value();
    let mut stream = Some(value.outgoing_value_write_body().map_err(|()| "no stream")?);
    let (head, tail) = data.split_at(match order {
        Order::Before => data.len(),
        Order::After => 0,
        Order::Both => data.len() / 2,
    });
    if let Some(stream) = &stream {
        write(stream, head)?;
    }
    if drop_first {
        stream = None;
    }
    container.write_data(name, &value)?;
    if let Some(stream) = &stream {
        write(stream, tail)?;
    }
    Ok((value, stream))
}

impl Guest for Unfinished {
    fn put(
        container: String,
        name: String,
        data: Vec<u8>,
        order: Order,
        drop_first: bool,
    ) -> Done<()> {
        let (value, stream) = put(&container, &name, &data, order, drop_first)?;
        drop(stream);
        drop(value);
        Ok(())
    }

    fn put_nothing(container: String, name: String) -> Done<()> {
        get_container(&container)?.write_data(&name, &OutgoingValue::new_outgoing_value())
    }

    fn put_and_trap(container: String, name: String, data: Vec<u8>, order: Order) {
        let _open = put(&container, &name, &data, order, false);
        core::arch::wasm32::unreachable()
    }

    fn put_and_leak(container: String, name: String, data: Vec<u8>) -> Done<()> {
        std::mem::forget(put(&container, &name, &data, Order::Before, false)?);
        Ok(())
    }

    fn get(container: String, name: String) -> Done<Vec<u8>> {
        let value = get_container(&container)?.get_data(&name, 0, u64::MAX)?;
        IncomingValue::incoming_value_consume_sync(value)
    }
}
