//! Addresses on the web, as Go's `net/url` takes them apart.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    eval::{Fault, Outcome},
    value::{Key, Opaque, Value},
};

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    scheme: String,
    host: String,
    path: String,
    query: String,
}

/// Why the text is no request address.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    let refused = |why: &str| format!("parse {text:?}: {why}");
    if text.is_empty() {
        return Err(refused("empty url"));
    }
    if text.chars().any(|letter| letter.is_ascii_control()) {
        return Err(refused("net/url: invalid control character in URL"));
    }
    let (scheme, rest) = scheme(text).map_err(refused)?;
    let (rest, _) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if scheme.is_empty() && !rest.starts_with('/') {
        return Err(refused("invalid URI for request"));
    }
    let (host, path) = match rest.strip_prefix("//").filter(|_| !scheme.is_empty()) {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            (host, path)
        }
        None => ("", rest),
    };
    if let Some(letter) = host.chars().find(|letter| " \"<>^`{}|\\".contains(*letter)) {
        return Err(refused(&format!(
            "invalid character {:?} in host name",
            letter.to_string()
        )));
    }
    let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    if let Some((_, port)) = port
        && !port.bytes().all(|digit| digit.is_ascii_digit())
    {
        return Err(refused(&format!(
            "invalid port {:?} after host",
            format!(":{port}")
        )));
    }
    let escape = path
        .as_bytes()
        .windows(3)
        .any(|part| part[0] == b'%' && !(part[1].is_ascii_hexdigit() && part[2].is_ascii_hexdigit()));
    if escape {
        let at = path.find('%').unwrap_or(0);
        let wrong: String = path[at..].chars().take(3).collect();
        return Err(refused(&format!("invalid URL escape {wrong:?}")));
    }
    Ok(Url {
        scheme: scheme.to_ascii_lowercase(),
        host: host.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
    })
}

fn scheme(text: &str) -> Result<(&str, &str), &'static str> {
    for (at, letter) in text.char_indices() {
        match letter {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme"),
            ':' => return Ok((&text[..at], &text[at + 1..])),
            _ => return Ok(("", text)),
        }
    }
    Ok(("", text))
}

fn unescape(text: &str, plus: bool) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &tail[2..];
            }
            None => {
                bytes.push(if plus && *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Url {
    fn hostname(&self) -> &str {
        if let Some(rest) = self.host.strip_prefix('[') {
            return rest.split(']').next().unwrap_or_default();
        }
        self.host.rsplit_once(':').map_or(&self.host, |(name, _)| name)
    }

    fn port(&self) -> &str {
        self.host
            .rsplit_once(':')
            .filter(|(_, port)| !port.contains(']'))
            .map_or("", |(_, port)| port)
    }

    fn values(&self) -> Value {
        let mut map: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            map.entry(Key::String(unescape(name, true).into()))
                .or_default()
                .push(Value::text(&unescape(value, true)));
        }
        Value::Map(Arc::new(
            map.into_iter()
                .map(|(key, values)| (key, Value::list(values)))
                .collect(),
        ))
    }
}

/// Functions of addresses; `None` if the call is none.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    match (function, args) {
        ("url", [Value::String(text)]) => Some(
            parse(text)
                .map(|url| Value::opaque(Opaque::Url(url)))
                .map_err(|why| Fault::Error(format!("URL parse error during conversion from string: {why}"))),
        ),
        ("isURL", [Value::String(text)]) => Some(Ok(Value::Bool(parse(text).is_ok()))),
        (_, [Value::Opaque(own)]) => {
            let Opaque::Url(url) = &**own else { return None };
            Some(Ok(match function {
                "getScheme" => Value::text(&url.scheme),
                "getHost" => Value::text(&url.host),
                "getHostname" => Value::text(url.hostname()),
                "getPort" => Value::text(url.port()),
                "getEscapedPath" => Value::text(&url.path),
                "getQuery" => url.values(),
                _ => return None,
            }))
        }
        _ => None,
    }
}
