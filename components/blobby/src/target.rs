//! What a request asks for: an object in a container.

use crate::reply::Failure;

/// The container of a request that names none.
pub const DEFAULT: &str = "default";

pub struct Target {
    /// Empty for the container itself.
    pub object: String,
    pub container: String,
    /// Path and query as they came, safe to put into a header.
    pub location: String,
}

impl Target {
    /// Reads a path with its query, below the path where blobby is mounted.
    pub fn parse(sent: &str, mount: &str) -> Result<Target, Failure> {
        let (path, query) = sent.split_once('?').unwrap_or((sent, ""));
        let inside =
            path.strip_prefix(mount).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let Some(inside) = inside else {
            return Err(Failure::new(404, format!("Files are below {mount}/ here.")));
        };
        let object = decoded(inside.strip_prefix('/').unwrap_or(inside), false)
            .ok_or_else(|| Failure::new(400, "The path is not percent-encoded UTF-8."))?;
        let named = query.split('&').find_map(|pair| pair.strip_prefix("container="));
        let container = match named {
            None => Some(DEFAULT.into()),
            Some(name) => decoded(name, true).filter(|name| !name.is_empty()),
        }
        .ok_or_else(|| Failure::new(400, "container= is no name in percent-encoded UTF-8."))?;
        Ok(Target { object, container, location: escaped(sent, |byte| byte.is_ascii_graphic()) })
    }
}

/// `a%21` becomes `a!`, and in a query `+` becomes a space; nothing if it is not encoded well.
fn decoded(text: &str, query: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        bytes.push(match first {
            b'%' => {
                let [high, low, tail @ ..] = tail else { return None };
                rest = tail;
                digit(*high)? * 16 + digit(*low)?
            }
            b'+' if query => b' ',
            _ => *first,
        });
    }
    String::from_utf8(bytes).ok()
}

/// What a hex digit stands for.
fn digit(c: u8) -> Option<u8> {
    u8::try_from(char::from(c).to_digit(16)?).ok()
}

/// Percent-encodes the bytes that are not safe.
pub fn escaped(text: &str, safe: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if safe(byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}
