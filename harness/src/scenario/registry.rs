//! The catalogues that scenarios refer to: `requirements.yaml` and `features.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::diagnostic::Diagnostic;

/// `requirements.yaml`: every promise by id, one sentence each.
pub(crate) type Requirements = BTreeMap<String, Promise>;

/// One promise: a sentence, with its grade where upstream's behaviour has one.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "scenarios name promises by id; checked here to be spelled right, printed by tidy"
)]
pub(crate) enum Promise {
    /// What users are promised; it has no grade.
    Plain(String),
    /// What upstream does.
    Graded(Graded),
}

/// A sentence about upstream's behaviour, and whether conformance depends on it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "as Promise")]
pub(crate) struct Graded {
    pub(crate) level: Level,
    pub(crate) promise: String,
}

/// `features.yaml`: what an implementation may have, by name.
pub(crate) type Features = BTreeMap<String, Spanned<Feature>>;

/// One feature.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Feature {
    /// Whether every implementation must have it.
    #[expect(
        dead_code,
        reason = "read by the conformance report; checked here to be spelled right"
    )]
    pub(crate) level: Level,
    /// The upstream document that describes it.
    #[expect(dead_code, reason = "read by people; checked here to be present")]
    pub(crate) upstream: String,
}

/// How much a claim of conformance depends on a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Level {
    /// No claim without it.
    Core,
    /// Optional, with the same meaning everywhere.
    Extended,
}

/// Reads one of the catalogues.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(file: &str, text: &str) -> Result<T, Diagnostic> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| Diagnostic::from_yaml(file, text, &error))
}
