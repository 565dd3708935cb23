//! Bodies as streams of chunks: never a whole one in memory.

use std::fmt;

use crate::wasi::http::types::{IncomingBody, IncomingRequest, IncomingResponse, Trailers};
use crate::wasi::io::streams::{InputStream, OutputStream, StreamError};

/// The most to take in at once.
const CHUNK: u64 = 64 * 1024;

/// A body that is coming in.
///
/// The stream is a child of the body and must go first: fields drop in this order.
pub struct Incoming {
    pub stream: InputStream,
    body: IncomingBody,
}

impl Incoming {
    pub fn from_request(request: &IncomingRequest) -> Incoming {
        Incoming::open(request.consume().expect("the body is taken once"))
    }

    pub fn from_response(response: &IncomingResponse) -> Incoming {
        Incoming::open(response.consume().expect("the body is taken once"))
    }

    fn open(body: IncomingBody) -> Incoming {
        let stream = body.stream().expect("the stream is taken once");
        Incoming { stream, body }
    }

    /// What came after the body, once that is read to its end.
    pub fn trailers(self) -> Option<Trailers> {
        let Incoming { stream, body } = self;
        drop(stream);
        let trailers = IncomingBody::finish(body);
        trailers.subscribe().block();
        trailers.get()?.ok()?.ok()?
    }
}

/// Calls `use_chunk` with each chunk as it arrives, up to the end of the stream.
pub fn for_each_chunk(
    from: &InputStream,
    mut use_chunk: impl FnMut(&[u8]) -> Result<(), StreamError>,
) -> Result<(), StreamError> {
    let readable = from.subscribe();
    loop {
        readable.block();
        match from.read(CHUNK) {
            Ok(chunk) => use_chunk(&chunk)?,
            Err(StreamError::Closed) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Writes bytes as fast as the other side takes them, and sends them off.
pub fn write(to: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    let writable = to.subscribe();
    while !bytes.is_empty() {
        writable.block();
        let room = usize::try_from(to.check_write()?).unwrap_or(usize::MAX);
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        to.write(now)?;
        bytes = later;
    }
    to.flush()
}

/// Passes a stream on, chunk by chunk.
pub fn copy(from: &InputStream, to: &OutputStream) -> Result<(), StreamError> {
    for_each_chunk(from, |chunk| write(to, chunk))
}

/// Adler-32: two sums, one of the bytes and one of the first sum's values.
pub struct Checksum {
    bytes: u32,
    sums: u32,
}

impl Default for Checksum {
    fn default() -> Checksum {
        Checksum { bytes: 1, sums: 0 }
    }
}

impl Checksum {
    pub fn add(&mut self, chunk: &[u8]) {
        for &byte in chunk {
            self.bytes = (self.bytes + u32::from(byte)) % 65_521;
            self.sums = (self.sums + self.bytes) % 65_521;
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:04x}{:04x}", self.sums, self.bytes)
    }
}
