//! The grammars of names, and what is said about texts that do not fit.

use std::sync::LazyLock;

use regex::Regex;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const DNS_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const CONFIG_KEY: &str = "[-._a-zA-Z0-9]+";
const PERCENT: &str = "[0-9]+%";
const WILDCARD: &str = "\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const HTTP_HEADER: &str = "[-A-Za-z0-9]+";

const QUALIFIED_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/// Whether the whole text fits a pattern.
pub(super) fn fits(pattern: &'static str, text: &str) -> bool {
    static KNOWN: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
        let all = [
            LABEL,
            SUBDOMAIN,
            DNS_1035,
            QUALIFIED,
            LABEL_VALUE,
            CONFIG_KEY,
            PERCENT,
            WILDCARD,
            HTTP_HEADER,
        ];
        all.into_iter().filter_map(|p| Some((p, whole(p)?))).collect()
    });
    let known = KNOWN.iter().find(|(p, _)| *p == pattern);
    known.map_or_else(
        || whole(pattern).is_some_and(|r| r.is_match(text)),
        |(_, regex)| regex.is_match(text),
    )
}

fn whole(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{pattern})$")).ok()
}

/// A complaint that names the pattern and examples that fit.
pub(super) fn mismatch(rule: &str, pattern: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{rule} (regex used for validation is '{pattern}')");
    }
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    format!(
        "{rule} (e.g. {}regex used for validation is '{pattern}')",
        examples.join(" or ")
    )
}

fn characters(limit: usize) -> String {
    format!("must be no more than {limit} characters")
}

fn bytes(limit: usize) -> String {
    format!("must be no more than {limit} bytes")
}

/// `a.b-c.example.com`
pub(super) fn subdomain(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > 253 {
        out.push(characters(253));
    }
    if !fits(SUBDOMAIN, text) {
        let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                    and must start and end with an alphanumeric character";
        out.push(mismatch(rule, SUBDOMAIN, &["example.com"]));
    }
    out
}

/// As `subdomain`, with a limit in bytes.
pub fn subdomain_in_bytes(text: &str) -> Vec<String> {
    let mut out = subdomain(text);
    if text.len() > 253 {
        out[0] = bytes(253);
    }
    out
}

/// `my-name`
pub(super) fn label(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > 63 {
        out.push(characters(63));
    }
    if !fits(LABEL, text) {
        if fits(SUBDOMAIN, text) {
            out.push("must not contain dots".into());
        } else {
            let rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
                        must start and end with an alphanumeric character";
            out.push(mismatch(rule, LABEL, &["my-name", "123-abc"]));
        }
    }
    out
}

/// `my-name`, not starting with a digit
pub(super) fn dns_1035(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > 63 {
        out.push(characters(63));
    }
    if !fits(DNS_1035, text) {
        let rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
                    alphabetic character, and end with an alphanumeric character";
        out.push(mismatch(rule, DNS_1035, &["my-name", "abc-123"]));
    }
    out
}

/// As `dns_1035`, with a limit in bytes.
pub fn dns_1035_in_bytes(text: &str) -> Vec<String> {
    let mut out = dns_1035(text);
    if text.len() > 63 {
        out[0] = bytes(63);
    }
    out
}

/// `*.example.com`
pub(super) fn wildcard(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > 253 {
        out.push(characters(253));
    }
    if !fits(WILDCARD, text) {
        let rule = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must \
                    consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
        out.push(mismatch(rule, WILDCARD, &["*.example.com"]));
    }
    out
}

/// Anything that may stand between two slashes of a URL.
pub(super) fn path_segment(text: &str, prefix: bool) -> Vec<String> {
    if !prefix && (text == "." || text == "..") {
        return vec![format!("may not be '{text}'")];
    }
    ["/", "%"]
        .into_iter()
        .filter(|c| text.contains(c))
        .map(|c| format!("may not contain '{c}'"))
        .collect()
}

/// `example.com/MyName`
pub fn qualified(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let parts: Vec<&str> = text.split('/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                out.push("prefix part must be non-empty".into());
            } else {
                out.extend(subdomain(prefix).into_iter().map(|m| format!("prefix part {m}")));
            }
            name
        }
        _ => {
            let rule = mismatch(QUALIFIED_RULE, QUALIFIED, &["MyName", "my.name", "123-abc"]);
            let optional = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {rule} {optional}")];
        }
    };
    if name.is_empty() {
        out.push("name part must be non-empty".into());
    } else if name.len() > 63 {
        out.push(format!("name part {}", bytes(63)));
    }
    if !fits(QUALIFIED, name) {
        let rule = mismatch(QUALIFIED_RULE, QUALIFIED, &["MyName", "my.name", "123-abc"]);
        out.push(format!("name part {rule}"));
    }
    out
}

/// The value of a label.
pub fn label_value(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > 63 {
        out.push(bytes(63));
    }
    if !fits(LABEL_VALUE, text) {
        let rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                    must start and end with an alphanumeric character";
        out.push(mismatch(rule, LABEL_VALUE, &["MyValue", "my_value", "12345"]));
    }
    out
}

/// A key of a ConfigMap or Secret.
pub(super) fn config_key(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > 253 {
        out.push(characters(253));
    }
    if !fits(CONFIG_KEY, text) {
        let rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        out.push(mismatch(rule, CONFIG_KEY, &["key.name", "KEY_NAME", "key-name"]));
    }
    match text {
        "." => out.push("must not be '.'".into()),
        ".." => out.push("must not be '..'".into()),
        _ if text.starts_with("..") => out.push("must not start with '..'".into()),
        _ => {}
    }
    out
}

/// The name of an environment variable.
pub(super) fn variable(text: &str) -> Vec<String> {
    if text.is_empty() {
        return vec!["environment variable name must be non-empty".into()];
    }
    if text.chars().any(|c| c == '=' || !(' '..='~').contains(&c)) {
        let rule = "a valid environment variable name must consist only of printable ASCII characters other than '='";
        return vec![rule.into()];
    }
    Vec::new()
}

/// `50%`
pub(super) fn percent(text: &str) -> Vec<String> {
    if fits(PERCENT, text) {
        return Vec::new();
    }
    let rule = "a valid percent string must be a numeric string followed by an ending '%'";
    vec![mismatch(rule, PERCENT, &["1%", "93%"])]
}

/// A number of a port.
pub(super) fn port(number: i64) -> Vec<String> {
    if (1..=65535).contains(&number) {
        Vec::new()
    } else {
        vec!["must be between 1 and 65535, inclusive".into()]
    }
}

/// A name of a port.
pub(super) fn port_name(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > 15 {
        out.push(characters(15));
    }
    if text.is_empty()
        || !text
            .chars()
            .all(|c| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit())
    {
        out.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".into());
    }
    if !text.contains(|c: char| c.is_ascii_lowercase()) {
        out.push("must contain at least one letter (a-z)".into());
    }
    if text.contains("--") {
        out.push("must not contain consecutive hyphens".into());
    }
    if text.starts_with('-') || text.ends_with('-') {
        out.push("must not begin or end with a hyphen".into());
    }
    out
}

/// The name of an HTTP header.
pub(super) fn header(text: &str) -> Vec<String> {
    if fits(HTTP_HEADER, text) {
        return Vec::new();
    }
    let rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
    vec![mismatch(rule, HTTP_HEADER, &["X-Header-Name"])]
}

/// `10.9.8.7`
pub(super) fn ip(text: &str) -> Vec<String> {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Vec::new();
    }
    vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".into()]
}
