//! The fields of a kustomization file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{Error, fieldspec::FieldSpec};

type Strings = BTreeMap<String, String>;

/// A kustomization file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Kustomization {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) metadata: Value,
    pub(crate) openapi: BTreeMap<String, String>,
    pub(crate) name_prefix: String,
    pub(crate) name_suffix: String,
    pub(crate) namespace: String,
    pub(crate) common_labels: Strings,
    pub(crate) labels: Vec<Label>,
    pub(crate) common_annotations: Strings,
    pub(crate) patches_strategic_merge: Vec<String>,
    pub(crate) patches_json6902: Vec<Patch>,
    pub(crate) patches: Vec<Patch>,
    pub(crate) images: Vec<Image>,
    pub(crate) image_tags: Vec<Image>,
    pub(crate) replacements: Vec<Value>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) vars: Vec<Value>,
    pub(crate) sort_options: Option<SortOptions>,
    pub(crate) resources: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) crds: Vec<String>,
    pub(crate) bases: Vec<String>,
    pub(crate) config_map_generator: Vec<Generator>,
    pub(crate) secret_generator: Vec<Generator>,
    pub(crate) helm_globals: Option<Value>,
    pub(crate) helm_charts: Vec<Value>,
    pub(crate) helm_chart_inflation_generator: Vec<Value>,
    pub(crate) generator_options: Option<GeneratorOptions>,
    pub(crate) configurations: Vec<String>,
    pub(crate) generators: Vec<String>,
    pub(crate) transformers: Vec<String>,
    pub(crate) validators: Vec<String>,
    pub(crate) build_metadata: Vec<String>,
}

/// An entry of `labels`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Label {
    pub(crate) pairs: Strings,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) fields: Vec<Field>,
}

/// A path of the user's own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Field {
    path: String,
    group: String,
    version: String,
    kind: String,
    create: bool,
}

impl Field {
    pub(crate) fn spec(&self) -> FieldSpec {
        let Self {
            path,
            group,
            version,
            kind,
            create,
        } = self.clone();
        FieldSpec {
            path,
            group,
            version,
            kind,
            create,
        }
    }
}

/// An entry of `patches` and `patchesJson6902`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Patch {
    pub(crate) path: String,
    pub(crate) patch: String,
    pub(crate) target: Option<Selector>,
    pub(crate) options: Option<PatchOptions>,
}

/// What a patch may change besides.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct PatchOptions {
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
}

/// Which objects a patch is for; each part a regular expression for the whole text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Selector {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) annotation_selector: String,
    pub(crate) label_selector: String,
}

/// An entry of `images`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) new_name: String,
    pub(crate) tag_suffix: String,
    pub(crate) new_tag: String,
    pub(crate) digest: String,
}

/// An entry of `replicas`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// The order of the result.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct SortOptions {
    pub(crate) order: String,
    pub(crate) legacy_sort_options: Option<Value>,
}

/// An entry of `configMapGenerator` and `secretGenerator`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Generator {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) behavior: String,
    pub(crate) literals: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) envs: Vec<String>,
    pub(crate) env: String,
    /// Of Secrets only.
    #[serde(rename = "type")]
    pub(crate) secret_type: String,
    pub(crate) options: Option<GeneratorOptions>,
}

/// What generated objects have in common.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: Strings,
    pub(crate) annotations: Strings,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

impl Kustomization {
    /// Reads a file.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |error: String| Error::new(format!("invalid Kustomization: {error}"));
        let mut value =
            yaml::read(text, yaml::Dialect::Kubernetes).map_err(|error| invalid(error.to_string()))?;
        if value.is_null() {
            value = Value::Object(serde_json::Map::new());
        }
        without_nulls(&mut value);
        check(&value).map_err(invalid)?;
        let mut this: Self =
            serde_json::from_value(value).map_err(|error| invalid(go_words(&error.to_string())))?;
        this.fix();
        Ok(this)
    }

    /// Moves deprecated fields to those that took their place.
    fn fix(&mut self) {
        if self.kind.is_empty() {
            "Kustomization".clone_into(&mut self.kind);
        }
        let bases = std::mem::take(&mut self.bases);
        self.resources.extend(bases);
        let tags = std::mem::take(&mut self.image_tags);
        self.images.extend(tags);
        for generator in self
            .config_map_generator
            .iter_mut()
            .chain(&mut self.secret_generator)
        {
            if !generator.env.is_empty() {
                let env = std::mem::take(&mut generator.env);
                generator.envs.push(env);
            }
        }
    }

    /// The fields that are read, but not built here.
    pub(crate) fn unsupported(&self) -> Option<&'static str> {
        let fields = [
            ("openapi", !self.openapi.is_empty()),
            ("replacements", !self.replacements.is_empty()),
            ("vars", !self.vars.is_empty()),
            ("crds", !self.crds.is_empty()),
            (
                "helmCharts",
                !self.helm_charts.is_empty() || !self.helm_chart_inflation_generator.is_empty(),
            ),
            ("configurations", !self.configurations.is_empty()),
            ("generators", !self.generators.is_empty()),
            ("transformers", !self.transformers.is_empty()),
            ("validators", !self.validators.is_empty()),
        ];
        fields.into_iter().find(|(_, used)| *used).map(|(name, _)| name)
    }
}

/// Finds a field of the wrong type, in the words of Go's decoder.
///
/// DIFFERENCE: only the outer fields; further in, the words are those of serde.
fn check(value: &Value) -> Result<(), String> {
    const TEXTS: [&str; 3] = ["namespace", "namePrefix", "nameSuffix"];
    const LISTS: [(&str, &str); 17] = [
        ("resources", "string"),
        ("bases", "string"),
        ("components", "string"),
        ("crds", "string"),
        ("configurations", "string"),
        ("generators", "string"),
        ("transformers", "string"),
        ("validators", "string"),
        ("buildMetadata", "string"),
        ("patchesStrategicMerge", "types.PatchStrategicMerge"),
        ("patchesJson6902", "types.Patch"),
        ("patches", "types.Patch"),
        ("images", "types.Image"),
        ("labels", "types.Label"),
        ("replicas", "types.Replica"),
        ("configMapGenerator", "types.ConfigMapArgs"),
        ("secretGenerator", "types.SecretArgs"),
    ];
    let Value::Object(map) = value else {
        return Err(mismatch(value, "value", "types.Kustomization"));
    };
    for (field, value) in map {
        let place = format!("struct field Kustomization.{field}");
        if TEXTS.contains(&field.as_str()) && !value.is_string() {
            return Err(mismatch(value, &place, "string"));
        }
        let Some((_, element)) = LISTS.iter().find(|(name, _)| name == field) else {
            continue;
        };
        let Value::Array(items) = value else {
            return Err(mismatch(value, &place, &format!("[]{element}")));
        };
        let plain = matches!(*element, "string" | "types.PatchStrategicMerge");
        let fits = |item: &&Value| if plain { item.is_string() } else { item.is_object() };
        if let Some(item) = items.iter().find(|item| !fits(item)) {
            return Err(mismatch(item, &place, element));
        }
    }
    Ok(())
}

fn mismatch(value: &Value, place: &str, wanted: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {found} into Go {place} of type {wanted}")
}

/// Go reads a null as if the field were absent.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// An error of serde in the words of Go's decoder, where they are known.
fn go_words(error: &str) -> String {
    match error
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once('`'))
    {
        Some((field, _)) => format!("json: unknown field {field:?}"),
        None => format!("json: {error}"),
    }
}

/// Whether kustomize knows a field of this name.
pub(crate) fn is_field(name: &str) -> bool {
    let known = serde_json::json!({ name: 0 });
    let error = serde_json::from_value::<Kustomization>(known).err();
    !error.is_some_and(|error| error.to_string().starts_with("unknown field"))
}
