//! 0.2.0-draft.

use std::cell::RefCell;

use crate::exports::lab::stores::draft::Guest;
use crate::wasi::keyvalue0_2_0_draft::store::{open, Bucket, Error, KeyResponse};
use crate::wasi::keyvalue0_2_0_draft::{atomics, batch};
use crate::Stores;

thread_local! {
    static KEPT: RefCell<Option<Bucket>> = const { RefCell::new(None) };
}

impl Guest for Stores {
    fn get(bucket: String, key: String) -> Result<Option<Vec<u8>>, Error> {
        open(&bucket)?.get(&key)
    }

    fn set(bucket: String, key: String, value: Vec<u8>) -> Result<(), Error> {
        open(&bucket)?.set(&key, &value)
    }

    fn delete(bucket: String, key: String) -> Result<(), Error> {
        open(&bucket)?.delete(&key)
    }

    fn exists(bucket: String, key: String) -> Result<bool, Error> {
        open(&bucket)?.exists(&key)
    }

    fn list_keys(bucket: String, cursor: Option<u64>) -> Result<KeyResponse, Error> {
        open(&bucket)?.list_keys(cursor)
    }

    fn increment(bucket: String, key: String, delta: u64) -> Result<u64, Error> {
        atomics::increment(&open(&bucket)?, &key, delta)
    }

    fn get_many(
        bucket: String,
        keys: Vec<String>,
    ) -> Result<Vec<Option<(String, Vec<u8>)>>, Error> {
        batch::get_many(&open(&bucket)?, &keys)
    }

    fn set_many(bucket: String, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        batch::set_many(&open(&bucket)?, &pairs)
    }

    fn delete_many(bucket: String, keys: Vec<String>) -> Result<(), Error> {
        batch::delete_many(&open(&bucket)?, &keys)
    }

    fn get_often(bucket: String, key: String, times: u32) -> Result<u32, Error> {
        let bucket = open(&bucket)?;
        let mut found = 0;
        for _ in 0..times {
            found += bucket.get(&key)?.is_some() as u32;
        }
        Ok(found)
    }

    fn keep(bucket: String) -> Result<(), Error> {
        let bucket = open(&bucket)?;
        KEPT.with(|kept| kept.replace(Some(bucket)));
        Ok(())
    }

    fn kept_get(key: String) -> Result<Option<Vec<u8>>, Error> {
        KEPT.with_borrow(|kept| match kept {
            Some(bucket) => bucket.get(&key),
            None => Err(Error::Other("keep a bucket first".to_string())),
        })
    }
}
