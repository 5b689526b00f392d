//! The one placeholder form: `{{repo}}` is a fixture repository's URL, `{{repo@revision}}` the SHA of its commit.

use serde_json::Value;

/// A placeholder in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placeholder {
    /// The repository.
    pub(crate) repo: String,
    /// The fixture revision, absent for the URL.
    pub(crate) revision: Option<String>,
}

impl Placeholder {
    fn parse(inside: &str) -> Self {
        match inside.trim().split_once('@') {
            Some((repo, revision)) => Self {
                repo: repo.to_owned(),
                revision: Some(revision.to_owned()),
            },
            None => Self {
                repo: inside.trim().to_owned(),
                revision: None,
            },
        }
    }
}

/// Every placeholder in the texts of `value`.
pub(crate) fn placeholders(value: &Value) -> Vec<Placeholder> {
    let mut found = Vec::new();
    let mut value = value.clone();
    substitute(&mut value, &mut |placeholder| {
        found.push(placeholder.clone());
        Some(String::new())
    });
    found
}

/// Replaces the placeholders in every text of `value`; one that `resolve` does not know stays.
pub(crate) fn substitute(value: &mut Value, resolve: &mut dyn FnMut(&Placeholder) -> Option<String>) {
    match value {
        Value::String(text) if text.contains("{{") => *text = substitute_text(text, resolve),
        Value::Array(items) => items.iter_mut().for_each(|item| substitute(item, resolve)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| substitute(member, resolve)),
        _ => {}
    }
}

fn substitute_text(text: &str, resolve: &mut dyn FnMut(&Placeholder) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, tail)) = after.split_once("}}") else {
            break;
        };
        out.push_str(before);
        match resolve(&Placeholder::parse(inside)) {
            Some(value) => out.push_str(&value),
            None => {
                out.push_str("{{");
                out.push_str(inside);
                out.push_str("}}");
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn placeholders_are_replaced_everywhere() {
        let mut value = json!({"a": ["x{{app}}y{{app@v1}}", "{{open"], "b": 1});
        substitute(&mut value, &mut |p| {
            Some(p.revision.clone().unwrap_or_else(|| "URL".to_owned()))
        });
        assert_eq!(value, json!({"a": ["xURLyv1", "{{open"], "b": 1}));
    }
}
