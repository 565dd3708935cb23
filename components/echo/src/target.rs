//! What a request asks for: path and query; and URLs to send requests to.

use crate::wasi::http::types::{IncomingRequest, Method, Scheme};

/// The path of a request and the parameters behind its `?`.
pub struct Target {
    pub path: String,
    parameters: Vec<(String, String)>,
}

impl Target {
    pub fn of(request: &IncomingRequest) -> Target {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let parameters = query.split('&').map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
        Target { path: path.into(), parameters: parameters.collect() }
    }

    /// The first parameter of this name.
    pub fn query(&self, name: &str) -> Option<String> {
        let found = self.parameters.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.clone())
    }

    /// A parameter as a number of at most nine digits.
    pub fn number(&self, name: &str, default: u64) -> u64 {
        let value = self.query(name).and_then(|value| value.parse().ok());
        value.unwrap_or(default).min(999_999_999)
    }
}

/// Where to send a request.
pub struct Url {
    pub scheme: Scheme,
    pub authority: String,
    pub path: String,
}

impl Url {
    pub fn parse(text: &str) -> Option<Url> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let rest = rest.split('#').next()?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some(Url { scheme, authority: authority.into(), path: format!("{slash}{path}") })
    }
}

/// `GET` for `Method::Get`.
pub fn method_name(method: &Method) -> &str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => name,
    }
}

/// `a+b%21` becomes `a b!`; what is no valid code stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = rest.get(1..3).filter(|_| *first == b'%').and_then(hex);
        bytes.push(code.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if code.is_some() { &rest[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The byte two hex digits stand for.
fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |c: u8| char::from(c).to_digit(16);
    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()
}
