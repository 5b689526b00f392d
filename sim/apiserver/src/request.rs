//! What a request asks for: verb, resource and options, read from method, path and query.

use crate::{
    failure::{Failure, Outcome},
    gvr::Gvr,
};

/// A request with its body read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Incoming {
    pub(crate) method: String,
    /// Percent-decoded.
    pub(crate) path: String,
    pub(crate) query: Query,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: bytes::Bytes,
}

impl Incoming {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The parameters after the `?`, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|part| !part.is_empty()).map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (unescape(key, true), unescape(value, true))
        });
        Self(pairs.collect())
    }

    /// The first value; an empty one counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(own, _)| own == key)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(own, _)| own == key)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(own, _)| own == key)
    }

    /// A boolean as Go's decoder of options reads it: anything but `false` and `0` is true, nothing at all as well.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.0
            .iter()
            .find(|(own, _)| own == key)
            .map(|(_, value)| !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    /// A number as Go's decoder of options reads it: an empty one is none.
    pub(crate) fn number(&self, key: &str) -> Outcome<Option<i64>> {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let Some(text) = self.all(key).next() else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|error: std::num::ParseIntError| {
            let problem = match error.kind() {
                PosOverflow | NegOverflow => "value out of range",
                _ => "invalid syntax",
            };
            Failure::bad_request(format!("strconv.ParseInt: parsing {text:?}: {problem}"))
        })
    }
}

/// Whether Go would read this as a duration, such as `1m30s`.
pub(crate) fn is_duration(text: &str) -> bool {
    const UNITS: [&str; 8] = ["ns", "us", "\u{b5}s", "\u{3bc}s", "ms", "s", "m", "h"];
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut any = false;
    while !rest.is_empty() {
        let number = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(number);
        let unit = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let fits = digits.contains(|c: char| c.is_ascii_digit()) && digits.matches('.').count() < 2;
        if !fits || !UNITS.contains(&&tail[..unit]) {
            return false;
        }
        (rest, any) = (&tail[unit..], true);
    }
    any
}

/// Percent-decoding; in a query a plus is a space.
pub(crate) fn unescape(text: &str, query: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) if query => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
    /// A method that no resource has.
    Other,
}

impl Verb {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Other => "",
        }
    }
}

/// A request for an API resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) verb: Verb,
    pub(crate) gvr: Gvr,
    /// Empty: none in the path.
    pub(crate) namespace: String,
    /// Empty: the collection.
    pub(crate) name: String,
    /// Empty: the object itself.
    pub(crate) subresource: String,
    /// The path went on after the subresource.
    pub(crate) tail: bool,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Resource(Target),
    /// Discovery, health, version and whatever is not there.
    Other,
}

/// The complaint about a path that says how to go on and does not.
pub(crate) fn unreadable(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    matches!(
        parts.as_slice(),
        ["api", _, "watch" | "proxy"] | ["apis", _, _, "watch" | "proxy"]
    )
    .then(|| {
        format!(
            "Internal Server Error: {path:?}: failed to create RequestInfo: unable to determine kind and namespace from url, {path}\n"
        )
    })
}

/// Reads method, path and query as the genuine `RequestInfo` does.
pub(crate) fn route(method: &str, path: &str, query: &Query) -> Route {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Route::Other,
    };
    let (watching, rest) = match rest {
        ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
        rest => (false, rest),
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, resource, tail @ ..]
            if !(group.is_empty() && matches!(*resource, "status" | "finalize")) =>
        {
            let _ = tail;
            (*namespace, &rest[2..])
        }
        rest => ("", rest),
    };
    let [resource, object @ ..] = rest else {
        return Route::Other;
    };
    if resource.is_empty() {
        return Route::Other;
    }
    let name = object.first().copied().unwrap_or_default();
    let verb = match (method, name.is_empty()) {
        ("GET" | "HEAD", empty) => {
            if watching || query.flag("watch").unwrap_or(false) && empty {
                Verb::Watch
            } else if empty {
                Verb::List
            } else {
                Verb::Get
            }
        }
        ("POST", _) => Verb::Create,
        ("PUT", _) => Verb::Update,
        ("PATCH", _) => Verb::Patch,
        ("DELETE", true) => Verb::DeleteCollection,
        ("DELETE", false) => Verb::Delete,
        _ => Verb::Other,
    };
    Route::Resource(Target {
        verb,
        gvr: Gvr::new(group, version, resource),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: object.get(1).copied().unwrap_or_default().to_owned(),
        tail: object.len() > 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(method: &str, path: &str, query: &str) -> Target {
        match route(method, path, &Query::parse(query)) {
            Route::Resource(target) => target,
            Route::Other => panic!("{path} is no resource"),
        }
    }

    #[test]
    fn reads_paths() {
        let list = target("GET", "/api/v1/namespaces/a/pods", "");
        assert_eq!(
            (list.verb, list.namespace.as_str(), list.gvr.resource.as_str()),
            (Verb::List, "a", "pods")
        );
        let scale = target("PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale", "");
        assert_eq!(
            (scale.verb, scale.name.as_str(), scale.subresource.as_str()),
            (Verb::Patch, "d", "scale")
        );
        let namespace = target("PUT", "/api/v1/namespaces/a/finalize", "");
        assert_eq!(
            (namespace.gvr.resource.as_str(), namespace.name.as_str()),
            ("namespaces", "a")
        );
        assert_eq!(namespace.subresource, "finalize");
        assert_eq!(target("GET", "/api/v1/pods", "watch=1").verb, Verb::Watch);
        assert_eq!(target("DELETE", "/api/v1/pods", "").verb, Verb::DeleteCollection);
        assert_eq!(route("GET", "/healthz", &Query::default()), Route::Other);
        assert_eq!(route("GET", "/api/v1", &Query::default()), Route::Other);
    }

    #[test]
    fn knows_durations() {
        for text in ["1s", "1m30s", "-1.5h", "+.5ms", "0", "3\u{b5}s"] {
            assert!(is_duration(text), "{text}");
        }
        for text in ["", "1", "s", "1.2.3s", "1x", "1s "] {
            assert!(!is_duration(text), "{text}");
        }
    }

    #[test]
    fn decodes_queries() {
        let query = Query::parse("a=b+c&d=%2C&watch&e=");
        assert_eq!(query.get("a"), Some("b c"));
        assert_eq!(query.get("d"), Some(","));
        assert_eq!(query.get("e"), None);
        assert_eq!(query.flag("watch"), Some(true));
    }
}
