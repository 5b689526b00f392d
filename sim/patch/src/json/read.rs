//! Reading the operations of a JSON patch.

use super::Operation;
use crate::{PatchError, limits};
use kube_schema::Document;

/// Reads the body of a JSON patch where fields are validated (`Strict` and `Warn`): operations, and strict-decoding findings (`json patch unknown field "[0].x"`).
pub fn operations(body: &[u8]) -> Result<(Vec<Operation>, Vec<String>), PatchError> {
    let fail = |text: &str| PatchError::bad_request(format!("error decoding patch: {text}"));
    let document = Document::parse(body).map_err(|error| fail(&error.0))?;
    let items = match document {
        Document::Null => Vec::new(),
        Document::List(items) => items,
        other => {
            let text = format!(
                "json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp",
                what(&other)
            );
            return Err(fail(&text));
        }
    };
    let mut findings = Vec::new();
    let mut operations = Vec::new();
    let mut failure = None;
    for (index, item) in items.into_iter().enumerate() {
        match operation(index, item, &mut findings) {
            Ok(operation) => operations.push(operation),
            Err(text) => failure = failure.or(Some(text)),
        }
    }
    if let Some(text) = failure {
        return Err(fail(&text));
    }
    within_limit(operations.len())?;
    Ok((operations, findings))
}

/// Reads the body of a JSON patch where fields are not validated (`Ignore`). Members of a wrong type are as good as
/// missing.
pub fn operations_ignoring(body: &[u8]) -> Result<Vec<Operation>, PatchError> {
    let fail = |text: String| PatchError::bad_request(text);
    let wrong = |item: &Document, ty: &str| {
        PatchError::bad_request(format!(
            "json: cannot unmarshal {} into Go value of type jsonpatch.{ty}",
            what(item)
        ))
    };
    let items = match Document::parse(body).map_err(|error| fail(error.0))? {
        Document::Null => Vec::new(),
        Document::List(items) => items,
        other => return Err(wrong(&other, "Patch")),
    };
    within_limit(items.len())?;
    let text = |item: &Document, name: &str| match item.get(name) {
        Some(Document::String(text)) => Some(text.clone()),
        _ => None,
    };
    let operation = |item: Document| match &item {
        Document::Map(_) | Document::Null => Ok(Operation {
            op: text(&item, "op"),
            path: text(&item, "path"),
            from: text(&item, "from"),
            value: item.get("value").cloned(),
        }),
        other => Err(wrong(other, "Operation")),
    };
    items.into_iter().map(operation).collect()
}

fn within_limit(count: usize) -> Result<(), PatchError> {
    if count <= limits::OPERATIONS {
        return Ok(());
    }
    Err(PatchError::too_large(format!(
        "Request entity too large: The allowed maximum operations in a JSON patch is {}, got {count}",
        limits::OPERATIONS
    )))
}

fn what(document: &Document) -> &'static str {
    match document {
        Document::Null => "null",
        Document::Bool(_) => "bool",
        Document::Number(_) => "number",
        Document::String(_) => "string",
        Document::List(_) => "array",
        Document::Map(_) => "object",
    }
}

fn operation(index: usize, item: Document, findings: &mut Vec<String>) -> Result<Operation, String> {
    let mut operation = Operation::default();
    let members = match item {
        Document::Map(members) => members,
        Document::Null => return Ok(operation),
        other => {
            return Err(format!(
                "json: cannot unmarshal {} into Go value of type handlers.jsonPatchOp",
                what(&other)
            ));
        }
    };
    let mut seen: Vec<String> = Vec::new();
    let mut failure = None;
    let mut find = |finding: String| {
        if !findings.contains(&finding) && findings.len() < kube_schema::limits::FINDINGS {
            findings.push(finding);
        }
    };
    for (name, value) in members {
        if !matches!(name.as_str(), "op" | "path" | "from" | "value") {
            find(format!(
                "json patch unknown field {}",
                kube_schema::gotext::quote(&format!("[{index}].{name}"))
            ));
            continue;
        }
        if seen.contains(&name) {
            find(format!("json patch duplicate field \"[{index}].{name}\""));
        }
        seen.push(name.clone());
        let place = match name.as_str() {
            "op" => &mut operation.op,
            "path" => &mut operation.path,
            "from" => &mut operation.from,
            _ => {
                let prefix = format!("duplicate field \"[{index}].value.");
                for inner in value.duplicates() {
                    find(format!(
                        "json patch {}",
                        inner.replacen("duplicate field \"", &prefix, 1)
                    ));
                }
                operation.value = Some(value);
                continue;
            }
        };
        match value {
            Document::String(text) => *place = Some(text),
            Document::Null => *place = None,
            other => {
                let what = what(&other);
                let text = format!(
                    "json: cannot unmarshal {what} into Go struct field jsonPatchOp.{name} of type string"
                );
                failure = failure.or(Some(text));
            }
        }
    }
    failure.map_or(Ok(operation), Err)
}
