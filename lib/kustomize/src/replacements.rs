//! `replacements`: a field of one object, copied into fields of others.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Error, Files,
    decode::{self, Unknown},
    error::quoted,
    fieldpath::{self, lookup},
    fieldspec::FieldSpec,
    files, go,
    id::Id,
    resource::Resource,
    set::{Patterns, Set},
    spec::Selector,
    transform::scalar,
};

const DEFAULT_PATH: &str = "metadata.name";

/// An entry of `replacements`: one written here, or a file of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReplacementField {
    source: Option<Source>,
    targets: Option<Vec<Target>>,
    source_value: Option<String>,
    path: String,
}

/// One replacement.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Replacement {
    source: Option<Source>,
    targets: Option<Vec<Target>>,
    source_value: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename = "SourceSelector", rename_all = "camelCase", default)]
struct Source {
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
    field_path: String,
    options: Option<Options>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename = "TargetSelector", rename_all = "camelCase", default)]
struct Target {
    select: Option<Selector>,
    reject: Vec<Selector>,
    field_paths: Vec<String>,
    options: Option<Options>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename = "FieldOptions", rename_all = "camelCase", default)]
struct Options {
    delimiter: String,
    index: i64,
    /// Read and not used, as upstream.
    encoding: String,
    create: bool,
}

/// Reads the entries and the files that they name.
pub(crate) fn read(
    files: &dyn Files,
    dir: &str,
    entries: &[ReplacementField],
) -> Result<Vec<Replacement>, Error> {
    let mut all = Vec::new();
    for entry in entries {
        read_entry(files, dir, entry, &mut all).map_err(|error| {
            let config = yaml::to_string(&json!({ "Replacements": shown(entries) }));
            error.within(format!(
                "trouble configuring builtin ReplacementTransformer with config: `\n{config}`"
            ))
        })?;
    }
    Ok(all)
}

/// Replaces all.
pub(crate) fn replace(set: &mut Set, all: &[Replacement]) -> Result<(), Error> {
    for replacement in all {
        let targets = replacement.targets.as_deref().unwrap_or_default();
        let given = replacement.source.is_some() || replacement.source_value.is_some();
        if !given || replacement.targets.is_none() {
            return Err(Error::new(
                "replacements must specify a source and at least one target",
            ));
        }
        let found = replacement.value(set)?;
        for target in targets {
            target.set(set, &found)?;
        }
    }
    Ok(())
}

fn read_entry(
    files: &dyn Files,
    dir: &str,
    entry: &ReplacementField,
    all: &mut Vec<Replacement>,
) -> Result<(), Error> {
    if entry.path.is_empty() {
        let entry = entry.clone();
        all.push(Replacement {
            source: entry.source,
            targets: entry.targets.filter(|targets| !targets.is_empty()),
            source_value: entry.source_value,
        });
        return Ok(());
    }
    if entry.source.is_some() || entry.targets.as_ref().is_some_and(|targets| !targets.is_empty()) {
        return Err(Error::new("cannot specify both path and inline replacement"));
    }
    let text = files::load_text(files, dir, &entry.path)?;
    let invalid =
        |error: String| Error::new(format!("error unmarshaling JSON: while decoding JSON: {error}"));
    let value = yaml::read(&text, yaml::Dialect::Kubernetes)
        .map_err(|error| Error::new(format!("error converting YAML to JSON: {error}")))?;
    let found = match value {
        Value::Array(items) => items,
        value @ Value::Object(_) => vec![value],
        other => {
            let kind = match other {
                Value::Null => "invalid",
                Value::Bool(_) => "bool",
                Value::Number(_) => "float64",
                _ => "string",
            };
            return Err(Error::new(format!(
                "unsupported replacement type encountered within replacement path: {kind}"
            )));
        }
    };
    for value in found {
        all.push(decode::decode(value, Unknown::Ignored).map_err(|error| invalid(error.to_string()))?);
    }
    Ok(())
}

/// The entries as the message about one of them shows them.
fn shown(entries: &[ReplacementField]) -> Vec<Value> {
    let shown = entries.iter().map(|entry| {
        let mut map = serde_json::Map::new();
        if !entry.path.is_empty() {
            map.insert("path".to_owned(), json!(entry.path));
        }
        if let Some(source) = &entry.source {
            let fields = [
                ("group", &source.group),
                ("version", &source.version),
                ("kind", &source.kind),
                ("name", &source.name),
                ("namespace", &source.namespace),
                ("fieldPath", &source.field_path),
            ];
            let fields = fields.into_iter().filter(|(_, text)| !text.is_empty());
            let fields = fields.map(|(name, text)| (name.to_owned(), json!(text)));
            map.insert("source".to_owned(), Value::Object(fields.collect()));
        }
        Value::Object(map)
    });
    shown.collect()
}

impl Replacement {
    fn value(&self, set: &Set) -> Result<Value, Error> {
        match (&self.source, &self.source_value) {
            (Some(_), Some(_)) => Err(Error::new("value and resource selectors are mutually exclusive")),
            (Some(source), None) => source.value(set),
            (None, text) => Ok(Value::String(text.clone().unwrap_or_default())),
        }
    }
}

impl Source {
    fn value(&self, set: &Set) -> Result<Value, Error> {
        let mut found = set
            .0
            .iter()
            .filter(|resource| resource.any_id(|id| self.selects(id)));
        let resource = match (found.next(), found.next()) {
            (Some(resource), None) => resource,
            (None, _) => return Err(Error::new(format!("nothing selected by {}", self.shown()))),
            (Some(_), Some(_)) => {
                return Err(Error::new(format!(
                    "multiple matches for selector {}",
                    self.shown()
                )));
            }
        };
        let path = if self.field_path.is_empty() {
            DEFAULT_PATH
        } else {
            &self.field_path
        };
        let value = lookup(&resource.value, &fieldpath::split(path))
            .map_err(|error| error.within("error looking up replacement source"))?;
        let empty = |value: &&Value| match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        let value = value.filter(|value| !empty(value)).ok_or_else(|| {
            Error::new(format!(
                "fieldPath `{path}` is missing for replacement source {}",
                self.id()
            ))
        })?;
        self.refined(value)
    }

    /// The part of a text that the options ask for.
    fn refined(&self, value: &Value) -> Result<Value, Error> {
        let Some(options) = self
            .options
            .as_ref()
            .filter(|options| !options.delimiter.is_empty())
        else {
            return Ok(value.clone());
        };
        let text =
            scalar(value).ok_or_else(|| Error::new("delimiter option can only be used with scalar nodes"))?;
        let parts: Vec<_> = text.split(options.delimiter.as_str()).collect();
        let part = usize::try_from(options.index).ok().and_then(|at| parts.get(at));
        let part = part.ok_or_else(|| {
            let index = options.index;
            Error::new(format!("options.index {index} is out of bounds for value {text}"))
        })?;
        Ok(Value::String((*part).to_owned()))
    }

    fn spec(&self) -> FieldSpec {
        FieldSpec {
            group: self.group.clone(),
            version: self.version.clone(),
            kind: self.kind.clone(),
            ..FieldSpec::default()
        }
    }

    fn id(&self) -> Id {
        Id {
            group: self.group.clone(),
            version: self.version.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            cluster_scoped: false,
        }
    }

    fn selects(&self, id: &Id) -> bool {
        (self.name.is_empty() || self.name == id.name)
            && (self.namespace.is_empty() || self.namespace == id.effective_namespace())
            && self.spec().selects(id)
    }

    /// As messages name it: `Kind.version.group/name.namespace:path:options`.
    fn shown(&self) -> String {
        let path = if self.field_path.is_empty() {
            DEFAULT_PATH
        } else {
            &self.field_path
        };
        let mut shown = format!("{}:{path}", self.id());
        if self.field_path.is_empty() {
            shown = self.id().to_string();
        }
        if let Some(options) = &self.options
            && (!options.delimiter.is_empty() || options.create)
        {
            shown.push_str(&format!(
                ":{}({}), create={}",
                options.delimiter, options.index, options.create
            ));
        }
        shown
    }
}

impl Target {
    fn set(&self, set: &mut Set, value: &Value) -> Result<(), Error> {
        let Some(select) = &self.select else {
            return Err(Error::new("target must specify resources to select"));
        };
        let within = |error: Error| error.within("error creating target selector");
        let patterns = Patterns::of(select).map_err(within)?;
        let rejects = self
            .reject
            .iter()
            .map(|reject| Ok((reject, Patterns::of(reject)?)));
        let rejects: Vec<_> = rejects.collect::<Result<_, _>>().map_err(within)?;
        for resource in &mut set.0 {
            if !labelled(resource, select)? {
                continue;
            }
            let mut rejected = false;
            for (reject, patterns) in &rejects {
                let labels = !reject.annotation_selector.is_empty() || !reject.label_selector.is_empty();
                let named = patterns.is_any() && resource.any_id(|id| patterns.fits(id));
                rejected |= named || (labels && labelled(resource, reject)?);
            }
            if !rejected && resource.any_id(|id| patterns.fits(id)) {
                self.copy(resource, value)?;
            }
        }
        Ok(())
    }

    fn copy(&self, resource: &mut Resource, value: &Value) -> Result<(), Error> {
        let default = [DEFAULT_PATH.to_owned()];
        let paths = if self.field_paths.is_empty() {
            default.as_slice()
        } else {
            &self.field_paths
        };
        let create = self.options.as_ref().is_some_and(|options| options.create);
        let start = match value {
            Value::Array(_) => json!([]),
            Value::Object(_) => json!({}),
            _ => Value::Null,
        };
        for path in paths {
            let parts = fieldpath::split(path);
            let start = create.then_some(&start);
            if inside_text(&mut resource.value, &parts, start, value).is_some() {
                continue;
            }
            let verb = if create { "find or create" } else { "find" };
            let missing = format!("unable to {verb} field {} in replacement target", quoted(path));
            let mut failure = None;
            let mut set = |field: &mut Value| {
                let set = self.set_field(field, value, create);
                set.inspect_err(|error| failure = Some(error.clone()))
            };
            let count = fieldpath::visit(&mut resource.value, &parts, start, &mut set);
            match (count, failure) {
                (_, Some(error)) => return Err(error),
                (Err(error), None) => return Err(error.within(missing)),
                (Ok(0), None) => return Err(Error::new(missing)),
                (Ok(_), None) => {}
            }
        }
        Ok(())
    }

    fn set_field(&self, field: &mut Value, value: &Value, create: bool) -> Result<(), Error> {
        let mut value = value.clone();
        if let Some(options) = self
            .options
            .as_ref()
            .filter(|options| !options.delimiter.is_empty())
        {
            let old = scalar(field)
                .ok_or_else(|| Error::new("delimiter option can only be used with scalar nodes"))?;
            value = Value::String(joined(&old, &scalar(&value).unwrap_or_default(), options));
        }
        overwrite(field, value, create)
    }
}

/// Puts a part into a text: before it, after it, or in the place of one of its parts.
fn joined(old: &str, new: &str, options: &Options) -> String {
    let mut parts: Vec<_> = old.split(options.delimiter.as_str()).collect();
    match usize::try_from(options.index) {
        Err(_) => parts.insert(0, new),
        Ok(at) if at >= parts.len() => parts.push(new),
        Ok(at) => parts[at] = new,
    }
    parts.join(&options.delimiter)
}

/// A plain field keeps its type and takes the text.
fn overwrite(field: &mut Value, value: Value, created: bool) -> Result<(), Error> {
    let text = scalar(&value);
    let resolved = || yaml::plain(text.as_deref().unwrap_or_default(), yaml::Dialect::Kyaml);
    *field = match &*field {
        Value::Array(_) | Value::Object(_) => value,
        Value::String(_) => Value::String(text.unwrap_or_default()),
        Value::Null if created => resolved(),
        old => {
            let new = resolved();
            let wanted = tag(old);
            let found = tag(&new);
            if wanted != found && !(wanted == "!!float" && found == "!!int") {
                let text = text.unwrap_or_default();
                return Err(Error::new(format!(
                    "map[string]interface {{}}(nil): yaml: cannot decode {found} `{text}` as a {wanted}"
                )));
            }
            new
        }
    };
    Ok(())
}

fn tag(value: &Value) -> &'static str {
    match value {
        Value::Null => "!!null",
        Value::Bool(_) => "!!bool",
        Value::Number(number) if number.is_f64() => "!!float",
        Value::Number(_) => "!!int",
        _ => "!!str",
    }
}

fn labelled(resource: &Resource, selector: &Selector) -> Result<bool, Error> {
    Ok(resource.annotations_match(&selector.annotation_selector)?
        && resource.labels_match(&selector.label_selector)?)
}

/// Sets a field in a text that is JSON or YAML itself; nothing if the path does not lead to one.
///
/// DIFFERENCE: YAML in a text is written anew with its keys sorted and without comments; upstream keeps both.
fn inside_text(object: &mut Value, path: &[String], create: Option<&Value>, value: &Value) -> Option<()> {
    let length = (1..path.len()).find(|length| {
        lookup(object, &path[..*length]).is_ok_and(|found| {
            found
                .and_then(scalar)
                .is_some_and(|text| yaml::read(&text, yaml::Dialect::Kyaml).is_ok())
        })
    })?;
    let (outside, inside) = path.split_at(length);
    let text = lookup(object, outside).ok().flatten().and_then(scalar)?;
    let mut data = yaml::read(&text, yaml::Dialect::Kyaml).ok()?;
    let mut set = |field: &mut Value| overwrite(field, value.clone(), create.is_some());
    let count = fieldpath::visit(&mut data, inside, create, &mut set).ok()?;
    let first = text.trim_start().chars().next()?;
    if count == 0 {
        return None;
    }
    let written = match first {
        '{' | '[' if text.contains('\n') && text.contains("  ") => go::json_indented(&data),
        '{' | '[' => go::json(&data),
        _ => yaml::to_string(&data).trim().to_owned(),
    };
    let mut put = |field: &mut Value| {
        *field = Value::String(written.clone());
        Ok(())
    };
    fieldpath::visit(object, outside, None, &mut put).ok().map(drop)
}
