//! The two forms of time stamps.

use jiff::Timestamp;

/// Whole seconds in UTC, as `metadata.creationTimestamp` has them.
pub(super) fn seconds(text: &str) -> Option<String> {
    let time = parse(text)?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Six digits of a second in UTC, as `spec.renewTime` of a Lease has them.
pub(super) fn micros(text: &str) -> Option<String> {
    let time = parse(text)?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
}

fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
