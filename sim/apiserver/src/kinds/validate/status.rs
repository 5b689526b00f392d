//! What controllers may report.

use super::{Case, errors::Errors};

/// Judges a write to the status of a kind of the group `apps`.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    let status = case.new.get("status");
    let (counts, most): (&[&str], &[&str]) = match case.kind.kind {
        "Deployment" => (
            &[
                "observedGeneration",
                "replicas",
                "updatedReplicas",
                "readyReplicas",
                "availableReplicas",
                "unavailableReplicas",
                "terminatingReplicas",
                "collisionCount",
            ],
            &["updatedReplicas", "readyReplicas", "availableReplicas"],
        ),
        "StatefulSet" => (
            &[
                "replicas",
                "readyReplicas",
                "currentReplicas",
                "updatedReplicas",
                "availableReplicas",
                "observedGeneration",
                "collisionCount",
            ],
            &[
                "readyReplicas",
                "currentReplicas",
                "updatedReplicas",
                "availableReplicas",
            ],
        ),
        "DaemonSet" => (
            &[
                "currentNumberScheduled",
                "numberMisscheduled",
                "desiredNumberScheduled",
                "numberReady",
                "observedGeneration",
                "updatedNumberScheduled",
                "numberAvailable",
                "numberUnavailable",
                "collisionCount",
            ],
            &[],
        ),
        _ => (
            &[
                "replicas",
                "fullyLabeledReplicas",
                "readyReplicas",
                "availableReplicas",
                "observedGeneration",
                "terminatingReplicas",
            ],
            &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
        ),
    };
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
