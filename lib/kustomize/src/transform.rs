//! The transformers that set or prepend a text: namespace, names, labels, annotations, images, replicas.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use crate::{
    Error,
    fieldspec::{self, Create, FieldSpec},
    set::Set,
    spec::{Image, Kustomization, Replica},
};

/// `namespace`.
pub(crate) fn namespace(set: &mut Set, namespace: &str) -> Result<(), Error> {
    if namespace.is_empty() {
        return Ok(());
    }
    let specs = fieldspec::built_in("namespace");
    let mut write = |value: &mut Value| {
        *value = Value::String(namespace.to_owned());
        Ok(())
    };
    for at in 0..set.0.len() {
        let resource = &mut set.0[at];
        resource.remember();
        let id = resource.id();
        if !id.cluster_scoped {
            resource.set_namespace(namespace);
        }
        if matches!(id.kind.as_str(), "RoleBinding" | "ClusterRoleBinding") {
            default_subjects(&mut resource.value, namespace);
        }
        let core = manifest::object::api_version(&resource.value) == "v1";
        for spec in specs.iter().filter(|spec| core || spec.path != "metadata/name") {
            let applied = spec.apply(&mut resource.value, Create::Text, &mut write);
            applied.map_err(|error| error.within("namespace transformation failed"))?;
        }
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

/// Subjects with the name `default` are taken for the ServiceAccount that every namespace has.
fn default_subjects(binding: &mut Value, namespace: &str) {
    let subjects = binding.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten().filter_map(Value::as_object_mut) {
        if subject.get("name").and_then(Value::as_str) == Some("default") {
            subject.insert("namespace".to_owned(), Value::String(namespace.to_owned()));
        }
    }
}

/// `namePrefix` and `nameSuffix`.
pub(crate) fn affixes(set: &mut Set, prefix: &str, suffix: &str) {
    for (text, is_prefix) in [(prefix, true), (suffix, false)] {
        if text.is_empty() {
            continue;
        }
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
            resource.remember();
            let name = resource.id().name;
            if is_prefix {
                resource.prefixes.push(text.to_owned());
                resource.set_name(&format!("{text}{name}"));
            } else {
                resource.suffixes.push(text.to_owned());
                resource.set_name(&format!("{name}{text}"));
            }
        }
    }
}

/// `labels` and `commonLabels`.
pub(crate) fn labels(set: &mut Set, spec: &Kustomization) -> Result<(), Error> {
    for label in &spec.labels {
        let mut specs: Vec<FieldSpec> = label.fields.iter().map(crate::spec::Field::spec).collect();
        if label.include_selectors {
            fieldspec::merge(&mut specs, fieldspec::built_in("commonLabels"));
        } else {
            if label.include_templates {
                fieldspec::merge(&mut specs, fieldspec::built_in("templateLabels"));
            }
            fieldspec::merge(&mut specs, vec![FieldSpec::everywhere("metadata/labels", true)]);
        }
        entries(set, &label.pairs, &specs)?;
    }
    entries(set, &spec.common_labels, &fieldspec::built_in("commonLabels"))
}

/// `commonAnnotations`.
pub(crate) fn annotations(set: &mut Set, pairs: &BTreeMap<String, String>) -> Result<(), Error> {
    entries(set, pairs, &fieldspec::built_in("commonAnnotations"))
}

fn entries(set: &mut Set, pairs: &BTreeMap<String, String>, specs: &[FieldSpec]) -> Result<(), Error> {
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
pub(crate) fn replicas(set: &mut Set, replica: &Replica) -> Result<(), Error> {
    let specs = fieldspec::built_in("replicas");
    let mut found = false;
    for spec in &specs {
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
pub(crate) fn image(set: &mut Set, image: &Image) -> Result<(), Error> {
    let pattern = format!(
        "^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$",
        image.name
    );
    let pattern = Regex::new(&pattern)
        .map_err(|_| Error::new(format!("image name '{}' is no regular expression", image.name)))?;
    let specs = fieldspec::built_in("images");
    for resource in &mut set.0 {
        if manifest::object::kind(&resource.value) == "CustomResourceDefinition" {
            continue;
        }
        containers(&mut resource.value, &pattern, image);
        for spec in &specs {
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
