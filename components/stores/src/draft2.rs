//! 0.2.0-draft2.

use crate::exports::lab::stores::draft2::Guest;
use crate::wasi::keyvalue0_2_0_draft2::atomics::{self, Cas, CasError};
use crate::wasi::keyvalue0_2_0_draft2::batch;
use crate::wasi::keyvalue0_2_0_draft2::store::{open, Error, KeyResponse};
use crate::Stores;

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

    fn list_keys(bucket: String, cursor: Option<String>) -> Result<KeyResponse, Error> {
        open(&bucket)?.list_keys(cursor.as_deref())
    }

    fn increment(bucket: String, key: String, delta: i64) -> Result<i64, Error> {
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

    fn swap(
        bucket: String,
        key: String,
        value: Vec<u8>,
        disturbances: u32,
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let bucket = open(&bucket)?;
        let mut cas = Cas::new(&bucket, &key)?;
        let mut seen = Vec::new();
        loop {
            if seen.len() < disturbances as usize {
                bucket.set(&key, format!("disturbance {}", seen.len()).as_bytes())?;
            }
            seen.push(cas.current()?);
            match atomics::swap(cas, &value) {
                Ok(()) => return Ok(seen),
                Err(CasError::StoreError(error)) => return Err(error),
                Err(CasError::CasFailed(next)) => cas = next,
            }
        }
    }
}
