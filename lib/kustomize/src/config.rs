//! Which fields the transformers change: the built-in configuration, and what `configurations` add to it.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;

use crate::{
    Error, Files,
    decode::{self, Unknown},
    fieldspec::FieldSpec,
    files,
};

/// A kind whose names are held by fields of other kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename = "NameBackReferences", rename_all = "camelCase", default)]
pub(crate) struct Referral {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    #[serde(rename = "fieldSpecs")]
    pub(crate) referrers: Vec<FieldSpec>,
}

impl Referral {
    /// The target as a path to nothing, which selects it.
    pub(crate) fn target(&self) -> FieldSpec {
        FieldSpec {
            group: self.group.clone(),
            version: self.version.clone(),
            kind: self.kind.clone(),
            ..FieldSpec::default()
        }
    }
}

/// The fields of every transformer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename = "TransformerConfig", rename_all = "camelCase", default)]
pub(crate) struct Config {
    pub(crate) name_prefix: Vec<FieldSpec>,
    pub(crate) name_suffix: Vec<FieldSpec>,
    pub(crate) namespace: Vec<FieldSpec>,
    pub(crate) common_labels: Vec<FieldSpec>,
    pub(crate) labels: Vec<FieldSpec>,
    pub(crate) template_labels: Vec<FieldSpec>,
    pub(crate) common_annotations: Vec<FieldSpec>,
    pub(crate) name_reference: Vec<Referral>,
    pub(crate) var_reference: Vec<FieldSpec>,
    pub(crate) images: Vec<FieldSpec>,
    pub(crate) replicas: Vec<FieldSpec>,
}

impl Config {
    /// The built-in configuration, shared by all who add nothing to it.
    pub(crate) fn built_in() -> Arc<Self> {
        static BUILT_IN: OnceLock<Arc<Config>> = OnceLock::new();
        BUILT_IN.get_or_init(|| Arc::new(Self::tables())).clone()
    }

    fn tables() -> Self {
        let mut config = Self {
            name_prefix: vec![FieldSpec::everywhere("metadata/name", false)],
            name_suffix: vec![FieldSpec::everywhere("metadata/name", false)],
            ..Self::default()
        };
        for line in include_str!("../data/fields.txt").lines() {
            let Some((list, rest)) = line.split_once(' ') else {
                continue;
            };
            if let (Some((_, specs)), Some(spec)) = (
                config.lists().into_iter().find(|(name, _)| *name == list),
                FieldSpec::parse(rest),
            ) {
                specs.push(spec);
            }
        }
        let lines = include_str!("../data/references.txt").lines();
        for spec in lines
            .filter(|line| !line.starts_with('#'))
            .filter_map(FieldSpec::parse)
        {
            match config.name_reference.last_mut() {
                Some(referral) if spec.path != "target" => referral.referrers.push(spec),
                _ => config.name_reference.push(Referral {
                    group: spec.group,
                    version: spec.version,
                    kind: spec.kind,
                    referrers: Vec::new(),
                }),
            }
        }
        config
    }

    /// The lists by the names that errors give them but for the case of the first letter.
    fn lists(&mut self) -> [(&'static str, &mut Vec<FieldSpec>); 10] {
        [
            ("namePrefix", &mut self.name_prefix),
            ("nameSuffix", &mut self.name_suffix),
            ("namespace", &mut self.namespace),
            ("commonAnnotations", &mut self.common_annotations),
            ("commonLabels", &mut self.common_labels),
            ("labels", &mut self.labels),
            ("templateLabels", &mut self.template_labels),
            ("varReference", &mut self.var_reference),
            ("images", &mut self.images),
            ("replicas", &mut self.replicas),
        ]
    }

    /// Adds another configuration.
    pub(crate) fn merge(&mut self, mut other: Self) -> Result<(), Error> {
        let more = other.lists().map(|(_, specs)| std::mem::take(specs));
        for ((name, specs), more) in self.lists().into_iter().zip(more) {
            merge(specs, more).map_err(|error| {
                let name = match name {
                    "namespace" => "NameSpace".to_owned(),
                    name => format!("{}{}", name[..1].to_uppercase(), &name[1..]),
                };
                error.within(format!("failed to merge {name} fieldSpec"))
            })?;
        }
        for referral in other.name_reference {
            let known = self.name_reference.iter_mut();
            let same = |other: &&mut Referral| {
                (&other.group, &other.version, &other.kind)
                    == (&referral.group, &referral.version, &referral.kind)
            };
            match known.filter(same).last() {
                Some(known) => merge(&mut known.referrers, referral.referrers)
                    .map_err(|error| error.within("failed to merge NameReference fieldSpec"))?,
                None => self.name_reference.push(referral),
            }
        }
        Ok(())
    }

    /// The built-in configuration with the files of `configurations`.
    pub(crate) fn load(files: &dyn Files, dir: &str, paths: &[String]) -> Result<Arc<Self>, Error> {
        if paths.is_empty() {
            return Ok(Self::built_in());
        }
        let mut own = Self::default();
        for path in paths {
            let text = files::load_text(files, dir, path)?;
            let value = yaml::read(&text, yaml::Dialect::Kubernetes)
                .map_err(|error| Error::new(format!("error converting YAML to JSON: {error}")))?;
            let config: Self = decode::decode(value, Unknown::Refused).map_err(|error| {
                Error::new(format!("error unmarshaling JSON: while decoding JSON: {error}"))
            })?;
            own.merge(config)?;
        }
        let mut all = Self::clone(&Self::built_in());
        all.merge(own)?;
        Ok(Arc::new(all))
    }

    /// Adds what a base has gathered, which mostly is the very same.
    pub(crate) fn merge_shared(this: &mut Arc<Self>, other: &Arc<Self>) -> Result<(), Error> {
        if Arc::ptr_eq(this, other) || **this == **other {
            return Ok(());
        }
        Arc::make_mut(this).merge(Self::clone(other))
    }
}

/// Adds the paths that are not there yet.
///
/// QUIRK: a new path without a kind counts as there when any kind has it.
pub(crate) fn merge(list: &mut Vec<FieldSpec>, more: Vec<FieldSpec>) -> Result<(), Error> {
    for spec in more {
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        let known = list.iter().find(|other| {
            other.path == spec.path
                && fits(&spec.group, &other.group)
                && fits(&spec.version, &other.version)
                && fits(&spec.kind, &other.kind)
        });
        match known {
            Some(known) if known.create != spec.create => {
                return Err(Error::new("conflicting fieldspecs"));
            }
            Some(_) => {}
            None => list.push(spec),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_read() {
        let config = Config::built_in();
        assert_eq!(config.replicas.len(), 4);
        assert_eq!(config.name_reference.len(), 16);
        assert!(
            config
                .name_reference
                .iter()
                .all(|referral| !referral.referrers.is_empty())
        );
        assert!(!config.var_reference.is_empty() && !config.namespace.is_empty());
    }
}
