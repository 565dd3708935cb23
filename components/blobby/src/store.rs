//! Finding things in the store. Its errors are words, so whether something is missing is asked.
//! It is asked first where the question costs little: a store that is down then says so at once.

use crate::reply::Failure;
use crate::target::Target;
use crate::wasi::blobstore::blobstore;
use crate::wasi::blobstore::container::Container;

/// Whether the container is there.
pub fn has_container(target: &Target) -> Result<bool, Failure> {
    blobstore::container_exists(&target.container).map_err(failed)
}

/// The container to read from.
pub fn container(target: &Target) -> Result<Container, Failure> {
    if !has_container(target)? {
        return Err(Failure::new(404, format!("There is no container {}.", target.container)));
    }
    blobstore::get_container(&target.container).map_err(failed)
}

/// The container to write to, made if it is missing.
pub fn container_or_new(target: &Target) -> Result<Container, Failure> {
    let name = &target.container;
    if has_container(target)? {
        return blobstore::get_container(name).map_err(failed);
    }
    // When it can't be made, somebody else may just have made it.
    blobstore::create_container(name)
        .or_else(|words| blobstore::get_container(name).map_err(|_| words))
        .map_err(failed)
}

/// Tells an object that is not there from a store that failed.
pub fn missing_or_failed(container: &Container, target: &Target, words: String) -> Failure {
    match container.has_object(&target.object) {
        Ok(false) => no_object(target),
        _ => failed(words),
    }
}

pub fn no_object(target: &Target) -> Failure {
    Failure::new(404, format!("There is no {} in {}.", target.object, target.container))
}

/// The store said no, in its own words.
pub fn failed(words: String) -> Failure {
    Failure::new(502, format!("The store failed: {words}"))
}
