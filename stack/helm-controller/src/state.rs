//! Observe: how a release stands to what is wanted. Pure.

use flux_api::{
    HelmRelease, HelmReleaseStatus,
    helm_release::{ReleaseAction, Remediation},
};
use helm::Record;

use crate::snapshot;

/// How a release stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// There is none.
    Absent(&'static str),
    /// There is one that somebody else made or changed.
    Unmanaged(&'static str),
    /// An action on it never came to its end.
    Locked(String),
    /// It is another than the wanted one.
    OutOfSync(&'static str),
    /// It is to be tested.
    Untested,
    /// It failed, or its tests did.
    Failed(&'static str),
    /// Live objects are not as it has them.
    Drifted,
    /// It is as wanted.
    InSync,
}

/// What is wanted, as far as it decides about the release.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) object: &'a HelmRelease,
    pub(crate) chart_name: &'a str,
    pub(crate) chart_version: &'a str,
    pub(crate) config_digest: &'a str,
    /// Whether the generation of the object was never brought to an end.
    pub(crate) new_generation: bool,
}

/// What happens after failures of the action that was last tried.
pub(crate) fn remediation(object: &HelmRelease, status: &HelmReleaseStatus) -> Option<Remediation> {
    let action = status.last_attempted_release_action?;
    let failures = match action {
        ReleaseAction::Install => status.install_failures,
        ReleaseAction::Upgrade => status.upgrade_failures,
    };
    Some(object.remediation(action, failures.unwrap_or_default()))
}

/// How the latest record stands to what is wanted; live objects are not looked at.
///
/// # Errors
/// When the record has a status that says nothing.
pub(crate) fn observe(
    last: Option<&Record>,
    status: &HelmReleaseStatus,
    wanted: &Wanted<'_>,
) -> Result<State, String> {
    let Some(record) = last else {
        return Ok(State::Absent("no release in storage for object"));
    };
    if record.is_pending() {
        return Ok(State::Locked(format!(
            "release with status '{}'",
            record.info.status
        )));
    }
    let uninstalled = record.info.status == "uninstalled";
    let Some(current) = status.latest() else {
        return Ok(if uninstalled {
            State::Absent("found uninstalled release in storage")
        } else {
            State::Unmanaged("found existing release in storage")
        });
    };
    if !snapshot::is_of(current, record) {
        return Ok(State::Unmanaged("release not observed to be made for object"));
    }
    match record.info.status.as_str() {
        "failed" => return Ok(State::Failed("")),
        "uninstalled" => return Ok(State::Absent("found uninstalled release in storage")),
        "deployed" => {}
        other => {
            return Err(format!(
                "unable to determine state for release with status '{other}'"
            ));
        }
    }
    let metadata = record.metadata();
    if metadata.name != wanted.chart_name || metadata.version != wanted.chart_version {
        return Ok(State::OutOfSync("release chart changed"));
    }
    if current.config_digest != wanted.config_digest {
        return Ok(State::OutOfSync("release config values changed"));
    }
    if wanted.new_generation {
        let spec = &wanted.object.spec;
        if snapshot::spec_digest(spec.post_renderers.as_ref()) != status.observed_post_renderers_digest {
            return Ok(State::OutOfSync("postrenderers digest has changed"));
        }
        if snapshot::spec_digest(spec.common_metadata.as_ref()) != status.observed_common_metadata_digest {
            return Ok(State::OutOfSync("common metadata digest has changed"));
        }
    }
    if wanted.object.tests() {
        if !current.has_been_tested() {
            return Ok(State::Untested);
        }
        let minds = remediation(wanted.object, status).is_some_and(|active| !active.ignore_tests);
        if minds && current.has_failed_test() {
            return Ok(State::Failed("release has test in failed phase"));
        }
    }
    Ok(State::InSync)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(spec: Value) -> HelmRelease {
        let mut all = json!({"interval": "1h"});
        for (key, value) in spec.as_object().unwrap() {
            all[key] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "apps"}, "spec": all,
        }))
        .unwrap()
    }

    fn record(status: &str) -> Record {
        let mut record = Record {
            name: "web".to_owned(),
            namespace: "apps".to_owned(),
            version: 1,
            chart: json!({"metadata": {"name": "chart", "version": "1.0.0"}}),
            ..Record::default()
        };
        record.info.status = status.to_owned();
        record
    }

    fn known(record: &Record) -> HelmReleaseStatus {
        HelmReleaseStatus {
            history: Some(vec![snapshot::of(record, Some("install"), None)]),
            last_attempted_release_action: Some(ReleaseAction::Install),
            ..HelmReleaseStatus::default()
        }
    }

    fn of(last: Option<&Record>, status: &HelmReleaseStatus, spec: Value, version: &str) -> State {
        let object = object(spec);
        let digest = snapshot::config_digest(&serde_json::Map::new());
        let wanted = Wanted {
            object: &object,
            chart_name: "chart",
            chart_version: version,
            config_digest: &digest,
            new_generation: true,
        };
        observe(last, status, &wanted).unwrap()
    }

    #[test]
    fn what_others_did_is_not_ours() {
        let none = HelmReleaseStatus::default();
        assert!(matches!(of(None, &none, json!({}), "1.0.0"), State::Absent(_)));
        let deployed = record("deployed");
        assert!(matches!(
            of(Some(&deployed), &none, json!({}), "1.0.0"),
            State::Unmanaged(_)
        ));
        assert!(matches!(
            of(Some(&record("uninstalled")), &none, json!({}), "1.0.0"),
            State::Absent(_)
        ));
        let mut changed = deployed.clone();
        changed.info.description = "by hand".to_owned();
        assert!(matches!(
            of(Some(&changed), &known(&deployed), json!({}), "1.0.0"),
            State::Unmanaged(_)
        ));
    }

    #[test]
    fn a_record_is_compared_with_what_is_wanted() {
        let deployed = record("deployed");
        let status = known(&deployed);
        assert_eq!(of(Some(&deployed), &status, json!({}), "1.0.0"), State::InSync);
        let changed = |spec: Value, version: &str| of(Some(&deployed), &status, spec, version);
        assert_eq!(
            changed(json!({}), "1.0.1"),
            State::OutOfSync("release chart changed")
        );
        assert_eq!(
            changed(json!({"postRenderers": []}), "1.0.0"),
            State::OutOfSync("postrenderers digest has changed")
        );
        assert_eq!(
            changed(json!({"commonMetadata": {}}), "1.0.0"),
            State::OutOfSync("common metadata digest has changed")
        );
        let pending = record("pending-upgrade");
        assert!(matches!(
            of(Some(&pending), &known(&pending), json!({}), "1.0.0"),
            State::Locked(_)
        ));
        let failed = record("failed");
        assert_eq!(
            of(Some(&failed), &known(&failed), json!({}), "1.0.0"),
            State::Failed("")
        );
    }

    #[test]
    fn tests_count_if_they_are_enabled_and_minded() {
        let deployed = record("deployed");
        let mut status = known(&deployed);
        let enabled = json!({"test": {"enable": true}});
        assert_eq!(
            of(Some(&deployed), &status, enabled.clone(), "1.0.0"),
            State::Untested
        );
        let phase = json!({"t": {"phase": "Failed"}});
        let history = status.history.as_mut().unwrap();
        history[0].test_hooks = Some(serde_json::from_value(phase).unwrap());
        assert!(matches!(
            of(Some(&deployed), &status, enabled, "1.0.0"),
            State::Failed(_)
        ));
        let ignored = json!({"test": {"enable": true, "ignoreFailures": true}});
        assert_eq!(of(Some(&deployed), &status, ignored, "1.0.0"), State::InSync);
        assert_eq!(of(Some(&deployed), &status, json!({}), "1.0.0"), State::InSync);
    }
}
