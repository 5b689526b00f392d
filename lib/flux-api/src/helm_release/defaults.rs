//! What a HelmRelease means where it says nothing.

use std::time::Duration;

use kube::ResourceExt;
use stdx::duration::GoDuration;

use super::{
    ActionStrategy, ChartReferenceKind, HelmRelease, Install, ReleaseAction, RemediationStrategy, Rollback,
    Test, Uninstall, Upgrade,
};

/// How long an action may take.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Time between tries of the strategy RetryOnFailure.
const RETRY_INTERVAL: Duration = Duration::from_mins(5);
/// How many revisions are kept.
const MAX_HISTORY: i64 = 5;
/// The longest name that Helm allows a release.
const LONGEST_NAME: usize = 53;
/// What is kept of a longer name, before a dash and digits of its digest.
const SHORTENED: usize = 40;
const DIGEST: usize = 12;

/// What happens after failures of one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remediation {
    /// How often to try again; for ever when negative.
    pub retries: i64,
    /// How many failures there were.
    pub failures: i64,
    /// How a failure is remediated.
    pub strategy: RemediationStrategy,
    /// Whether the last failure is remediated too.
    pub last_failure: bool,
    /// Whether failed tests are no failures.
    pub ignore_tests: bool,
    /// Whether it is an upgrade that failed.
    pub upgrade: bool,
}

impl Remediation {
    /// Whether no try is left.
    pub fn exhausted(&self) -> bool {
        self.retries >= 0 && self.failures > self.retries
    }

    /// Whether a failed upgrade ends in an uninstallation, after which the release is installed anew.
    pub fn reinstalls(&self) -> bool {
        self.upgrade && self.strategy == RemediationStrategy::Uninstall
    }
}

fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn section<T: Default + Clone>(section: Option<&T>) -> T {
    section.cloned().unwrap_or_default()
}

impl HelmRelease {
    fn own_namespace(&self) -> String {
        self.namespace().unwrap_or_default()
    }

    /// The name of the release as given or derived, however long.
    pub fn release_name(&self) -> String {
        if let Some(name) = filled(self.spec.release_name.as_ref()) {
            return name.to_owned();
        }
        match filled(self.spec.target_namespace.as_ref()) {
            Some(target) => format!("{target}-{}", self.name_any()),
            None => self.name_any(),
        }
    }

    /// The name of the release as Helm knows it.
    pub fn shortened_release_name(&self) -> String {
        let name = self.release_name();
        if name.len() <= LONGEST_NAME {
            return name;
        }
        let digest = stdx::sha256_hex(name.as_bytes());
        let kept: String = name.chars().take(SHORTENED).collect();
        format!("{kept}-{}", digest.get(..DIGEST).unwrap_or_default())
    }

    /// Namespace of the release.
    pub fn release_namespace(&self) -> String {
        filled(self.spec.target_namespace.as_ref()).map_or_else(|| self.own_namespace(), str::to_owned)
    }

    /// Namespace of its records.
    pub fn storage_namespace(&self) -> String {
        filled(self.spec.storage_namespace.as_ref()).map_or_else(|| self.own_namespace(), str::to_owned)
    }

    /// Name of the HelmChart that is made for it.
    pub fn helm_chart_name(&self) -> String {
        format!("{}-{}", self.own_namespace(), self.name_any())
    }

    /// Namespace of the HelmChart that is made for it.
    pub fn helm_chart_namespace(&self) -> String {
        let source = self.spec.chart.as_ref().map(|chart| &chart.spec.source_ref);
        let namespace = source.and_then(|source| filled(source.namespace.as_ref()));
        namespace.map_or_else(|| self.own_namespace(), str::to_owned)
    }

    /// Kind, namespace and name of the object that has the chart.
    pub fn chart_source(&self) -> Option<(ChartReferenceKind, String, String)> {
        if let Some(reference) = &self.spec.chart_ref {
            let namespace = filled(reference.namespace.as_ref());
            let namespace = namespace.map_or_else(|| self.own_namespace(), str::to_owned);
            return Some((reference.kind, namespace, reference.name.clone()));
        }
        self.spec.chart.as_ref()?;
        Some((
            ChartReferenceKind::HelmChart,
            self.helm_chart_namespace(),
            self.helm_chart_name(),
        ))
    }

    /// `spec.install`
    pub fn install(&self) -> Install {
        section(self.spec.install.as_ref())
    }

    /// `spec.upgrade`
    pub fn upgrade(&self) -> Upgrade {
        section(self.spec.upgrade.as_ref())
    }

    /// `spec.test`
    pub fn test(&self) -> Test {
        section(self.spec.test.as_ref())
    }

    /// `spec.rollback`
    pub fn rollback(&self) -> Rollback {
        section(self.spec.rollback.as_ref())
    }

    /// `spec.uninstall`
    pub fn uninstall(&self) -> Uninstall {
        section(self.spec.uninstall.as_ref())
    }

    /// Whether the release is tested.
    pub fn tests(&self) -> bool {
        self.test().enable == Some(true)
    }

    /// Whether failed tests keep the release from being ready.
    pub fn minds_tests(&self) -> bool {
        self.tests() && self.test().ignore_failures != Some(true)
    }

    /// How long an action may take whose section says `own`.
    pub fn timeout(&self, own: Option<GoDuration>) -> Duration {
        own.or(self.spec.timeout).map_or(TIMEOUT, |timeout| timeout.0)
    }

    /// How many revisions are kept, 0 for all.
    pub fn max_history(&self) -> i64 {
        self.spec.max_history.unwrap_or(MAX_HISTORY).max(0)
    }

    /// What happens after failures of an action that failed so often.
    pub fn remediation(&self, action: ReleaseAction, failures: i64) -> Remediation {
        let ignore = self.test().ignore_failures == Some(true);
        match action {
            ReleaseAction::Install => {
                let spec = self.install().remediation.unwrap_or_default();
                Remediation {
                    retries: spec.retries.unwrap_or_default(),
                    failures,
                    strategy: RemediationStrategy::Uninstall,
                    last_failure: spec.remediate_last_failure.unwrap_or_default(),
                    ignore_tests: spec.ignore_test_failures.unwrap_or(ignore),
                    upgrade: false,
                }
            }
            ReleaseAction::Upgrade => {
                let spec = self.upgrade().remediation.unwrap_or_default();
                let retries = spec.retries.unwrap_or_default();
                Remediation {
                    retries,
                    failures,
                    strategy: spec.strategy.unwrap_or(RemediationStrategy::Rollback),
                    last_failure: spec.remediate_last_failure.unwrap_or(retries > 0),
                    ignore_tests: spec.ignore_test_failures.unwrap_or(ignore),
                    upgrade: true,
                }
            }
        }
    }

    /// The time after which a failed action is tried again without remediation, if that is the strategy.
    pub fn retry_interval(&self, action: ReleaseAction, by_default: bool) -> Option<Duration> {
        let strategy = match action {
            ReleaseAction::Install => self
                .install()
                .strategy
                .map(|strategy| (strategy.name, strategy.retry_interval)),
            ReleaseAction::Upgrade => self
                .upgrade()
                .strategy
                .map(|strategy| (strategy.name, strategy.retry_interval)),
        };
        match strategy {
            Some((ActionStrategy::RetryOnFailure, interval)) => {
                Some(interval.map_or(RETRY_INTERVAL, |interval| interval.0))
            }
            None if by_default => Some(RETRY_INTERVAL),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn release(name: &str, spec: Value) -> HelmRelease {
        let mut all = json!({"interval": "1h"});
        for (key, value) in spec.as_object().unwrap() {
            all[key] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": super::super::API_VERSION, "kind": "HelmRelease",
            "metadata": {"name": name, "namespace": "apps"}, "spec": all,
        }))
        .unwrap()
    }

    // Covers: HC-08, HC-09.
    #[test]
    fn names_and_namespaces_are_derived() {
        let plain = release("web", json!({}));
        assert_eq!(plain.release_name(), "web");
        assert_eq!(
            (plain.release_namespace(), plain.storage_namespace()),
            ("apps".into(), "apps".into())
        );
        let elsewhere = release("web", json!({"targetNamespace": "prod"}));
        assert_eq!(elsewhere.release_name(), "prod-web");
        assert_eq!(
            (elsewhere.release_namespace(), elsewhere.storage_namespace()),
            ("prod".into(), "apps".into())
        );
        let long = release(&"x".repeat(60), json!({}));
        let digest = stdx::sha256_hex("x".repeat(60).as_bytes());
        assert_eq!(
            long.shortened_release_name(),
            format!("{}-{}", "x".repeat(40), &digest[..12])
        );
        assert_eq!(
            release(&"x".repeat(53), json!({})).shortened_release_name(),
            "x".repeat(53)
        );
    }

    #[test]
    fn charts_are_made_beside_their_source() {
        let chart = json!({"chart": {"spec": {"chart": "c", "sourceRef": {"kind": "HelmRepository", "name": "r", "namespace": "repos"}}}});
        assert_eq!(
            release("web", chart).chart_source(),
            Some((ChartReferenceKind::HelmChart, "repos".into(), "apps-web".into()))
        );
        let reference = json!({"chartRef": {"kind": "OCIRepository", "name": "c"}});
        assert_eq!(
            release("web", reference).chart_source(),
            Some((ChartReferenceKind::OciRepository, "apps".into(), "c".into()))
        );
        assert_eq!(release("web", json!({})).chart_source(), None);
    }

    #[test]
    fn failures_are_remediated_by_default_as_upstream_does() {
        let plain = release("web", json!({"upgrade": {"remediation": {"retries": 2}}}));
        let install = plain.remediation(ReleaseAction::Install, 1);
        assert!(install.exhausted() && !install.last_failure && !install.reinstalls());
        let upgrade = plain.remediation(ReleaseAction::Upgrade, 2);
        assert!(!upgrade.exhausted() && upgrade.last_failure);
        assert_eq!(upgrade.strategy, RemediationStrategy::Rollback);
        let ever = release("web", json!({"install": {"remediation": {"retries": -1}}}));
        assert!(!ever.remediation(ReleaseAction::Install, 99).exhausted());
    }

    #[test]
    fn retrying_is_a_strategy() {
        let strategy = json!({"install": {"strategy": {"name": "RetryOnFailure", "retryInterval": "5s"}}});
        let release = release("web", strategy);
        assert_eq!(
            release.retry_interval(ReleaseAction::Install, false),
            Some(Duration::from_secs(5))
        );
        assert_eq!(release.retry_interval(ReleaseAction::Upgrade, false), None);
        assert_eq!(
            release.retry_interval(ReleaseAction::Upgrade, true),
            Some(Duration::from_mins(5))
        );
    }
}
