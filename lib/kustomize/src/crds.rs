//! `crds`: OpenAPI definitions of the user's own kinds, whose marks say which fields hold names and labels.

use serde_json::{Map, Value};

use crate::{
    Error, Files,
    config::{self, Config, Referral},
    fieldspec::FieldSpec,
    files,
    limits::MAX_DEPTH,
};

/// What the files add to the configuration.
pub(crate) fn config(files: &dyn Files, dir: &str, paths: &[String]) -> Result<Config, Error> {
    let mut all = Config::default();
    for path in paths {
        let text = files::load_text(files, dir, path)?;
        let within = |error: String| {
            Error::new(format!(
                "unable to parse open API definition from '{path}': {error}"
            ))
        };
        let types = match yaml::read(&text, yaml::Dialect::Kubernetes) {
            Ok(Value::Object(types)) => types,
            Ok(_) => return Err(within("json: cannot unmarshal into Go value".to_owned())),
            Err(error) => return Err(within(error.to_string())),
        };
        if let Some(definition) = types.values().find(|definition| !definition.is_object()) {
            let found = match definition {
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Bool(_) => "bool",
                _ => "number",
            };
            let how = if text.starts_with('{') {
                ""
            } else {
                "error unmarshaling JSON: while decoding JSON: "
            };
            return Err(within(format!(
                "{how}json: cannot unmarshal {found} into Go value of type accumulator.OpenAPIDefinition"
            )));
        }
        let mut own = Config::default();
        for name in types.keys() {
            let Some(properties) = properties(&types, name) else {
                continue;
            };
            if ["kind", "apiVersion", "metadata"]
                .iter()
                .all(|field| properties.contains_key(*field))
            {
                let kind = name.rsplit('.').next().unwrap_or(name);
                let mut path = Vec::new();
                walk(&mut own, kind, &types, name, &mut path)?;
            }
        }
        all.merge(own)?;
    }
    Ok(all)
}

/// The properties of a type; the outer field may be written in any case.
fn properties<'a>(types: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    let definition = types.get(name)?.as_object()?;
    let schema = definition
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case("schema"))?
        .1;
    schema.get("properties")?.as_object()
}

fn walk(
    config: &mut Config,
    kind: &str,
    types: &Map<String, Value>,
    name: &str,
    path: &mut Vec<String>,
) -> Result<(), Error> {
    if path.len() > MAX_DEPTH {
        return Err(Error::new(format!(
            "definition of {kind} refers to itself, or is deeper than {MAX_DEPTH} levels"
        )));
    }
    let Some(properties) = properties(types, name) else {
        return Ok(());
    };
    for (field, property) in properties {
        path.push(field.clone());
        let text = |name: &str| property.get(name).and_then(Value::as_str);
        let spec = |path: &[String]| FieldSpec {
            path: path.join("/"),
            kind: kind.to_owned(),
            ..FieldSpec::default()
        };
        for (mark, list) in [
            ("x-kubernetes-annotation", &mut config.common_annotations),
            ("x-kubernetes-label-selector", &mut config.common_labels),
            ("x-kubernetes-identity", &mut config.name_prefix),
        ] {
            if text(mark).is_some() {
                config::merge(list, vec![spec(path)])?;
            }
        }
        if let (Some(version), Some(target)) = (
            text("x-kubernetes-object-ref-api-version"),
            text("x-kubernetes-object-ref-kind"),
        ) {
            let mut full = path.clone();
            full.push(
                text("x-kubernetes-object-ref-name-key")
                    .unwrap_or("name")
                    .to_owned(),
            );
            config.merge(Config {
                name_reference: vec![Referral {
                    version: version.to_owned(),
                    kind: target.to_owned(),
                    referrers: vec![spec(&full)],
                    ..Referral::default()
                }],
                ..Config::default()
            })?;
        }
        if let Some(reference) = text("$ref") {
            walk(config, kind, types, reference, path)?;
        }
        path.pop();
    }
    Ok(())
}
