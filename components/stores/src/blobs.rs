//! wasi:blobstore, its outgoing values ended with `finish`.

use crate::exports::lab::stores::blobs::{Guest, Order};
use crate::wasi::blobstore::blobstore as store;
use crate::wasi::blobstore::container::Container;
use crate::wasi::blobstore::types::{
    ContainerMetadata, IncomingValue, ObjectId, ObjectMetadata, OutgoingValue,
};
use crate::wasi::io::streams::{OutputStream, StreamError};
use crate::{read_all, said, write_all, Stores};

type Done<T> = Result<T, String>;

const PIECE: usize = 1 << 16;

fn open(container: &str) -> Done<Container> {
    store::get_container(container)
}

fn object(container: String, object: String) -> ObjectId {
    ObjectId { container, object }
}

fn body(value: &OutgoingValue) -> Done<OutputStream> {
    value.outgoing_value_write_body().map_err(|()| "no stream".to_string())
}

/// Writes through `write`, which is told where half of the bytes are, before, after or around `write-data`.
fn put<W>(container: &str, name: &str, order: Order, write: W) -> Done<OutgoingValue>
where
    W: Fn(&OutputStream, bool) -> Done<()>,
{
    let container = open(container)?;
    let value = OutgoingValue::new_outgoing_value();
    let stream = body(&value)?;
    if order != Order::After {
        write(&stream, true)?;
    }
    if order == Order::Before {
        write(&stream, false)?;
    }
    container.write_data(name, &value)?;
    if order == Order::After {
        write(&stream, true)?;
    }
    if order != Order::Before {
        write(&stream, false)?;
    }
    Ok(value)
}

fn halves(data: &[u8], first: bool) -> &[u8] {
    let (head, tail) = data.split_at(data.len() / 2);
    if first {
        head
    } else {
        tail
    }
}

fn made_up(from: u64, length: usize) -> Vec<u8> {
    (from..from + length as u64).map(|n| (n.wrapping_mul(31) + n / 256) as u8).collect()
}

fn value_of(container: &str, name: &str, start: u64, end: u64) -> Done<IncomingValue> {
    open(container)?.get_data(name, start, end)
}

impl Guest for Stores {
    fn create_container(name: String) -> Done<()> {
        store::create_container(&name).map(drop)
    }

    fn get_container(name: String) -> Done<String> {
        open(&name)?.name()
    }

    fn container_info(name: String) -> Done<ContainerMetadata> {
        open(&name)?.info()
    }

    fn delete_container(name: String) -> Done<()> {
        store::delete_container(&name)
    }

    fn container_exists(name: String) -> Done<bool> {
        store::container_exists(&name)
    }

    fn clear(container: String) -> Done<()> {
        open(&container)?.clear()
    }

    fn put(container: String, name: String, data: Vec<u8>, order: Order, finish: bool) -> Done<()> {
        let value =
            put(&container, &name, order, |stream, first| write_all(stream, halves(&data, first)))?;
        if finish {
            OutgoingValue::finish(value)
        } else {
            Ok(())
        }
    }

    fn put_long(container: String, name: String, size: u64, order: Order) -> Done<()> {
        let half = size / 2;
        let value = put(&container, &name, order, |stream, first| {
            let (mut at, end) = if first { (0, half) } else { (half, size) };
            while at < end {
                let length = PIECE.min((end - at) as usize);
                write_all(stream, &made_up(at, length))?;
                at += length as u64;
            }
            Ok(())
        })?;
        OutgoingValue::finish(value)
    }

    fn put_nothing(container: String, name: String) -> Done<()> {
        let value = OutgoingValue::new_outgoing_value();
        open(&container)?.write_data(&name, &value)?;
        OutgoingValue::finish(value)
    }

    fn put_twice(container: String, first: String, second: String, data: Vec<u8>) -> Done<()> {
        let container = open(&container)?;
        let value = OutgoingValue::new_outgoing_value();
        write_all(&body(&value)?, &data)?;
        container.write_data(&first, &value)?;
        let again = container.write_data(&second, &value);
        OutgoingValue::finish(value)?;
        again
    }

    fn put_and_trap(container: String, name: String, data: Vec<u8>, order: Order) {
        let _value =
            put(&container, &name, order, |stream, first| write_all(stream, halves(&data, first)));
        core::arch::wasm32::unreachable()
    }

    fn second_stream() -> bool {
        let value = OutgoingValue::new_outgoing_value();
        let _first = value.outgoing_value_write_body();
        value.outgoing_value_write_body().is_ok()
    }

    fn get(container: String, name: String, start: u64, end: u64) -> Done<Vec<u8>> {
        IncomingValue::incoming_value_consume_sync(value_of(&container, &name, start, end)?)
    }

    fn get_streamed(container: String, name: String, start: u64, end: u64) -> Done<(u64, Vec<u8>)> {
        let value = value_of(&container, &name, start, end)?;
        let size = value.size();
        let stream = IncomingValue::incoming_value_consume_async(value)?;
        Ok((size, read_all(&stream)?))
    }

    fn check_long(container: String, name: String) -> Done<u64> {
        let stream =
            IncomingValue::incoming_value_consume_async(value_of(&container, &name, 0, u64::MAX)?)?;
        let (mut at, mut good) = (0, 0);
        loop {
            match stream.blocking_read(PIECE as u64) {
                Ok(piece) => {
                    let wanted = made_up(at, piece.len());
                    good += piece.iter().zip(&wanted).filter(|(a, b)| a == b).count() as u64;
                    at += piece.len() as u64;
                }
                Err(StreamError::Closed) => return Ok(good),
                Err(error) => return Err(said(error)),
            }
        }
    }

    fn splice(container: String, name: String, to: String) -> Done<u64> {
        let source =
            IncomingValue::incoming_value_consume_async(value_of(&container, &name, 0, u64::MAX)?)?;
        let value = OutgoingValue::new_outgoing_value();
        open(&container)?.write_data(&to, &value)?;
        let sink = body(&value)?;
        let mut moved = 0;
        loop {
            match sink.blocking_splice(&source, u64::MAX) {
                Ok(count) => moved += count,
                Err(StreamError::Closed) => break,
                Err(error) => return Err(said(error)),
            }
        }
        drop(sink);
        OutgoingValue::finish(value)?;
        Ok(moved)
    }

    fn list_objects(container: String, at_a_time: u64) -> Done<Vec<Vec<String>>> {
        let names = open(&container)?.list_objects()?;
        let mut parts = Vec::new();
        loop {
            let (part, end) = names.read_stream_object_names(at_a_time)?;
            parts.push(part);
            if end {
                return Ok(parts);
            }
        }
    }

    fn skip_then_read(
        container: String,
        skip: u64,
        read: u64,
    ) -> Done<(u64, bool, Vec<String>, bool)> {
        let names = open(&container)?.list_objects()?;
        let (skipped, ended) = names.skip_stream_object_names(skip)?;
        let (part, end) = names.read_stream_object_names(read)?;
        Ok((skipped, ended, part, end))
    }

    fn delete_object(container: String, name: String) -> Done<()> {
        open(&container)?.delete_object(&name)
    }

    fn delete_objects(container: String, names: Vec<String>) -> Done<()> {
        open(&container)?.delete_objects(&names)
    }

    fn has_object(container: String, name: String) -> Done<bool> {
        open(&container)?.has_object(&name)
    }

    fn object_info(container: String, name: String) -> Done<ObjectMetadata> {
        open(&container)?.object_info(&name)
    }

    fn copy_object(container: String, name: String, to_container: String, to: String) -> Done<()> {
        store::copy_object(&object(container, name), &object(to_container, to))
    }

    fn move_object(container: String, name: String, to_container: String, to: String) -> Done<()> {
        store::move_object(&object(container, name), &object(to_container, to))
    }
}
