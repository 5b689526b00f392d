//! The vocabulary of scenario files: what must become true in a cluster, written as data.
//!
//! Every type here is closed: a field or verb that is not listed is an error with its place in the file. Values that
//! a reader may have to be pointed at keep their span.

mod catalogue;
mod diagnostic;
mod lint;
mod placeholder;
mod registry;
mod schema;
mod values;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

pub(crate) use catalogue::OPENSHIFT;
#[cfg(test)]
pub(crate) use catalogue::parse;
pub use catalogue::{Catalogue, Roots, Source};
pub use diagnostic::{Diagnostic, Place};
pub(crate) use diagnostic::{nearest, step_snippet as snippet};
pub(crate) use placeholder::{Placeholder, placeholders, substitute};
pub use schema::json_schema;
pub use values::{ConditionMatch, Span, Text};

use crate::{fault::Fault, step};

/// A manifest or a part of one, passed on as it stands.
pub type Object = serde_json::Map<String, serde_json::Value>;

/// One scenario: what happens and what must then be true. Its name is its path below `scenarios/`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// The promise in one sentence, unique among all scenarios.
    #[schemars(with = "String")]
    pub title: Spanned<String>,
    /// Which requirements of `requirements.yaml` this scenario covers, at least one.
    #[schemars(with = "Vec<String>")]
    pub requirements: Vec<Spanned<String>>,
    /// Which features of `features.yaml` an implementation must have for it, at least one.
    #[schemars(with = "Vec<String>")]
    pub features: Vec<Spanned<String>>,
    /// What exists before the first step.
    #[serde(default)]
    pub given: Given,
    /// What happens, in order.
    #[schemars(with = "Vec<Step>")]
    pub steps: Vec<Spanned<Step>>,
}

/// What exists before the first step.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Given {
    /// Git repositories: name and first revision, `fixtures/repos/<name>/<revision>`, on branch `main`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub repos: BTreeMap<String, Spanned<String>>,
}

/// One step: exactly one verb.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Applies manifests, as `kubectl apply --server-side` does.
    Apply(Vec<Object>),
    /// Deletes one object and does not wait for it to be gone.
    Delete(step::Delete),
    /// Changes one object in place, as `kubectl patch` does.
    Patch(step::Patch),
    /// Changes a Git repository: a new commit, a tag, a branch.
    Push(step::Push),
    /// Waits until something is true.
    Expect(step::Expect),
    /// Asserts that something stays true.
    Hold(step::Hold),
    /// Asserts that something does not happen.
    Never(Box<step::Never>),
    /// An action that must be refused.
    Fails(step::Fails),
    /// Compares objects with a file.
    Snapshot(step::Snapshot),
    /// Kills the pods of a component at once; its Deployment starts new ones.
    Restart(#[schemars(with = "String")] Spanned<String>),
    /// Lets time pass.
    Advance(step::Advance),
    /// Makes the pods of a workload behave otherwise than usual.
    Behave(step::Behave),
    /// Breaks something of the world until it is healed.
    Break(Fault),
    /// Mends what was broken.
    Heal(Fault),
}

impl Step {
    /// The verb as it is written.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Apply(_) => "apply",
            Self::Delete(_) => "delete",
            Self::Patch(_) => "patch",
            Self::Push(_) => "push",
            Self::Expect(_) => "expect",
            Self::Hold(_) => "hold",
            Self::Never(_) => "never",
            Self::Fails(_) => "fails",
            Self::Snapshot(_) => "snapshot",
            Self::Restart(_) => "restart",
            Self::Advance(_) => "advance",
            Self::Behave(_) => "behave",
            Self::Break(_) => "break",
            Self::Heal(_) => "heal",
        }
    }

    /// Whether the step does something rather than look: what follows must be fresher than it.
    pub(crate) fn acts(&self) -> bool {
        !matches!(
            self,
            Self::Expect(_) | Self::Hold(_) | Self::Never(_) | Self::Snapshot(_)
        )
    }
}

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectRef {
    /// Its `apiVersion`; needed only when two groups have the kind.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace, `default` if absent; ignored for objects of the cluster.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl ObjectRef {
    /// The namespace that is meant.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace(), self.name)
    }
}

/// What is said about one object. All that is given must hold at once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    /// The object.
    pub object: ObjectRef,
    /// Whether it exists.
    #[serde(default = "yes")]
    pub exists: bool,
    /// Its conditions by type: a status (`Ready: "True"`) or status, reason and message.
    #[serde(default)]
    pub conditions: BTreeMap<String, ConditionMatch>,
    /// A part of the object: maps match as subsets, lists by the key Kubernetes gives them, `null` means absent.
    #[serde(default, rename = "match")]
    pub part: Option<Object>,
    /// A CEL expression over `object` that must be true.
    #[serde(default)]
    pub cel: Option<String>,
    /// An event about the object that must have been seen since the latest action.
    #[serde(default)]
    pub event: Option<EventMatch>,
}

/// Whether a Secret of this name is Helm's record of one attempt to release something.
pub(crate) fn is_release(name: &str) -> bool {
    name.starts_with("sh.helm.release.v1.")
}

/// Members that count what happened.
const RECORDS: [&str; 2] = ["status.history", "spec.leaseTransitions"];

impl State {
    /// What is said without events and histories: they count what happened on the way, and on the way more may happen
    /// than a scenario knows of.
    pub(crate) fn without_records(mut self) -> Self {
        let status = self.part.as_mut().and_then(|part| part.get_mut("status"));
        if let Some(status) = status.and_then(serde_json::Value::as_object_mut) {
            status.remove("history");
        }
        self.event = None;
        self.cel = self
            .cel
            .filter(|expression| !RECORDS.iter().any(|record| expression.contains(record)));
        self
    }

    /// Whether this is how an object looks while it is worked on, and not for longer.
    pub(crate) fn is_in_passing(&self) -> bool {
        let ready = self.conditions.get("Ready");
        ready.is_some_and(|ready| ready.status.as_deref() == Some("Unknown"))
    }

    /// What is said without histories.
    pub(crate) fn without_history(self) -> Self {
        let event = self.event.clone();
        Self {
            event,
            ..self.without_records()
        }
    }
}

/// An event: what is given must match.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventMatch {
    /// `Normal` or `Warning`.
    #[serde(default)]
    pub r#type: Option<String>,
    /// Its reason.
    #[serde(default)]
    pub reason: Option<String>,
    /// Its text, `*` stands for any text.
    #[serde(default)]
    pub message: Option<Text>,
}

pub(crate) fn yes() -> bool {
    true
}
