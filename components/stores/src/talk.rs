//! The draft of early 2024: values are resources.

use crate::exports::lab::stores::talk::Guest;
use crate::wasi::keyvalue0_1_0::types::{Bucket, Error, IncomingValue, OutgoingValue};
use crate::wasi::keyvalue0_1_0::{atomic, eventual, eventual_batch};
use crate::{read_all, write_all, Stores};

type Done<T> = Result<T, String>;

fn open(bucket: &str) -> Done<Bucket> {
    Bucket::open_bucket(bucket).map_err(trace)
}

fn trace(error: Error) -> String {
    error.trace()
}

fn written(value: &[u8]) -> Done<OutgoingValue> {
    let outgoing = OutgoingValue::new_outgoing_value();
    outgoing.outgoing_value_write_body_sync(value).map_err(trace)?;
    Ok(outgoing)
}

fn consumed(value: IncomingValue) -> Done<Vec<u8>> {
    IncomingValue::incoming_value_consume_sync(value).map_err(trace)
}

fn stream(value: &OutgoingValue, pieces: &[Vec<u8>]) -> Done<crate::OutputStream> {
    let stream = value.outgoing_value_write_body_async().map_err(trace)?;
    for piece in pieces {
        write_all(&stream, piece)?;
    }
    Ok(stream)
}

impl Guest for Stores {
    fn get(bucket: String, key: String) -> Done<Option<Vec<u8>>> {
        let found = eventual::get(&open(&bucket)?, &key).map_err(trace)?;
        found.map(consumed).transpose()
    }

    fn get_streamed(bucket: String, key: String) -> Done<Option<(u64, Vec<u8>)>> {
        let Some(value) = eventual::get(&open(&bucket)?, &key).map_err(trace)? else {
            return Ok(None);
        };
        let size = value.incoming_value_size().map_err(trace)?;
        let stream = IncomingValue::incoming_value_consume_async(value).map_err(trace)?;
        Ok(Some((size, read_all(&stream)?)))
    }

    fn set(bucket: String, key: String, value: Vec<u8>) -> Done<()> {
        eventual::set(&open(&bucket)?, &key, &written(&value)?).map_err(trace)
    }

    fn set_first(bucket: String, key: String, value: Vec<u8>) -> Done<()> {
        let outgoing = OutgoingValue::new_outgoing_value();
        eventual::set(&open(&bucket)?, &key, &outgoing).map_err(trace)?;
        outgoing.outgoing_value_write_body_sync(&value).map_err(trace)
    }

    fn set_streamed(
        bucket: String,
        key: String,
        pieces: Vec<Vec<u8>>,
        drop_first: bool,
    ) -> Done<()> {
        let outgoing = OutgoingValue::new_outgoing_value();
        let stream = stream(&outgoing, &pieces)?;
        if drop_first {
            drop(stream);
            return eventual::set(&open(&bucket)?, &key, &outgoing).map_err(trace);
        }
        let done = eventual::set(&open(&bucket)?, &key, &outgoing).map_err(trace);
        drop(stream);
        done
    }

    fn set_first_streamed(bucket: String, key: String, pieces: Vec<Vec<u8>>) -> Done<()> {
        let outgoing = OutgoingValue::new_outgoing_value();
        eventual::set(&open(&bucket)?, &key, &outgoing).map_err(trace)?;
        drop(stream(&outgoing, &pieces)?);
        Ok(())
    }

    fn set_twice(bucket: String, key: String, value: Vec<u8>) -> Done<()> {
        let outgoing = written(&value)?;
        eventual::set(&open(&bucket)?, &key, &outgoing).map_err(trace)?;
        drop(stream(&outgoing, &[value])?);
        Ok(())
    }

    fn delete(bucket: String, key: String) -> Done<()> {
        eventual::delete(&open(&bucket)?, &key).map_err(trace)
    }

    fn exists(bucket: String, key: String) -> Done<bool> {
        eventual::exists(&open(&bucket)?, &key).map_err(trace)
    }

    fn increment(bucket: String, key: String, delta: u64) -> Done<u64> {
        atomic::increment(&open(&bucket)?, &key, delta).map_err(trace)
    }

    fn compare_and_swap(bucket: String, key: String, old: u64, new: u64) -> Done<bool> {
        atomic::compare_and_swap(&open(&bucket)?, &key, old, new).map_err(trace)
    }

    fn get_many(bucket: String, keys: Vec<String>) -> Done<Vec<Option<Vec<u8>>>> {
        let found = eventual_batch::get_many(&open(&bucket)?, &keys).map_err(trace)?;
        found.into_iter().map(|value| value.map(consumed).transpose()).collect()
    }

    fn keys(bucket: String) -> Done<Vec<String>> {
        eventual_batch::keys(&open(&bucket)?).map_err(trace)
    }

    fn set_many(bucket: String, pairs: Vec<(String, Vec<u8>)>) -> Done<()> {
        let values: Vec<_> = pairs.iter().map(|(_, value)| written(value)).collect::<Done<_>>()?;
        let pairs: Vec<_> = pairs.iter().map(|(key, _)| key.clone()).zip(&values).collect();
        eventual_batch::set_many(&open(&bucket)?, &pairs).map_err(trace)
    }

    fn delete_many(bucket: String, keys: Vec<String>) -> Done<()> {
        eventual_batch::delete_many(&open(&bucket)?, &keys).map_err(trace)
    }
}
