//! What Flux does around `kustomize build`: kustomizations for directories without one, the overrides of a
//! Flux `Kustomization`, and the substitution of variables afterwards.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{Error, Files, ReadError, envsubst, files, load, target::FILE_NAMES};

const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// A kustomization to be built in the place of the one in the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// Where it stands in the tree.
    pub path: String,
    /// The kustomization file.
    pub kustomization: Value,
}

/// Finds or makes the kustomization of a directory and applies the overrides that `spec`, the spec of a Flux
/// `Kustomization`, asks for.
///
/// # Errors
/// [`Error`] for YAML that holds no objects of Kubernetes, or for an override that cannot be.
pub fn generate(files: &dyn Files, dir: &str, spec: &Value) -> Result<Generated, Error> {
    let dir = files::join("", dir)?;
    let (path, mut kustomization) = match find(files, &dir)? {
        Some((path, mut found)) => {
            // QUIRK: so that kustomize does not call it empty.
            let resources = found.get("resources").and_then(Value::as_array);
            if resources.is_none_or(Vec::is_empty) {
                found.insert("buildMetadata".to_owned(), json!(["originAnnotations"]));
            }
            (path, found)
        }
        None => (join(&dir, FILE_NAMES[0]), scan(files, &dir)?),
    };
    for (field, default) in [
        ("apiVersion", "kustomize.config.k8s.io/v1beta1"),
        ("kind", "Kustomization"),
    ] {
        kustomization.entry(field).or_insert_with(|| json!(default));
    }
    for (from, to) in [
        ("targetNamespace", "namespace"),
        ("namePrefix", "namePrefix"),
        ("nameSuffix", "nameSuffix"),
    ] {
        if let Some(text) = spec.get(from).filter(|value| value.is_string()) {
            kustomization.insert(to.to_owned(), text.clone());
        }
    }
    for patch in list(spec, "patches") {
        push(&mut kustomization, "patches", patch.clone());
    }
    components(files, &dir, spec, &mut kustomization)?;
    images(spec, &mut kustomization);
    if !list(spec, "buildMetadata").is_empty() {
        kustomization.insert("buildMetadata".to_owned(), spec["buildMetadata"].clone());
    }
    Ok(Generated {
        path,
        kustomization: Value::Object(kustomization),
    })
}

/// Builds a directory as Flux does: [`generate`], then [`crate::build`] with what was generated.
///
/// # Errors
/// Those of the two; the error of the build begins `kustomize build failed: `.
pub fn build(files: &dyn Files, dir: &str, spec: &Value) -> Result<Vec<Value>, Error> {
    let generated = generate(files, dir, spec)?;
    let overlay = Overlay {
        below: files,
        content: yaml::to_string(&generated.kustomization),
        path: generated.path,
    };
    crate::build(&overlay, dir).map_err(|error| error.within("kustomize build failed"))
}

/// A tree with one file added or replaced.
struct Overlay<'a> {
    below: &'a dyn Files,
    path: String,
    content: String,
}

impl Files for Overlay<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        if path == self.path {
            Ok(self.content.clone().into_bytes())
        } else {
            self.below.read(path)
        }
    }

    fn is_dir(&self, path: &str) -> bool {
        self.below.is_dir(path)
    }

    fn list(&self, path: &str) -> Vec<String> {
        self.below.list(path)
    }

    fn real(&self, path: &str) -> String {
        self.below.real(path)
    }

    fn confirm(&self, root: &str, path: &str) -> Result<String, Error> {
        self.below.confirm(root, path)
    }
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

fn list<'a>(spec: &'a Value, field: &str) -> &'a [Value] {
    spec.get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn push(kustomization: &mut Map<String, Value>, field: &str, value: Value) {
    match kustomization.get_mut(field) {
        Some(Value::Array(items)) => items.push(value),
        _ => {
            kustomization.insert(field.to_owned(), Value::Array(vec![value]));
        }
    }
}

/// The path of a kustomization file, and its fields.
type Found = (String, Map<String, Value>);

/// The kustomization file of a directory.
///
/// QUIRK: unknown fields of this one file are dropped, as Flux reads and writes it without looking at them.
fn find(files: &dyn Files, dir: &str) -> Result<Option<Found>, Error> {
    for name in FILE_NAMES {
        let path = join(dir, name);
        let Ok(content) = files.read(&path) else { continue };
        let text = String::from_utf8_lossy(&content);
        let value = yaml::read(&text, yaml::Dialect::Kubernetes)
            .map_err(|error| Error::new(format!("error converting YAML to JSON: {error}")))?;
        return match value {
            Value::Object(mut map) => {
                map.retain(|key, value| crate::spec::is_field(key) && !value.is_null());
                Ok(Some((path, map)))
            }
            Value::Null => Ok(Some((path, Map::new()))),
            _ => Err(Error::new(
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal into Go value of type types.Kustomization",
            )),
        };
    }
    Ok(None)
}

/// A kustomization with every manifest below a directory.
fn scan(files: &dyn Files, dir: &str) -> Result<Map<String, Value>, Error> {
    let mut found = Vec::new();
    walk(files, dir, dir, &mut found)?;
    let mut kustomization = Map::new();
    if found.is_empty() {
        kustomization.insert("namespace".to_owned(), json!("_placeholder"));
    } else {
        kustomization.insert("resources".to_owned(), json!(found));
    }
    Ok(kustomization)
}

fn walk(files: &dyn Files, base: &str, dir: &str, found: &mut Vec<String>) -> Result<(), Error> {
    for name in files.list(dir) {
        let path = join(dir, &name);
        let relative = || {
            format!(
                "./{}",
                path.strip_prefix(base).unwrap_or(&path).trim_start_matches('/')
            )
        };
        if files.is_dir(&path) {
            if FILE_NAMES
                .iter()
                .any(|name| files.read(&join(&path, name)).is_ok())
            {
                found.push(relative());
            } else {
                walk(files, base, &path, found)?;
            }
            continue;
        }
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        if !matches!(extension, Some("yaml" | "yml")) {
            continue;
        }
        let text = files::load_text(files, "", &path)?;
        load::resources(&text).map_err(|error| {
            error.within(format!(
                "failed to decode Kubernetes YAML from {}",
                files::shown(&path)
            ))
        })?;
        found.push(relative());
    }
    Ok(())
}

fn components(
    files: &dyn Files,
    dir: &str,
    spec: &Value,
    kustomization: &mut Map<String, Value>,
) -> Result<(), Error> {
    let ignore_missing = spec
        .get("ignoreMissingComponents")
        .and_then(Value::as_bool)
        .unwrap_or_default();
    for component in list(spec, "components").iter().filter_map(Value::as_str) {
        if files::is_remote(component) || component.starts_with('/') {
            return Err(Error::new(format!(
                "component path '{component}' must be local and relative"
            )));
        }
        let missing = files::join(dir, component).is_ok_and(|path| !files.is_dir(&path));
        if !(missing && ignore_missing) {
            push(kustomization, "components", json!(component));
        }
    }
    Ok(())
}

/// Merges images by name: a new tag or digest takes the place of both.
fn images(spec: &Value, kustomization: &mut Map<String, Value>) {
    for image in list(spec, "images") {
        let text = |field: &str| {
            image
                .get(field)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let known = kustomization
            .get_mut("images")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten();
        let mut known = known.filter(|other| other.get("name") == image.get("name"));
        let Some(Value::Object(known)) = known.next() else {
            push(kustomization, "images", image.clone());
            continue;
        };
        let mut put = |field: &str, text: Option<&str>| match text {
            Some(text) => {
                known.insert(field.to_owned(), json!(text));
            }
            None => {
                known.remove(field);
            }
        };
        if let Some(name) = text("newName") {
            put("newName", Some(name));
        }
        if text("newTag").is_some() || text("digest").is_some() {
            put("newTag", text("newTag"));
            put("digest", text("digest"));
        }
    }
}

/// The variables of `postBuild`: those of the referenced objects in order, then the inline ones; line breaks are
/// taken out of their values.
pub fn variables<'a>(
    from: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
    inline: &'a BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for map in from.into_iter().chain([inline]) {
        all.extend(
            map.iter()
                .map(|(key, text)| (key.clone(), text.replace('\n', ""))),
        );
    }
    all
}

/// How variables are substituted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Substitution {
    /// A variable without a value or a default is an error.
    pub strict: bool,
    /// Substitute even when there are no variables at all.
    pub always: bool,
}

/// Substitutes variables in the YAML of an object, and reads it again.
///
/// # Errors
/// [`Error`] in Flux's words: `post build failed for '<object>': envsubst error: …`.
pub fn substitute(
    object: &Value,
    variables: &BTreeMap<String, String>,
    how: Substitution,
) -> Result<Value, Error> {
    let disabled = |found: Option<&str>| found == Some("disabled");
    if disabled(manifest::object::label(object, SUBSTITUTE))
        || disabled(manifest::object::annotation(object, SUBSTITUTE))
    {
        return Ok(object.clone());
    }
    if variables.is_empty() && !how.always {
        return Ok(object.clone());
    }
    substituted(object, variables, how.strict).map_err(|error| {
        error.within(format!(
            "post build failed for '{}': envsubst error",
            short_id(object)
        ))
    })
}

fn substituted(object: &Value, variables: &BTreeMap<String, String>, strict: bool) -> Result<Value, Error> {
    for name in variables.keys() {
        let mut chars = name.chars();
        let first = chars.next().is_some_and(|c| c == '_' || c.is_ascii_alphabetic());
        if !first || !chars.all(|c| c == '_' || c.is_ascii_alphanumeric()) {
            return Err(Error::new(format!(
                "'{name}' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'"
            )));
        }
    }
    let lookup = |name: &str| {
        variables
            .get(name)
            .cloned()
            .or_else(|| (!strict).then(String::new))
    };
    let text = envsubst::substitute(&yaml::to_string(object), &lookup)
        .map_err(|error| Error::new(format!("variable substitution failed: {error}")))?;
    yaml::read(&text, yaml::Dialect::Kubernetes).map_err(|error| Error::new(format!("YAMLToJSON: {error}")))
}

/// `<group, version and kind>/<name>` as Flux's messages name an object: `ConfigMap.v1.[noGrp]/name`.
pub fn short_id(object: &Value) -> String {
    let mut id = crate::id::Id::of(object);
    id.namespace.clear();
    let text = id.to_string();
    text.strip_suffix(".[noNs]").unwrap_or(&text).to_owned()
}
