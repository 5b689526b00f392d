//! `patches`, `patchesStrategicMerge` and `patchesJson6902`.

use serde_json::{Map, Value};

use crate::{
    Error, Files,
    error::quoted,
    files, json_patch, load,
    merge_keys::Table,
    resource::Resource,
    set::Set,
    spec::{Patch, Selector},
};

/// A patch that was read.
enum Loaded {
    Strategic(Vec<Resource>),
    Json(Vec<Value>),
}

/// A patch, ready to be applied.
pub(crate) struct Ready {
    loaded: Loaded,
    target: Option<Selector>,
    source: String,
}

/// Reads an entry of `patches`.
pub(crate) fn ready(files: &dyn Files, dir: &str, patch: &Patch) -> Result<Ready, Error> {
    let configured = |error: Error| {
        error.within(format!(
            "trouble configuring builtin PatchTransformer with config: `\n{}`",
            config(patch)
        ))
    };
    parse(files, dir, patch).map_err(configured)
}

fn parse(files: &dyn Files, dir: &str, patch: &Patch) -> Result<Ready, Error> {
    let inline = patch.patch.trim();
    let (text, source) = match (inline.is_empty(), patch.path.is_empty()) {
        (true, true) => {
            return Err(Error::new(format!(
                "must specify one of patch and path in\n{}",
                config(patch)
            )));
        }
        (false, false) => {
            return Err(Error::new(format!(
                "patch and path can't be set at the same time\n{}",
                config(patch)
            )));
        }
        (false, true) => (inline.to_owned(), format!("[patch: {}]", quoted(inline))),
        (true, false) => {
            let text = files::load_text(files, dir, &patch.path).map_err(|error| {
                error.within(format!("failed to get the patch file from path({})", patch.path))
            })?;
            (text, format!("[path: {}]", quoted(&patch.path)))
        }
    };
    let loaded = match (load::patches(&text), json_patch::parse(&text)) {
        (Ok(resources), Ok(operations)) if !resources.is_empty() && !operations.is_empty() => {
            return Err(Error::new(format!(
                "illegally qualifies as both an SM and JSON patch: {source}"
            )));
        }
        (Err(_), Err(_)) => {
            return Err(Error::new(format!(
                "unable to parse SM or JSON patch from {source}"
            )));
        }
        (Ok(mut resources), _) => {
            let options = patch.options.unwrap_or_default();
            for resource in &mut resources {
                resource.allow_name_change = options.allow_name_change;
                resource.allow_kind_change = options.allow_kind_change;
            }
            Loaded::Strategic(resources)
        }
        (Err(_), Ok(operations)) => Loaded::Json(operations),
    };
    Ok(Ready {
        loaded,
        target: patch.target.clone(),
        source,
    })
}

impl Ready {
    /// Applies the patch.
    pub(crate) fn apply(&self, set: &mut Set, keys: &Table) -> Result<(), Error> {
        match &self.loaded {
            Loaded::Strategic(patches) => self.strategic(set, patches, keys),
            Loaded::Json(operations) => {
                let target = self.target.as_ref().ok_or_else(|| {
                    Error::new(format!("must specify a target for JSON patch {}", self.source))
                })?;
                for at in set.select(target)? {
                    set.0[at].remember();
                    json_patch::apply(&mut set.0[at].value, operations)?;
                }
                Ok(())
            }
        }
    }

    fn strategic(&self, set: &mut Set, patches: &[Resource], keys: &Table) -> Result<(), Error> {
        let Some(target) = &self.target else {
            for patch in patches {
                let id = patch.original_id();
                let at = set.target(&id).map_err(|error| {
                    error.within(format!(
                        "no resource matches strategic merge patch {}",
                        quoted(&id.to_string())
                    ))
                })?;
                set.patch(at, patch, keys)?;
            }
            return Ok(());
        };
        match patches {
            [] => Ok(()),
            [patch] => {
                for at in set.select(target)? {
                    let mut patch = patch.clone();
                    retarget(&mut patch.value, &set.0[at].value);
                    set.patch(at, &patch, keys)?;
                }
                set.drop_deleted();
                set.refuse_duplicates()
            }
            _ => Err(Error::new(format!(
                "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` field: {}",
                self.source
            ))),
        }
    }
}

/// A patch with a target takes the target's API version, and keeps its kind.
fn retarget(patch: &mut Value, target: &Value) {
    if let (Value::Object(patch), Some(version)) = (patch, target.get("apiVersion")) {
        patch.insert("apiVersion".to_owned(), version.clone());
    }
}

/// The configuration as messages show it.
fn config(patch: &Patch) -> String {
    let mut map = Map::new();
    let mut put = |name: &str, text: &str| {
        if !text.is_empty() {
            map.insert(name.to_owned(), Value::String(text.to_owned()));
        }
    };
    put("path", &patch.path);
    put("patch", &patch.patch);
    if let Some(options) = patch.options {
        let mut shown = Map::new();
        for (name, set) in [
            ("allowNameChange", options.allow_name_change),
            ("allowKindChange", options.allow_kind_change),
        ] {
            if set {
                shown.insert(name.to_owned(), Value::Bool(true));
            }
        }
        map.insert("options".to_owned(), Value::Object(shown));
    }
    if let Some(target) = &patch.target {
        map.insert("target".to_owned(), selector(target));
    }
    yaml::to_string(&Value::Object(map))
}

fn selector(target: &Selector) -> Value {
    let fields = [
        ("group", &target.group),
        ("version", &target.version),
        ("kind", &target.kind),
        ("name", &target.name),
        ("namespace", &target.namespace),
        ("annotationSelector", &target.annotation_selector),
        ("labelSelector", &target.label_selector),
    ];
    let present = fields.into_iter().filter(|(_, text)| !text.is_empty());
    Value::Object(
        present
            .map(|(name, text)| (name.to_owned(), Value::String(text.clone())))
            .collect(),
    )
}

/// `patchesStrategicMerge`.
pub(crate) struct StrategicMerge(Vec<Resource>);

impl StrategicMerge {
    /// Reads the entries: each a file, or the patch itself.
    pub(crate) fn read(files: &dyn Files, dir: &str, entries: &[String]) -> Result<Self, Error> {
        let mut all = Vec::new();
        for entry in entries {
            match load::patches(entry) {
                Ok(patches) => all.extend(patches),
                Err(_) => {
                    let text =
                        files::load_text(files, dir, entry).map_err(|error| configured(entries, error))?;
                    let patches =
                        load::patches(&text).map_err(|error| configured(entries, in_file(error, entry)))?;
                    all.extend(patches);
                }
            }
        }
        if all.is_empty() {
            let error = format!("patch appears to be empty; files=[{}], Patch=", entries.join(" "));
            return Err(configured(entries, Error::new(error)));
        }
        Ok(Self(all))
    }

    /// Applies them in order.
    pub(crate) fn apply(&self, set: &mut Set, keys: &Table) -> Result<(), Error> {
        for patch in &self.0 {
            let at = set.target(&patch.original_id())?;
            set.patch(at, patch, keys)?;
            set.drop_deleted();
        }
        Ok(())
    }
}

fn configured(entries: &[String], error: Error) -> Error {
    let paths = serde_json::json!({ "paths": entries });
    error.within(format!(
        "trouble configuring builtin PatchStrategicMergeTransformer with config: `\n{}`",
        yaml::to_string(&paths)
    ))
}

/// Names the file of malformed YAML.
pub(crate) fn in_file(error: Error, path: &str) -> Error {
    if error.is_malformed() {
        Error::new(format!("{error} in File: {path}"))
    } else {
        error
    }
}

/// An entry of `patchesJson6902`.
pub(crate) struct Json6902 {
    target: Selector,
    operations: Vec<Value>,
}

impl Json6902 {
    /// Applies the patch.
    pub(crate) fn apply(&self, set: &mut Set) -> Result<(), Error> {
        for at in set.select(&self.target)? {
            json_patch::apply(&mut set.0[at].value, &self.operations)?;
        }
        Ok(())
    }

    /// Reads the patch.
    pub(crate) fn read(files: &dyn Files, dir: &str, patch: &Patch) -> Result<Self, Error> {
        let configured = |error: Error| {
            let mut shown = Map::new();
            for (name, text) in [("path", &patch.path), ("jsonOp", &patch.patch)] {
                if !text.is_empty() {
                    shown.insert(name.to_owned(), Value::String(text.clone()));
                }
            }
            if let Some(target) = &patch.target {
                shown.insert("target".to_owned(), selector(target));
            }
            error.within(format!(
                "trouble configuring builtin PatchJson6902Transformer with config: `\n{}`",
                yaml::to_string(&Value::Object(shown))
            ))
        };
        let target = patch.target.clone().unwrap_or_default();
        if target.name.is_empty() {
            return Err(configured(Error::new("must specify the target name")));
        }
        let text = match (patch.path.is_empty(), patch.patch.is_empty()) {
            (true, true) => return Err(configured(Error::new("empty file path and empty jsonOp"))),
            (false, false) => {
                return Err(configured(Error::new(
                    "must specify a file path or jsonOp, not both",
                )));
            }
            (false, true) => files::load_text(files, dir, &patch.path).map_err(configured)?,
            (true, false) => patch.patch.clone(),
        };
        let operations = json_patch::parse(&text).map_err(configured)?;
        if operations.is_empty() {
            let error = format!("patch appears to be empty; file={}, JsonOp={text}", patch.path);
            return Err(configured(Error::new(error)));
        }
        Ok(Self { target, operations })
    }
}
