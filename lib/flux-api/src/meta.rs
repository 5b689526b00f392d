//! What all kinds share: conditions, artifacts, references, well-known names.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The finalizer of every kind.
pub const FINALIZER: &str = "finalizers.fluxcd.io";
/// Annotation: a new value asks for a reconciliation now.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// Annotation: with the value of [`REQUESTED_AT`], asks for an installation or upgrade even if nothing changed.
pub const FORCE_AT: &str = "reconcile.fluxcd.io/forceAt";
/// Annotation: with the value of [`REQUESTED_AT`], asks to forget failures.
pub const RESET_AT: &str = "reconcile.fluxcd.io/resetAt";
/// Label of ConfigMaps and Secrets whose changes wake the objects that refer to them.
pub const WATCH_LABEL: &str = "reconcile.fluxcd.io/watch";
/// Label of applied objects: the name of the Kustomization that applied them.
pub const OWNER_NAME: &str = "kustomize.toolkit.fluxcd.io/name";
/// Label of applied objects: the namespace of the Kustomization that applied them.
pub const OWNER_NAMESPACE: &str = "kustomize.toolkit.fluxcd.io/namespace";
/// Label or annotation of applied objects: `disabled` keeps them when they would be pruned.
pub const PRUNE: &str = "kustomize.toolkit.fluxcd.io/prune";
/// Label or annotation of applied objects: `disabled` leaves them alone.
pub const RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// Label or annotation of applied objects: how they are applied.
pub const SSA: &str = "kustomize.toolkit.fluxcd.io/ssa";
/// Label or annotation of applied objects: `enabled` recreates what cannot be changed.
pub const FORCE: &str = "kustomize.toolkit.fluxcd.io/force";
/// Label or annotation of manifests: `disabled` replaces no variables in them.
pub const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";
/// Prefix of object annotations that are copied into every event of the object.
pub const EVENT_ANNOTATION_PREFIX: &str = "event.toolkit.fluxcd.io/";
/// Metadata key of artifacts: the revision the artifact was made from.
pub const ORIGIN_REVISION: &str = "org.opencontainers.image.revision";

/// Condition type: the summary of the others.
pub const READY: &str = "Ready";
/// Condition type: work is under way.
pub const RECONCILING: &str = "Reconciling";
/// Condition type: nothing more happens until the user changes something.
pub const STALLED: &str = "Stalled";
/// Condition type: the release is as wanted.
pub const RELEASED: &str = "Released";
/// Condition type: a failed release was remediated.
pub const REMEDIATED: &str = "Remediated";
/// Condition type: the tests of the release passed.
pub const TEST_SUCCESS: &str = "TestSuccess";
/// Condition type: live objects differ from the release.
pub const DRIFTED: &str = "Drifted";
/// Condition type: the applied objects pass their health checks.
pub const HEALTHY: &str = "Healthy";
/// Condition type: the artifact in storage is that of the present spec and revision.
pub const ARTIFACT_IN_STORAGE: &str = "ArtifactInStorage";
/// Condition type: a newer revision is known and not stored yet.
pub const ARTIFACT_OUTDATED: &str = "ArtifactOutdated";
/// Condition type: the source cannot be fetched.
pub const FETCH_FAILED: &str = "FetchFailed";
/// Condition type: an included source cannot be had.
pub const INCLUDE_UNAVAILABLE: &str = "IncludeUnavailable";
/// Condition type: the storage refuses.
pub const STORAGE_OPERATION_FAILED: &str = "StorageOperationFailed";
/// Condition type: the verdict on the source's signature.
pub const SOURCE_VERIFIED: &str = "SourceVerified";

/// Condition type: the chart cannot be built.
pub const CHART_BUILD_FAILED: &str = "BuildFailed";

/// What durations look like; source timeouts lack the hours.
pub(crate) const DURATION: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";
pub(crate) const DURATION_NO_HOURS: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$";

/// An instant with the precision of the Kubernetes API: whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(Timestamp);

impl Time {
    /// The second that `timestamp` lies in.
    pub fn new(timestamp: Timestamp) -> Self {
        Self(Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp))
    }

    /// The instant.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map(Self::new).map_err(de::Error::custom)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// An enum whose values are words; the schema is a plain `enum`, as CRDs need it.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "enum": [$($word),*]})
            }
        }
    };
}
pub(crate) use words;

words! {
    /// The state of a condition.
    ConditionStatus {
        /// It holds.
        True = "True",
        /// It does not hold.
        False = "False",
        /// It is being found out.
        Unknown = "Unknown",
    }
}

/// One aspect of an object's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What the condition is about, such as Ready.
    #[serde(rename = "type")]
    #[schemars(
        length(max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
        )
    )]
    pub kind: String,
    /// Whether the condition holds.
    pub status: ConditionStatus,
    /// The generation of the object that the condition was set for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When status, reason or message last changed.
    pub last_transition_time: Time,
    /// The cause in one word, for programs.
    #[schemars(
        length(min = 1, max = 1024),
        regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    )]
    pub reason: String,
    /// The cause in a sentence, for people.
    #[schemars(length(max = 32768))]
    pub message: String,
}

/// The entry of this type.
pub fn condition<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// Whether the entry of this type exists and is True.
pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    condition(conditions, kind).is_some_and(|condition| condition.status == ConditionStatus::True)
}

/// Whether the object is ready: Ready is True and nothing stalls or is under way.
pub fn is_ready(conditions: &[Condition]) -> bool {
    is_true(conditions, READY) && !is_true(conditions, STALLED) && !is_true(conditions, RECONCILING)
}

/// The output of a source: a file that source-controller serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Digest of the file, `<algorithm>:<checksum>`.
    #[schemars(regex(pattern = r"^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$"))]
    pub digest: String,
    /// When the artifact was last stored.
    pub last_update_time: Time,
    /// Further facts about the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Path of the file, relative to the root of the storage.
    pub path: String,
    /// The revision in the terms of its source, such as `main@sha1:<commit>`.
    pub revision: String,
    /// Size of the file in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Address at which the cluster reads the file.
    pub url: String,
}

/// An object in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalObjectReference {
    /// Name of the object.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_whole_seconds() {
        let time = Time::new("2024-01-02T03:04:05.678Z".parse().unwrap());
        assert_eq!(serde_json::to_value(time).unwrap(), "2024-01-02T03:04:05Z");
        let back: Time = serde_json::from_value("2024-01-02T03:04:05.999Z".into()).unwrap();
        assert_eq!(back, time);
    }
}
