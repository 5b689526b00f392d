//! The fields of a kustomization file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Error,
    decode::{self, Unknown},
    fieldspec::FieldSpec,
    replacements::ReplacementField,
    vars::Var,
};

type Strings = BTreeMap<String, String>;

/// A kustomization file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
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
    pub(crate) replacements: Vec<ReplacementField>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) vars: Vec<Var>,
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
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Label {
    pub(crate) pairs: Strings,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) fields: Vec<FieldSpec>,
}

/// An entry of `patches` and `patchesJson6902`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Patch {
    pub(crate) path: String,
    pub(crate) patch: String,
    pub(crate) target: Option<Selector>,
    pub(crate) options: Option<PatchOptions>,
}

/// What a patch may change besides.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename = "PatchArgs", rename_all = "camelCase", default)]
pub(crate) struct PatchOptions {
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
}

/// Which objects a patch is for; each part a regular expression for the whole text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
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
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) new_name: String,
    pub(crate) tag_suffix: String,
    pub(crate) new_tag: String,
    pub(crate) digest: String,
}

/// An entry of `replicas`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// The order of the result.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SortOptions {
    pub(crate) order: String,
    pub(crate) legacy_sort_options: Option<LegacySortOptions>,
}

/// The kinds that come first and last.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LegacySortOptions {
    pub(crate) order_first: Vec<String>,
    pub(crate) order_last: Vec<String>,
}

/// An entry of `configMapGenerator` and `secretGenerator`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename = "SecretArgs", rename_all = "camelCase", default)]
pub(crate) struct Generator {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) behavior: String,
    pub(crate) literals: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) envs: Vec<String>,
    pub(crate) env: String,
    pub(crate) options: Option<GeneratorOptions>,
    /// Of Secrets only, and the last for that: see `decode`.
    #[serde(rename = "type")]
    pub(crate) secret_type: String,
}

/// What generated objects have in common.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: Strings,
    pub(crate) annotations: Strings,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

impl Kustomization {
    /// Reads a file.
    pub(crate) fn parse(text: &str, warnings: &mut Vec<String>) -> Result<Self, Error> {
        let invalid = |error: String| Error::new(format!("invalid Kustomization: {error}"));
        let mut value =
            yaml::read(text, yaml::Dialect::Kubernetes).map_err(|error| invalid(error.to_string()))?;
        if value.is_null() {
            value = Value::Object(serde_json::Map::new());
        }
        let mut this: Self =
            decode::decode(value, Unknown::Refused).map_err(|error| invalid(error.to_string()))?;
        this.warn(warnings);
        this.fix();
        Ok(this)
    }

    /// Warns of fields that something better has taken the place of.
    fn warn(&self, warnings: &mut Vec<String>) {
        let fields = [
            ("bases", "resources", !self.bases.is_empty()),
            ("commonLabels", "labels", !self.common_labels.is_empty()),
            ("imageTags", "images", !self.image_tags.is_empty()),
            ("patchesJson6902", "patches", !self.patches_json6902.is_empty()),
            (
                "patchesStrategicMerge",
                "patches",
                !self.patches_strategic_merge.is_empty(),
            ),
            ("vars", "replacements", !self.vars.is_empty()),
        ];
        for (old, new, _) in fields.into_iter().filter(|(_, _, used)| *used) {
            let experimental = if old == "vars" { "[EXPERIMENTAL] " } else { "" };
            warnings.push(format!(
                "# Warning: '{old}' is deprecated. Please use '{new}' instead. {experimental}Run 'kustomize edit fix' to update your Kustomization automatically."
            ));
        }
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
            (
                "helmCharts",
                !self.helm_charts.is_empty() || !self.helm_chart_inflation_generator.is_empty(),
            ),
            ("generators", !self.generators.is_empty()),
            ("transformers", !self.transformers.is_empty()),
            ("validators", !self.validators.is_empty()),
        ];
        fields.into_iter().find(|(_, used)| *used).map(|(name, _)| name)
    }
}

/// Whether kustomize knows a field of this name.
pub(crate) fn is_field(name: &str) -> bool {
    let known = Value::Object([(name.to_owned(), Value::Null)].into_iter().collect());
    decode::decode::<Kustomization>(known, Unknown::Refused).is_ok()
}
