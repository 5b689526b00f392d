//! The transformers that set or prepend a text: namespace, names, labels, annotations, images, replicas.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use crate::{
    Error,
    config::{self, Config},
    fieldspec::{Create, FieldSpec},
    resource::Resource,
    set::Set,
    spec::{Image, Kustomization, Replica},
};

/// `namespace`.
pub(crate) fn namespace(set: &mut Set, namespace: &str, specs: &[FieldSpec]) -> Result<(), Error> {
    if namespace.is_empty() {
        return Ok(());
    }
    for at in 0..set.0.len() {
        place(&mut set.0[at], namespace, specs)?;
        let id = set.0[at].id();
        let named = |value: &Value| manifest::object::name(value) == id.name;
        let same = set
            .0
            .iter()
            .filter(|other| named(&other.value) && other.id().is_same(&id));
        let same: Vec<_> = same.collect();
        if same.len() != 1 {
            let shown: Vec<_> = same.iter().map(|resource| resource.json()).collect();
            let shown = shown.join(" ");
            return Err(Error::new(format!(
                "namespace transformation produces ID conflict: [{shown}]"
            )));
        }
    }
    Ok(())
}

/// Puts one object into a namespace.
fn place(resource: &mut Resource, namespace: &str, specs: &[FieldSpec]) -> Result<(), Error> {
    let mut write = |value: &mut Value| {
        if scalar(value).is_none() {
            return Err(wrong_kind(value, "ScalarNode"));
        }
        *value = Value::String(namespace.to_owned());
        Ok(())
    };
    resource.remember();
    let id = resource.id();
    if !id.cluster_scoped {
        resource.set_namespace(namespace);
    }
    let binding = matches!(id.kind.as_str(), "RoleBinding" | "ClusterRoleBinding");
    if binding {
        default_subjects(&mut resource.value, namespace);
    }
    let core = manifest::object::api_version(&resource.value) == "v1";
    let own = |spec: &&FieldSpec| match spec.path.as_str() {
        "metadata/namespace" => false,
        "metadata/name" => core,
        "subjects/namespace" => !(binding && spec.kind.ends_with("RoleBinding")),
        _ => true,
    };
    for spec in specs.iter().filter(own) {
        let applied = spec.apply(&mut resource.value, Create::Text, &mut write);
        applied.map_err(|error| {
            let what = if error.to_string().contains("expected ScalarNode but") {
                "namespace field specs must target scalar nodes"
            } else {
                "namespace transformation failed"
            };
            error.within(what)
        })?;
    }
    Ok(())
}

/// Subjects with the name `default` are taken for the ServiceAccount that every namespace has.
fn default_subjects(binding: &mut Value, namespace: &str) {
    let subjects = binding.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten().filter_map(Value::as_object_mut) {
        if subject.get("name").and_then(Value::as_str) == Some("default") {
            subject.insert("namespace".to_owned(), Value::String(namespace.to_owned()));
        }
    }
}

/// Which end of a name is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affix {
    Prefix,
    Suffix,
}

/// `namePrefix` or `nameSuffix`.
pub(crate) fn affix(set: &mut Set, text: &str, which: Affix, specs: &[FieldSpec]) -> Result<(), Error> {
    if text.is_empty() {
        return Ok(());
    }
    let mut write = |value: &mut Value| {
        let Some(old) = scalar(value) else {
            return Err(wrong_kind(value, "ScalarNode"));
        };
        *value = Value::String(match which {
            Affix::Prefix => format!("{text}{old}"),
            Affix::Suffix => format!("{old}{text}"),
        });
        Ok(())
    };
    for resource in &mut set.0 {
        let id = resource.original_id();
        let kept = match id.kind.as_str() {
            "CustomResourceDefinition" | "Namespace" => true,
            "APIService" => id.group == "apiregistration.k8s.io",
            _ => false,
        };
        if kept {
            continue;
        }
        for spec in specs.iter().filter(|spec| spec.selects(&id)) {
            if spec.path == "metadata/name" {
                resource.remember();
                match which {
                    Affix::Prefix => resource.prefixes.push(text.to_owned()),
                    Affix::Suffix => resource.suffixes.push(text.to_owned()),
                }
            }
            spec.apply(&mut resource.value, Create::Text, &mut write)?;
        }
    }
    Ok(())
}

/// A plain value as it stands in YAML; nothing for a collection.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// What kyaml says of a node of another kind than was expected.
pub(crate) fn wrong_kind(value: &Value, wanted: &str) -> Error {
    let found = match value {
        Value::Object(_) => "MappingNode",
        Value::Array(_) => "SequenceNode",
        _ => "ScalarNode",
    };
    Error::new(format!(
        "wrong node kind: expected {wanted} but got {found}: node contents:\n{}",
        yaml::to_string(value)
    ))
}

/// Labels or annotations, and the fields that get them.
pub(crate) type Entries<'a> = (&'a BTreeMap<String, String>, Vec<FieldSpec>);

/// `labels` and `commonLabels`, one after the other.
pub(crate) fn label_steps<'a>(spec: &'a Kustomization, config: &Config) -> Result<Vec<Entries<'a>>, Error> {
    let mut steps = Vec::new();
    for label in &spec.labels {
        let mut specs = label.fields.clone();
        let mut add = |more: &[FieldSpec], within: &str| {
            config::merge(&mut specs, more.to_vec()).map_err(|error| error.within(within))
        };
        add(&config.labels, "failed to merge labels")?;
        if label.include_selectors {
            add(&config.common_labels, "failed to merge labels")?;
        } else {
            if label.include_templates {
                add(&config.template_labels, "failed to merge template fieldSpec")?;
            }
            add(
                &[FieldSpec::everywhere("metadata/labels", true)],
                "failed to merge labels",
            )?;
        }
        steps.push((&label.pairs, specs));
    }
    if !steps.is_empty() || !spec.common_labels.is_empty() {
        steps.push((&spec.common_labels, config.common_labels.clone()));
    }
    Ok(steps)
}

/// The label of `buildMetadata: [managedByLabel]`.
pub(crate) fn managed_by(set: &mut Set) -> Result<(), Error> {
    let label = ("app.kubernetes.io/managed-by", "kustomize-v5.8.1");
    let pairs = BTreeMap::from([(label.0.to_owned(), label.1.to_owned())]);
    entries(set, &pairs, &[FieldSpec::everywhere("metadata/labels", true)])
}

/// Sets labels or annotations.
pub(crate) fn entries(
    set: &mut Set,
    pairs: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Result<(), Error> {
    for resource in &mut set.0 {
        for (key, text) in pairs {
            let mut write = |value: &mut Value| {
                if value.is_null() {
                    *value = Value::Object(Map::new());
                }
                let map = value
                    .as_object_mut()
                    .ok_or_else(|| Error::new("wrong node kind: expected MappingNode but got another"))?;
                map.insert(key.clone(), Value::String(text.clone()));
                Ok(())
            };
            for spec in specs {
                spec.apply(&mut resource.value, Create::Map, &mut write)?;
            }
        }
    }
    Ok(())
}

/// `replicas`.
pub(crate) fn replicas(set: &mut Set, replica: &Replica, specs: &[FieldSpec]) -> Result<(), Error> {
    let mut found = false;
    for spec in specs {
        for at in set.matching(|id| id.name == replica.name && spec.selects(id)) {
            found = true;
            let mut write = |value: &mut Value| {
                *value = Value::from(replica.count);
                Ok(())
            };
            spec.apply(&mut set.0[at].value, Create::Number, &mut write)?;
        }
    }
    if found {
        return Ok(());
    }
    let kinds: Vec<_> = specs.iter().map(FieldSpec::gvk).collect();
    Err(Error::new(format!(
        "resource with name {} does not match a config with the following GVK [{}]",
        replica.name,
        kinds.join(" ")
    )))
}

/// One entry of `images`.
pub(crate) fn image(set: &mut Set, image: &Image, specs: &[FieldSpec]) -> Result<(), Error> {
    let pattern = format!(
        "^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$",
        image.name
    );
    let pattern = Regex::new(&pattern)
        .map_err(|_| Error::new(format!("image name '{}' is no regular expression", image.name)))?;
    for resource in &mut set.0 {
        if manifest::object::kind(&resource.value) == "CustomResourceDefinition" {
            continue;
        }
        containers(&mut resource.value, &pattern, image);
        for spec in specs {
            let mut write = |value: &mut Value| {
                update(value, &pattern, image);
                Ok(())
            };
            spec.apply(&mut resource.value, Create::Nothing, &mut write)?;
        }
    }
    Ok(())
}

/// Any list called `containers` or `initContainers`, wherever it is.
fn containers(value: &mut Value, pattern: &Regex, image: &Image) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                containers(value, pattern, image);
                if key == "containers" || key == "initContainers" {
                    let items = value.as_array_mut().into_iter().flatten();
                    for found in items.filter_map(|item| item.get_mut("image")) {
                        update(found, pattern, image);
                    }
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| containers(item, pattern, image)),
        _ => {}
    }
}

fn update(value: &mut Value, pattern: &Regex, image: &Image) {
    let Some(found) = value.as_str().filter(|text| pattern.is_match(text)) else {
        return;
    };
    let (mut name, mut tag, mut digest) = parts(found);
    if !image.new_name.is_empty() {
        name.clone_from(&image.new_name);
    }
    if !image.new_tag.is_empty() || !image.digest.is_empty() {
        tag.clone_from(&image.new_tag);
        digest.clone_from(&image.digest);
    } else if !image.tag_suffix.is_empty() {
        tag.push_str(&image.tag_suffix);
        digest.clear();
    }
    if !tag.is_empty() {
        name = format!("{name}:{tag}");
    }
    if !digest.is_empty() {
        name = format!("{name}@{digest}");
    }
    *value = Value::String(name);
}

/// Name, tag and digest of an image.
fn parts(image: &str) -> (String, String, String) {
    let slash = image.find('/').filter(|at| *at > 0).unwrap_or(0);
    let at = image[slash..].find('@').map(|at| at + slash);
    let colon = image[slash..].find(':').map(|colon| colon + slash);
    let own = str::to_owned;
    match (at, colon) {
        (None, None) => (own(image), String::new(), String::new()),
        (Some(at), Some(colon)) if colon < at => (
            own(&image[..colon]),
            own(&image[colon + 1..at]),
            own(&image[at + 1..]),
        ),
        (Some(at), _) => (own(&image[..at]), String::new(), own(&image[at + 1..])),
        (None, Some(colon)) => (own(&image[..colon]), own(&image[colon + 1..]), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_three_parts() {
        let split = |image| {
            let (name, tag, digest) = parts(image);
            format!("{name}|{tag}|{digest}")
        };
        assert_eq!(split("nginx"), "nginx||");
        assert_eq!(split("host:5000/a/b:v1"), "host:5000/a/b|v1|");
        assert_eq!(split("host:5000/a/b:v1@sha256:12"), "host:5000/a/b|v1|sha256:12");
        assert_eq!(split("nginx@sha256:12"), "nginx||sha256:12");
    }
}
