//! Objects by group, version, kind, name, namespace, labels and annotations.

use flux_api::kustomization::Selector;
use manifest::{labels, object};
use regex::Regex;
use serde_json::Value;

/// The objects that a selector means.
///
/// # Errors
/// When a part of the selector is no regular expression or no selector of labels.
pub fn matching<'a>(selector: &Selector, objects: &'a [Value]) -> Result<Vec<&'a Value>, String> {
    let pattern = |text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.is_empty());
        let anchored = text.map(|text| Regex::new(&format!("^(?:{text})$")));
        anchored.transpose().map_err(|error| error.to_string())
    };
    let selected = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default();
        labels::Selector::parse(text).map_err(|error| error.to_string())
    };
    let fits =
        |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|regex| regex.is_match(text));
    let (group, version, kind) = (
        pattern(&selector.group)?,
        pattern(&selector.version)?,
        pattern(&selector.kind)?,
    );
    let (name, namespace) = (pattern(&selector.name)?, pattern(&selector.namespace)?);
    let (with_labels, with_annotations) = (
        selected(&selector.label_selector)?,
        selected(&selector.annotation_selector)?,
    );
    let all = objects.iter().filter(|object| {
        let (own_group, own_version) = manifest::split_api_version(object::api_version(object));
        fits(&group, own_group)
            && fits(&version, own_version)
            && fits(&kind, object::kind(object))
            && fits(&name, object::name(object))
            && fits(&namespace, object::namespace(object))
            && with_labels.matches(object::labels(object))
            && with_annotations.matches(object::annotations(object))
    });
    Ok(all.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_match_whole_words() {
        let objects = [
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"a": "b"}}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web-2"}}),
        ];
        let named = Selector {
            kind: Some("Deploy.*".to_owned()),
            name: Some("web".to_owned()),
            ..Selector::default()
        };
        assert_eq!(matching(&named, &objects).unwrap(), [&objects[0]]);
        let labelled = Selector {
            label_selector: Some("a!=b".to_owned()),
            ..Selector::default()
        };
        assert_eq!(matching(&labelled, &objects).unwrap(), [&objects[1]]);
    }
}
