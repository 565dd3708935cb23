//! Headers, read and written: ranges, dates, types.

/// What a Range header comes to.
#[derive(Debug, PartialEq)]
pub enum Range {
    Whole,
    /// From one offset to another, both inclusive.
    Part(u64, u64),
    /// None of it is there.
    Outside,
}

/// Reads a Range header, for an object of so many bytes. Anything but one range of bytes may be
/// answered with the whole, and is.
pub fn range(header: &str, size: u64) -> Range {
    let unit = header.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = unit.and_then(|(_, range)| range.trim().split_once('-')) else {
        return Range::Whole;
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last),
        (Some(first), None) if last.is_empty() => (first, u64::MAX),
        (None, Some(0)) if first.is_empty() => return Range::Outside,
        (None, Some(tail)) if first.is_empty() => (size.saturating_sub(tail), u64::MAX),
        _ => return Range::Whole,
    };
    match range {
        (first, _) if first >= size => Range::Outside,
        (first, last) => Range::Part(first, last.min(size - 1)),
    }
}

/// A decimal number; one that is too large for 64 bits is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// Seconds since 1970 as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http_date(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const LAST: u64 = 253_402_300_799; // of the year 9999: HTTP has four digits

    let seconds = seconds.min(LAST);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Counted from the first of March in the year 0, a leap day is the last one of its year.
    let since = days + 719_468;
    let (era, day) = (since / 146_097, since % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // 0 is March
    let date = day - (153 * month + 2) / 5 + 1;
    let year = 400 * era + year + u64::from(month >= 10);
    format!(
        "{}, {date:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        MONTHS[((month + 2) % 12) as usize],
        second / 3_600,
        second / 60 % 60,
        second % 60,
    )
}

/// The type that a name's ending stands for.
pub fn content_type(name: &str) -> &'static str {
    let Some((_, ending)) = name.rsplit('/').next().unwrap_or(name).rsplit_once('.') else {
        return "application/octet-stream";
    };
    match ending.to_ascii_lowercase().as_str() {
        "txt" | "log" => "text/plain; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "md" => "text/markdown; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" | "ipynb" => "application/json",
        "xml" => "application/xml",
        "yaml" | "yml" => "application/yaml",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Whether an Accept header names JSON and does not like plain text better.
pub fn wants_json(accept: &str) -> bool {
    let weight = |wanted: &str| {
        let mut weights = accept.split(',').filter_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            parts.next().filter(|kind| kind.eq_ignore_ascii_case(wanted))?;
            let q = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            q.map_or(Some(1000), thousandths)
        });
        weights.next().unwrap_or(0)
    };
    let json = weight("application/json");
    json > 0 && json >= weight("text/plain")
}

/// Reads a weight, 0 to 1 with up to three decimals.
fn thousandths(q: &str) -> Option<u64> {
    let (whole, decimals) = q.split_once('.').unwrap_or((q, ""));
    if whole.len() != 1 || decimals.len() > 3 {
        return None;
    }
    number(&format!("{whole}{decimals:0<3}")).filter(|&weight| weight <= 1000)
}
