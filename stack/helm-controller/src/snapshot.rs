//! What the status remembers of a record: enough to tell whether somebody else changed it.

use std::collections::BTreeMap;

use flux_api::{
    Time,
    helm_release::{HelmSnapshot, TestFilter, TestHookStatus},
};
use helm::Record;
use serde_json::{Map, Value, json};

/// How the digest of a snapshot is computed.
pub(crate) const API_VERSION: &str = "v2";
/// The event of test hooks.
pub(crate) const TEST: &str = "test";

/// Digest of values: of nothing if there are none, otherwise of their YAML.
pub(crate) fn config_digest(values: &Map<String, Value>) -> String {
    let text = if values.is_empty() {
        String::new()
    } else {
        yaml::to_string(&Value::Object(values.clone()))
    };
    format!("sha256:{}", stdx::sha256_hex(text.as_bytes()))
}

/// Digest of a part of the spec; empty if there is none.
pub(crate) fn spec_digest(part: Option<&impl serde::Serialize>) -> Option<String> {
    let bytes = serde_json::to_vec(part?).unwrap_or_default();
    Some(format!("sha256:{}", stdx::sha256_hex(&bytes)))
}

/// Digest of a record without its chart's files and without its tests, which users may run.
///
/// DIFFERENCE: keys are sorted where Go keeps the order of its structures, so the digests of releases that upstream
/// recorded are others; such a release is taken over by one upgrade.
fn digest(record: &Record, oci_digest: Option<&str>) -> String {
    let hooks: Vec<_> = record.hooks.iter().filter(|hook| !hook.runs_at(TEST)).collect();
    let observed = json!({
        "name": record.name,
        "version": record.version,
        "info": record.info,
        "chartMetadata": record.metadata(),
        "config": record.config,
        "manifest": record.manifest,
        "hooks": hooks,
        "namespace": record.namespace,
        "ociDigest": oci_digest.unwrap_or_default(),
    });
    format!("sha256:{}", stdx::sha256_hex(observed.to_string().as_bytes()))
}

fn time(text: Option<&String>) -> Option<Time> {
    text?.parse().ok().map(Time::new)
}

/// The snapshot of a record.
pub(crate) fn of(record: &Record, action: Option<&str>, oci_digest: Option<&str>) -> HelmSnapshot {
    let metadata = record.metadata();
    let filled = |text: String| Some(text).filter(|text| !text.is_empty());
    HelmSnapshot {
        action: action.map(str::to_owned),
        api_version: Some(API_VERSION.to_owned()),
        app_version: filled(metadata.app_version),
        chart_name: metadata.name,
        chart_version: metadata.version,
        config_digest: config_digest(&record.config),
        deleted: time(record.info.deleted.as_ref()),
        digest: digest(record, oci_digest),
        first_deployed: time(record.info.first_deployed.as_ref()).unwrap_or_default(),
        last_deployed: time(record.info.last_deployed.as_ref()).unwrap_or_default(),
        name: record.name.clone(),
        namespace: record.namespace.clone(),
        oci_digest: oci_digest.map(str::to_owned),
        status: record.info.status.clone(),
        test_hooks: None,
        version: record.version,
    }
}

/// Whether the record is the one that was snapshot. What older controllers snapshot is believed.
pub(crate) fn is_of(snapshot: &HelmSnapshot, record: &Record) -> bool {
    snapshot.api_version.as_deref() != Some(API_VERSION)
        || snapshot.digest == digest(record, snapshot.oci_digest.as_deref())
}

/// Whether a test is to be run.
pub(crate) fn is_selected(name: &str, filters: &[TestFilter]) -> bool {
    let of = |exclude: bool| {
        filters
            .iter()
            .filter(move |f| (f.exclude == Some(true)) == exclude)
    };
    !of(true).any(|filter| filter.name == name)
        && (of(false).next().is_none() || of(false).any(|filter| filter.name == name))
}

/// How the tests of a record ran.
pub(crate) fn test_hooks(record: &Record, filters: &[TestFilter]) -> BTreeMap<String, TestHookStatus> {
    let tests = record.hooks.iter().filter(|hook| hook.runs_at(TEST));
    tests
        .filter(|hook| is_selected(&hook.name, filters))
        .map(|hook| {
            let run = &hook.last_run;
            let status = TestHookStatus {
                last_started: time(run.started_at.as_ref()),
                last_completed: time(run.completed_at.as_ref()),
                phase: Some(run.phase.clone()).filter(|phase| !phase.is_empty()),
            };
            (hook.name.clone(), status)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use helm::HookRecord;

    use super::*;

    fn record() -> Record {
        Record {
            name: "web".to_owned(),
            namespace: "apps".to_owned(),
            version: 2,
            chart: json!({"metadata": {"name": "chart", "version": "1.0.0"}}),
            hooks: vec![HookRecord {
                name: "t".to_owned(),
                events: vec![TEST.to_owned()],
                ..HookRecord::default()
            }],
            ..Record::default()
        }
    }

    #[test]
    fn a_snapshot_knows_its_record_but_not_its_tests() {
        let mut record = record();
        let snapshot = of(&record, Some("install"), None);
        assert_eq!(snapshot.versioned_chart(), "chart@1.0.0");
        record.hooks[0].last_run.phase = "Succeeded".to_owned();
        assert!(is_of(&snapshot, &record));
        record.manifest.push('x');
        assert!(!is_of(&snapshot, &record));
        let mut legacy = snapshot;
        legacy.api_version = None;
        assert!(is_of(&legacy, &record));
    }

    #[test]
    fn no_values_have_the_digest_of_nothing() {
        let of_nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(config_digest(&Map::new()), of_nothing);
        let values = |text: &str| config_digest(&helm::load_values(text).unwrap());
        assert_eq!(values("{b: 2, a: 1}"), values("a: 1\nb: 2\n"));
        assert_eq!(
            values("{b: 2, a: {c: x}}"),
            format!("sha256:{}", stdx::sha256_hex(b"a:\n  c: x\nb: 2\n"))
        );
    }

    // Covers: HC-58.
    #[test]
    fn tests_are_selected_by_name() {
        let filter = |name: &str, exclude: bool| TestFilter {
            exclude: Some(exclude),
            name: name.to_owned(),
        };
        assert!(is_selected("a", &[]));
        assert!(!is_selected("a", &[filter("a", true)]));
        assert!(is_selected("b", &[filter("a", true)]));
        assert!(!is_selected("b", &[filter("a", false)]));
        let ran = test_hooks(&record(), &[filter("t", true)]);
        assert!(ran.is_empty());
    }
}
