//! Addresses as signatures need them.

/// Percent-encodes all but unreserved characters, and slashes only if they separate nothing.
pub(crate) fn encode(text: &str, keep_slashes: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b'/' if keep_slashes => out.push('/'),
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}

/// A query of these members, sorted by name.
pub(crate) fn query(members: &[(&str, &str)]) -> String {
    let mut members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name, false), encode(value, false)))
        .collect();
    members.sort();
    members.join("&")
}
