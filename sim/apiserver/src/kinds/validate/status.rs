//! What controllers may report.

use super::{Case, errors::Errors};

const DEPLOYMENT: &[&str] = &[
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "terminatingReplicas",
    "collisionCount",
];
const STATEFUL_SET: &[&str] = &[
    "replicas",
    "readyReplicas",
    "currentReplicas",
    "updatedReplicas",
    "availableReplicas",
    "observedGeneration",
    "collisionCount",
];
const DAEMON_SET: &[&str] = &[
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
];
const REPLICA_SET: &[&str] = &[
    "replicas",
    "fullyLabeledReplicas",
    "readyReplicas",
    "availableReplicas",
    "observedGeneration",
    "terminatingReplicas",
];

/// The counts of a kind, and those of them that the number of replicas limits.
fn members(kind: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        "Deployment" => (
            DEPLOYMENT,
            &["updatedReplicas", "readyReplicas", "availableReplicas"],
        ),
        "StatefulSet" => (
            STATEFUL_SET,
            &[
                "readyReplicas",
                "currentReplicas",
                "updatedReplicas",
                "availableReplicas",
            ],
        ),
        "DaemonSet" => (DAEMON_SET, &[]),
        _ => (
            REPLICA_SET,
            &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
        ),
    }
}

/// Judges a write to the status of a kind of the group `apps`.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    let status = case.new.get("status");
    let (counts, most) = members(case.kind.kind);
    counts
        .iter()
        .for_each(|name| errors.not_negative(&status.get(name)));
    let count = |name: &str| status.get(name).number();
    for name in most {
        if count(name) > count("replicas") {
            let shown = count(name).to_string();
            errors.invalid_as(
                &status.get(name),
                &shown,
                "cannot be greater than status.replicas",
            );
        }
    }
    if most.contains(&"availableReplicas") && count("availableReplicas") > count("readyReplicas") {
        let name = if case.kind.kind == "StatefulSet" {
            "status.readyReplicas"
        } else {
            "readyReplicas"
        };
        let shown = count("availableReplicas").to_string();
        errors.invalid_as(
            &status.get("availableReplicas"),
            &shown,
            &format!("cannot be greater than {name}"),
        );
    }
    let before = case
        .old
        .as_ref()
        .map(|old| old.get("status.collisionCount").number())
        .unwrap_or_default();
    let collisions = status.get("collisionCount");
    if collisions.number() < before {
        errors.invalid_as(
            &collisions,
            &collisions.number().to_string(),
            "cannot be decremented",
        );
    }
}
