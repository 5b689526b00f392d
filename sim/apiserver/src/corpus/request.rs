//! From a recorded request to one for this server.

use bytes::Bytes;
use kube_schema::Document;
use serde_json::Value;

use super::template::Known;
use crate::request::{Incoming, Query, unescape};

/// The request of a step; the second member is its user.
pub(super) fn build(request: &Value, ordered: Option<&Document>, known: &Known) -> Result<(Incoming, String), String> {
    let text = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in request.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let mut values = Vec::new();
        match value {
            Value::Array(list) => values.extend(list.iter().filter_map(Value::as_str)),
            other => values.extend(other.as_str()),
        }
        headers.extend(values.into_iter().map(|value| (name.to_ascii_lowercase(), known.text(value))));
    }
    if !headers.iter().any(|(name, _)| name == "user-agent") {
        headers.push(("user-agent".to_owned(), "vectors/1.0".to_owned()));
    }
    let (path, inline) = text("path").split_once('?').unwrap_or((text("path"), ""));
    let mut query = Query::parse(&known.text(inline));
    match request.get("query") {
        Some(Value::String(raw)) => query.0.extend(Query::parse(&known.text(raw)).0),
        Some(Value::Object(members)) => {
            for (key, value) in members {
                let mut add = |value: &Value| {
                    let value = match value {
                        Value::String(text) => known.text(text),
                        other => other.to_string(),
                    };
                    query.0.push((key.clone(), value));
                };
                match value {
                    Value::Array(list) => list.iter().for_each(&mut add),
                    other => add(other),
                }
            }
        }
        _ => {}
    }
    let user = if text("user").is_empty() { "admin" } else { text("user") };
    if !matches!(user, "none" | "anonymous") {
        headers.push(("authorization".to_owned(), format!("Bearer {user}token")));
    }
    let request = Incoming {
        method: text("method").to_owned(),
        path: unescape(&known.text(path), false),
        query,
        headers,
        body: body(request, ordered, known)?,
    };
    Ok((request, user.to_owned()))
}

fn body(request: &Value, ordered: Option<&Document>, known: &Known) -> Result<Bytes, String> {
    if let Some(body) = ordered {
        return Ok(known.document(body).to_text().into());
    }
    if let Some(text) = request.get("bodyText").and_then(Value::as_str) {
        return Ok(known.text(text).into());
    }
    if let Some(fill) = request.get("bodyFill") {
        let text = |key: &str| known.text(fill[key].as_str().unwrap_or_default());
        let count = fill["count"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        return Ok(format!("{}{}{}", text("prefix"), text("char").repeat(count), text("suffix")).into());
    }
    if let Some(from) = request.get("bodyFrom") {
        let step = from["step"].as_str().unwrap_or_default();
        let body = known.bodies.get(step).ok_or_else(|| format!("no body of step {step}"))?;
        let body = in_order(body);
        return Ok(match from.get("mergePatch") {
            Some(patch) => merge(body, &known.value(patch)).to_text().into(),
            None => body.to_text().into(),
        });
    }
    Ok(Bytes::new())
}

/// An object as the genuine server would have sent it: built-in kinds with their members as declared.
fn in_order(body: &Value) -> Document {
    let (version, kind) = (manifest::object::api_version(body), manifest::object::kind(body));
    match crate::strategy::builtin(version, kind) {
        Some(typed) => kube_schema::in_order(body, typed.schema, typed.ty),
        None => Document::from_value(body),
    }
}

/// A merge patch that leaves members where they are and adds new ones at the end.
fn merge(target: Document, patch: &Value) -> Document {
    let Value::Object(changes) = patch else { return Document::from_value(patch) };
    let mut members = match target {
        Document::Map(members) => members,
        _ => Vec::new(),
    };
    for (name, change) in changes {
        let at = members.iter().position(|(own, _)| own == name);
        match (change.is_null(), at) {
            (true, Some(at)) => drop(members.remove(at)),
            (true, None) => {}
            (false, Some(at)) => {
                let before = std::mem::replace(&mut members[at].1, Document::Null);
                members[at].1 = merge(before, change);
            }
            (false, None) => members.push((name.clone(), merge(Document::Null, change))),
        }
    }
    Document::Map(members)
}
