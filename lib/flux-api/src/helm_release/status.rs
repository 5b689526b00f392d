//! What the controller tells about a HelmRelease.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stdx::duration::GoDuration;

use crate::{
    kustomization::ResourceInventory,
    meta::{Condition, Time, words},
};

words! {
    /// What a release was attempted with.
    ReleaseAction {
        /// An installation.
        Install = "install",
        /// An upgrade.
        Upgrade = "upgrade",
    }
}

/// What is known of a HelmRelease.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmReleaseStatus {
    /// The conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Failures of any action since something last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<i64>,
    /// The HelmChart that was made, as `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm_chart: Option<String>,
    /// The last revisions of the release, the newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<HelmSnapshot>>,
    /// Failures of installations since something last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_failures: Option<i64>,
    /// The objects of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<ResourceInventory>,
    /// Digest of the values that were last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempted_config_digest: Option<String>,
    /// The generation that was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempted_generation: Option<i64>,
    /// What was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempted_release_action: Option<ReleaseAction>,
    /// How long that took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last_attempted_release_action_duration: Option<GoDuration>,
    /// The version of the chart that was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempted_revision: Option<String>,
    /// The digest of the chart's artifact that was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempted_revision_digest: Option<String>,
    /// Replaced by `lastAttemptedConfigDigest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempted_values_checksum: Option<String>,
    /// The last handled value of the annotation that forces an action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_force_at: Option<String>,
    /// The last handled value of the annotation that requests a reconciliation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The last handled value of the annotation that forgets failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reset_at: Option<String>,
    /// Replaced by `history`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "integer")]
    pub last_release_revision: Option<i64>,
    /// Digest of the common metadata of the last release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_common_metadata_digest: Option<String>,
    /// The last generation with a conclusive outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Digest of the post-renderers of the last release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_post_renderers_digest: Option<String>,
    /// Namespace of the records of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub storage_namespace: Option<String>,
    /// Failures of upgrades since something last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_failures: Option<i64>,
}

fn integer(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "integer"})
}

/// One revision of the release as it was seen when it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmSnapshot {
    /// What made the revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// How the digest is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Version of the application in the chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    /// Name of the chart.
    pub chart_name: String,
    /// Version of the chart.
    pub chart_version: String,
    /// Digest of the values.
    pub config_digest: String,
    /// When the release was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Time>,
    /// Digest of the record.
    pub digest: String,
    /// When the release was first deployed.
    pub first_deployed: Time,
    /// When this revision was deployed.
    pub last_deployed: Time,
    /// Name of the release.
    pub name: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Digest of the chart's OCI artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oci_digest: Option<String>,
    /// Status of the record.
    pub status: String,
    /// The tests of the revision by their names; absent until they ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_hooks: Option<BTreeMap<String, TestHookStatus>>,
    /// Number of the revision.
    #[schemars(schema_with = "integer")]
    pub version: i64,
}

/// What is known of a test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestHookStatus {
    /// When it last ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_completed: Option<Time>,
    /// When it last began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_started: Option<Time>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

/// How long a history grows when no revision of it was ever good.
const KEPT: usize = 5;

impl HelmSnapshot {
    /// `namespace/name.vN`
    pub fn full_name(&self) -> String {
        format!("{}/{}.v{}", self.namespace, self.name, self.version)
    }

    /// `chart@version`
    pub fn versioned_chart(&self) -> String {
        format!("{}@{}", self.chart_name, self.chart_version)
    }

    /// Whether this is a snapshot of that revision.
    pub fn targets(&self, name: &str, namespace: &str, version: i64) -> bool {
        self.name == name && self.namespace == namespace && self.version == version
    }

    /// Whether the tests came to an end: all passed, or one failed.
    pub fn has_been_tested(&self) -> bool {
        let Some(hooks) = &self.test_hooks else {
            return false;
        };
        let is = |hook: &TestHookStatus, phase: &str| hook.phase.as_deref() == Some(phase);
        hooks.values().any(|hook| is(hook, "Failed")) || hooks.values().all(|hook| is(hook, "Succeeded"))
    }

    /// Whether a test failed.
    pub fn has_failed_test(&self) -> bool {
        let mut hooks = self.test_hooks.iter().flatten();
        hooks.any(|(_, hook)| hook.phase.as_deref() == Some("Failed"))
    }

    fn is_good(&self, ignore_tests: bool) -> bool {
        matches!(self.status.as_str(), "deployed" | "superseded") && (ignore_tests || !self.has_failed_test())
    }
}

impl HelmReleaseStatus {
    /// The newest snapshot.
    pub fn latest(&self) -> Option<&HelmSnapshot> {
        self.history
            .as_ref()?
            .iter()
            .max_by_key(|snapshot| snapshot.version)
    }

    /// The newest good snapshot before the latest one.
    pub fn previous(&self, ignore_tests: bool) -> Option<&HelmSnapshot> {
        let latest = self.latest()?.version;
        let older = self.history.iter().flatten();
        older
            .filter(|snapshot| snapshot.version != latest && snapshot.is_good(ignore_tests))
            .max_by_key(|snapshot| snapshot.version)
    }

    /// Forgets what lies before the last good snapshot.
    pub fn truncate_history(&mut self, ignore_tests: bool) {
        let history = self.sorted();
        let good = history
            .iter()
            .skip(1)
            .position(|snapshot| snapshot.is_good(ignore_tests));
        history.truncate(good.map_or(KEPT, |at| at + 2));
    }

    /// Forgets the oldest snapshots beyond five.
    pub fn truncate_history_plainly(&mut self) {
        self.sorted().truncate(KEPT);
    }

    fn sorted(&mut self) -> &mut Vec<HelmSnapshot> {
        let history = self.history.get_or_insert_default();
        history.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.version));
        history
    }

    /// Puts a snapshot in front, or in the place of the one of the same revision.
    pub fn record(&mut self, snapshot: HelmSnapshot) {
        let history = self.history.get_or_insert_default();
        let known = history
            .iter_mut()
            .find(|known| known.targets(&snapshot.name, &snapshot.namespace, snapshot.version));
        match known {
            Some(known) => *known = snapshot,
            None => history.insert(0, snapshot),
        }
    }

    /// Forgets the counted failures.
    pub fn clear_failures(&mut self) {
        self.failures = None;
        self.install_failures = None;
        self.upgrade_failures = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(version: i64, status: &str, test: Option<&str>) -> HelmSnapshot {
        let mut json = serde_json::json!({
            "chartName": "c", "chartVersion": "1", "configDigest": "", "digest": "", "name": "n", "namespace": "ns",
            "firstDeployed": "2024-01-01T00:00:00Z", "lastDeployed": "2024-01-01T00:00:00Z",
            "status": status, "version": version,
        });
        if let Some(phase) = test {
            json["testHooks"] = serde_json::json!({"t": {"phase": phase}});
        }
        serde_json::from_value(json).unwrap()
    }

    fn versions(status: &HelmReleaseStatus) -> Vec<i64> {
        status.history.iter().flatten().map(|s| s.version).collect()
    }

    #[test]
    fn history_reaches_back_to_the_last_good_revision() {
        let mut status = HelmReleaseStatus {
            history: Some(vec![
                snapshot(4, "failed", None),
                snapshot(3, "superseded", Some("Failed")),
                snapshot(2, "superseded", None),
                snapshot(1, "superseded", None),
            ]),
            ..HelmReleaseStatus::default()
        };
        assert_eq!(status.previous(false).map(|s| s.version), Some(2));
        assert_eq!(status.previous(true).map(|s| s.version), Some(3));
        status.truncate_history(false);
        assert_eq!(versions(&status), [4, 3, 2]);
        status.truncate_history(true);
        assert_eq!(versions(&status), [4, 3]);
    }

    #[test]
    fn without_a_good_revision_five_are_kept() {
        let history = (1..=7).map(|version| snapshot(version, "failed", None));
        let mut status = HelmReleaseStatus {
            history: Some(history.collect()),
            ..HelmReleaseStatus::default()
        };
        status.truncate_history(false);
        assert_eq!(versions(&status), [7, 6, 5, 4, 3]);
    }

    #[test]
    fn no_tests_at_all_have_passed() {
        let mut tested = snapshot(1, "deployed", None);
        assert!(!tested.has_been_tested());
        tested.test_hooks = Some(BTreeMap::new());
        assert!(tested.has_been_tested());
        assert!(snapshot(1, "deployed", Some("Failed")).has_been_tested());
        assert!(!snapshot(1, "deployed", Some("Running")).has_been_tested());
    }
}
