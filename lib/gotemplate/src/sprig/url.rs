//! URLs.

use crate::{
    error::Error,
    function::Type::{Map as MapType, Text},
    value::{Map, Value},
};

use super::{Result, Row, map, text};

pub(crate) const TABLE: &[Row] = &[
    ("urlParse", &[Text], false, |_, args| {
        let url = Url::parse(&text(args, 0))
            .map_err(|error| Error::new(format!("unable to parse url: {error}")))?;
        let found = Map::default();
        found.put("scheme", url.scheme.as_str());
        found.put("hostname", hostname(&url.host).to_owned());
        found.put("host", url.host);
        found.put("path", url.path);
        found.put("query", url.query);
        found.put("opaque", url.opaque);
        found.put("fragment", url.fragment);
        found.put("userinfo", url.user);
        Ok(found.into())
    }),
    ("urlJoin", &[MapType], false, |_, args| join(&map(args, 0))),
];

#[derive(Default)]
struct Url {
    scheme: String,
    opaque: String,
    user: String,
    host: String,
    path: String,
    query: String,
    fragment: String,
}

fn hostname(host: &str) -> &str {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.split(']').next().unwrap_or(inner);
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

impl Url {
    fn parse(whole: &str) -> std::result::Result<Self, String> {
        let failed = |what: String| format!("parse {}: {what}", stdx::quote::quote(whole.as_bytes()));
        if whole.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err(failed("net/url: invalid control character in URL".to_owned()));
        }
        let (rest, fragment) = whole.split_once('#').unwrap_or((whole, ""));
        let mut url = Self {
            fragment: unescape(fragment).map_err(failed)?,
            ..Self::default()
        };
        let (scheme, rest) = scheme_of(rest).map_err(failed)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        url.query = query.to_owned();
        let mut rest = rest;
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_owned();
                return Ok(url);
            }
            if rest.split('/').next().is_some_and(|first| first.contains(':')) {
                return Err(failed(
                    "first path segment in URL cannot contain colon".to_owned(),
                ));
            }
        }
        if let Some(authority) = rest.strip_prefix("//")
            && (!url.scheme.is_empty() || !rest.starts_with("///"))
        {
            let end = authority.find('/').unwrap_or(authority.len());
            let (authority, path) = authority.split_at(end);
            rest = path;
            let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
            url.user = user.to_owned();
            url.host = checked_host(host).map_err(failed)?;
        }
        url.path = unescape(rest).map_err(failed)?;
        Ok(url)
    }
}

fn scheme_of(text: &str) -> std::result::Result<(&str, &str), String> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            '0'..='9' | '+' | '-' | '.' => return Ok(("", text)),
            ':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok((&text[..at], &text[at + 1..])),
            _ => return Ok(("", text)),
        }
    }
    Ok(("", text))
}

fn checked_host(host: &str) -> std::result::Result<String, String> {
    let port = match host.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((_, port)) => port,
            None => return Err("missing ']' in host".to_owned()),
        },
        None => host.find(':').map_or("", |at| &host[at..]),
    };
    let valid =
        port.is_empty() || (port.starts_with(':') && port[1..].bytes().all(|byte| byte.is_ascii_digit()));
    if !valid {
        let port = stdx::quote::quote(port.as_bytes());
        return Err(format!("invalid port {port} after host"));
    }
    if let Some(bad) = host
        .chars()
        .find(|c| matches!(c, ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'))
    {
        let bad = stdx::quote::quote(bad.to_string().as_bytes());
        return Err(format!("invalid character {bad} in host name"));
    }
    unescape(host)
}

fn unescape(text: &str) -> std::result::Result<String, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &rest[2..];
            }
            None => {
                let shown = [b"%", &rest[..rest.len().min(2)]].concat();
                return Err(format!("invalid URL escape {}", stdx::quote::quote(&shown)));
            }
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn escape(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn join(parts: &Map) -> Result {
    let part = |name: &str| match parts.get(name.as_bytes()) {
        None => Ok(String::new()),
        Some(Value::Text(text)) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Some(Value::Nil) => Err(super::nil_pointer()),
        Some(other) => Err(Error::new(format!(
            "unable to parse {name} key, must be of type string, but {} found",
            other.kind_name()
        ))),
    };
    let (scheme, host, path) = (part("scheme")?, part("host")?, part("path")?);
    let (query, opaque, fragment) = (part("query")?, part("opaque")?, part("fragment")?);
    let user = part("userinfo")?;
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&format!("{scheme}:"));
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !user.is_empty() {
            if !host.is_empty() || !path.is_empty() || !user.is_empty() {
                out.push_str("//");
            }
            if !user.is_empty() {
                out.push_str(&format!("{user}@"));
            }
            out.push_str(&escape(&host, b"[]!'()*<>\""));
        }
        let path = escape(&path, b"");
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        if out.is_empty() && path.split('/').next().is_some_and(|first| first.contains(':')) {
            out.push_str("./");
        }
        out.push_str(&path);
    } else {
        out.push_str(&opaque);
    }
    if !query.is_empty() {
        out.push_str(&format!("?{query}"));
    }
    if !fragment.is_empty() {
        out.push_str(&format!("#{}", escape(&fragment, b"!()*?")));
    }
    Ok(out.into())
}
