//! Kinds of the group `apps`, and their elder, the ReplicationController.

use serde_json::{Value, json};

use super::{
    Case,
    at::At,
    claims,
    errors::Errors,
    internal,
    meta::Name,
    names, pod, selectors,
    small::{at_most_all, int_or_percent, percent},
};

const NO_MATCH: &str = "`selector` does not match template `labels`";

/// Judges objects of the kinds of this module; false for others.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    if ![
        "Deployment",
        "ReplicaSet",
        "StatefulSet",
        "DaemonSet",
        "ControllerRevision",
        "ReplicationController",
    ]
    .contains(&case.kind.kind)
    {
        return false;
    }
    if case.subresource == "status" {
        super::status::rules(case, errors);
        return true;
    }
    match case.kind.kind {
        "Deployment" => {
            meta(case, Name::Subdomain, errors);
            deployment(&case.new.get("spec"), errors);
            frozen_selector(case, errors);
        }
        "ReplicaSet" => {
            meta(case, Name::Subdomain, errors);
            replica_set(&case.new.get("spec"), errors);
            frozen_selector(case, errors);
        }
        "StatefulSet" => stateful_set(case, errors),
        "DaemonSet" => {
            meta(case, Name::Subdomain, errors);
            frozen_selector(case, errors);
            daemon_set(&case.new.get("spec"), errors);
        }
        "ReplicationController" => {
            meta(case, Name::Declared, errors);
            replication_controller(&case.new.get("spec"), errors);
        }
        _ => revision(case, errors),
    }
    true
}

/// Metadata is judged as a whole at creation, and for what may change afterwards.
fn meta(case: &Case<'_>, name: Name, errors: &mut Errors) {
    if case.old.is_some() {
        case.meta().update(errors);
    } else {
        case.meta().whole(name, errors);
    }
}

fn frozen_selector(case: &Case<'_>, errors: &mut Errors) {
    if let Some(old) = &case.old {
        let selector = case.new.get("spec.selector");
        errors.immutable_as(&selector, &old.get("spec.selector"), &selectors::shown(&selector));
    }
}

/// A selector that must be given and say something.
fn selector(spec: &At<'_>, called: &str, errors: &mut Errors) {
    let at = spec.get("selector");
    if !at.is_set() {
        return errors.required(&at, "");
    }
    selectors::selector(&at, errors);
    if selectors::says_nothing(&at) {
        let text = format!("empty selector is invalid for {called}");
        errors.invalid_as(&at, &selectors::shown(&at), &text);
    }
}

/// The template of a set, which its selector must select; false if the selector cannot be understood.
fn selected_template(spec: &At<'_>, called: &str, detail: &str, errors: &mut Errors) -> bool {
    let (at, template) = (spec.get("selector"), spec.get("template"));
    let labels = template.get("metadata.labels");
    match selectors::selects(&at, labels.value()) {
        None => {
            errors.invalid_as(&at, &selectors::shown(&at), detail);
            return false;
        }
        Some(false) => errors.invalid(&labels, NO_MATCH),
        Some(true) => {}
    }
    pod::template(&template, errors);
    always_running(&template, called, errors);
    true
}

fn always_running(template: &At<'_>, called: &str, errors: &mut Errors) {
    errors.one_of(&template.get("spec.restartPolicy"), &["Always"]);
    let deadline = template.get("spec.activeDeadlineSeconds");
    if deadline.is_set() {
        errors.forbidden(
            &deadline,
            &format!("activeDeadlineSeconds in {called} is not Supported"),
        );
    }
}

fn deployment(spec: &At<'_>, errors: &mut Errors) {
    errors.not_negative(&spec.get("replicas"));
    selector(spec, "deployment", errors);
    selected_template(spec, "ReplicaSet", "invalid label selector", errors);
    deployment_strategy(&spec.get("strategy"), errors);
    errors.not_negative(&spec.get("minReadySeconds"));
    errors.not_negative(&spec.get("revisionHistoryLimit"));
    let deadline = spec.get("progressDeadlineSeconds");
    errors.not_negative(&deadline);
    if deadline
        .int()
        .is_some_and(|n| n <= spec.get("minReadySeconds").number())
    {
        errors.invalid(&deadline, "must be greater than minReadySeconds");
    }
}

fn deployment_strategy(at: &At<'_>, errors: &mut Errors) {
    let rolling = at.get("rollingUpdate");
    match at.get("type").text() {
        "Recreate" if rolling.is_set() => {
            errors.forbidden(
                &rolling,
                "may not be specified when strategy `type` is 'Recreate'",
            );
        }
        "Recreate" => {}
        "RollingUpdate" if !rolling.is_set() => {
            errors.required(&rolling, "this should be defaulted and never be nil");
        }
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            int_or_percent(&unavailable, errors);
            int_or_percent(&surge, errors);
            if amount(&unavailable) == 0 && amount(&surge) == 0 {
                errors.invalid(&unavailable, "may not be 0 when `maxSurge` is 0");
            }
            at_most_all(&unavailable, errors);
        }
        _ => {
            let shown = internal::show("apps.DeploymentStrategy", at.value());
            errors.unsupported_as(at, &shown, &["Recreate", "RollingUpdate"]);
        }
    }
}

/// The number of a number or share. A text that is neither counts as 0, one without a sign as its number.
fn amount(at: &At<'_>) -> i64 {
    percent(at).unwrap_or_else(|| match at.value() {
        Value::String(text) => text.parse().unwrap_or_default(),
        _ => at.number(),
    })
}

fn replica_set(spec: &At<'_>, errors: &mut Errors) {
    errors.not_negative(&spec.get("replicas"));
    errors.not_negative(&spec.get("minReadySeconds"));
    // QUIRK: a ReplicaSet's empty selector is said to be a Deployment's.
    selector(spec, "deployment", errors);
    selected_template(spec, "ReplicaSet", "invalid label selector", errors);
}

fn replication_controller(spec: &At<'_>, errors: &mut Errors) {
    errors.not_negative(&spec.get("minReadySeconds"));
    let wanted = spec.get("selector");
    if wanted.is_empty() {
        errors.required(&wanted, "");
    }
    errors.not_negative(&spec.get("replicas"));
    let template = spec.get("template");
    if !template.is_set() {
        return errors.required(&template, "");
    }
    let labels = template.get("metadata.labels");
    if !wanted.is_empty()
        && !wanted
            .entries()
            .all(|(k, v)| labels.value().get(k) == Some(v.value()))
    {
        errors.invalid(&labels, NO_MATCH);
    }
    pod::template(&template, errors);
    always_running(&template, "ReplicationController", errors);
}

fn daemon_set(spec: &At<'_>, errors: &mut Errors) {
    let at = spec.get("selector");
    selectors::selector(&at, errors);
    let template = spec.get("template");
    let labels = template.get("metadata.labels");
    if selectors::selects(&at, labels.value()) == Some(false) {
        errors.invalid(&labels, NO_MATCH);
    }
    if at.is_set() && selectors::says_nothing(&at) {
        errors.invalid_as(
            &at,
            &selectors::shown(&at),
            "empty selector is invalid for daemonset",
        );
    }
    pod::template(&template, errors);
    always_running(&template, "DaemonSet", errors);
    errors.not_negative(&spec.get("minReadySeconds"));
    daemon_strategy(&spec.get("updateStrategy"), errors);
    errors.not_negative(&spec.get("revisionHistoryLimit"));
}

fn daemon_strategy(at: &At<'_>, errors: &mut Errors) {
    let rolling = at.get("rollingUpdate");
    match at.get("type").text() {
        "OnDelete" => {}
        "RollingUpdate" if !rolling.is_set() => errors.required(&rolling, ""),
        "RollingUpdate" => {
            let both = [rolling.get("maxUnavailable"), rolling.get("maxSurge")];
            both.iter().for_each(|a| int_or_percent(a, errors));
            both.iter().for_each(|a| at_most_all(a, errors));
            match (amount(&both[0]) != 0, amount(&both[1]) != 0) {
                (true, true) => errors.invalid(&both[1], "may not be set when maxUnavailable is non-zero"),
                (false, false) => errors.required(&both[0], "cannot be 0 when maxSurge is 0"),
                _ => {}
            }
        }
        _ => {
            let shown = internal::show("apps.DaemonSetUpdateStrategy", at.value());
            errors.unsupported_as(at, &shown, &["RollingUpdate", "OnDelete"]);
        }
    }
}

fn stateful_set(case: &Case<'_>, errors: &mut Errors) {
    meta(case, Name::Label, errors);
    let spec = case.new.get("spec");
    // What was wrong before and cannot be changed is not judged again.
    let skip_template = case.old.as_ref().is_some_and(|old| {
        let mut before = Errors::default();
        stateful_spec(&old.get("spec"), true, false, &mut before);
        !before.is_empty()
    });
    stateful_spec(&spec, case.old.is_some(), skip_template, errors);
    let Some(old) = &case.old else { return };
    const FREE: &[&str] = &[
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |at: &At<'_>| {
        let members = at.value().as_object().into_iter().flatten();
        members
            .filter(|(name, _)| !FREE.contains(&name.as_str()))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    };
    let (a, b): (serde_json::Map<String, Value>, serde_json::Map<String, Value>) =
        (fixed(&spec), fixed(&old.get("spec")));
    if a != b {
        let text = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                    'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                    'minReadySeconds' are forbidden";
        errors.forbidden(&spec, text);
    }
}

fn stateful_spec(spec: &At<'_>, update: bool, skip_template: bool, errors: &mut Errors) {
    let policy = spec.get("podManagementPolicy");
    match policy.text() {
        "" => errors.required(&policy, ""),
        "OrderedReady" | "Parallel" => {}
        _ => errors.invalid(&policy, "must be 'OrderedReady' or 'Parallel'"),
    }
    stateful_strategy(&spec.get("updateStrategy"), errors);
    for name in ["whenDeleted", "whenScaled"] {
        errors.one_of(
            &spec.get("persistentVolumeClaimRetentionPolicy").get(name),
            &["Retain", "Delete"],
        );
    }
    if !update {
        for claim in spec.get("volumeClaimTemplates").items() {
            claims::spec(&claim.get("spec"), errors);
        }
    }
    for name in ["replicas", "minReadySeconds", "ordinals.start"] {
        errors.not_negative(&spec.get(name));
    }
    let service = spec.get("serviceName");
    if !update && !service.is_empty() {
        errors.invalid_each(&service, &names::label(service.text()));
    }
    selector(spec, "statefulset", errors);
    let (at, template) = (spec.get("selector"), spec.get("template"));
    let labels = template.get("metadata.labels");
    match selectors::selects(&at, labels.value()) {
        None => errors.invalid_as(&at, &selectors::shown(&at), ""),
        Some(matches) => {
            if !matches {
                errors.invalid(&labels, NO_MATCH);
            }
            if !skip_template {
                pod::template(&template.with(&with_claims(&template, spec)), errors);
            }
        }
    }
    always_running(&template, "StatefulSet", errors);
}

/// The template with the volumes that the set adds, and without the names that it sets.
fn with_claims(template: &At<'_>, spec: &At<'_>) -> Value {
    let mut out = template.value().clone();
    let Some(pod_spec) = out.get_mut("spec").and_then(Value::as_object_mut) else {
        return out;
    };
    pod_spec.remove("subdomain");
    pod_spec.remove("hostname");
    let claims: Vec<&str> = spec
        .get("volumeClaimTemplates")
        .items()
        .map(|c| c.get("metadata.name").text())
        .collect();
    let mut volumes: Vec<Value> = claims
        .iter()
        .map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}))
        .collect();
    let own = pod_spec
        .get("volumes")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    volumes.extend(
        own.into_iter()
            .filter(|v| !claims.iter().any(|c| v["name"] == *c)),
    );
    if !volumes.is_empty() {
        pod_spec.insert("volumes".into(), Value::Array(volumes));
    }
    out
}

fn stateful_strategy(at: &At<'_>, errors: &mut Errors) {
    let rolling = at.get("rollingUpdate");
    match at.get("type").text() {
        "" => errors.required(at, ""),
        "OnDelete" if rolling.is_set() => {
            let shown = internal::show("apps.RollingUpdateStatefulSetStrategy", rolling.value());
            errors.invalid_as(
                &rolling,
                &shown,
                "only allowed for updateStrategy 'RollingUpdate'",
            );
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            errors.not_negative(&rolling.get("partition"));
            let unavailable = rolling.get("maxUnavailable");
            if unavailable.is_set() {
                int_or_percent(&unavailable, errors);
                if amount(&unavailable) == 0 {
                    errors.invalid(&unavailable, "cannot be 0");
                }
                at_most_all(&unavailable, errors);
            }
        }
        _ => {
            let shown = internal::show("apps.StatefulSetUpdateStrategy", at.value());
            errors.invalid_as(at, &shown, "must be 'RollingUpdate' or 'OnDelete'");
        }
    }
}

fn revision(case: &Case<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    case.meta().whole(Name::Subdomain, errors);
    errors.not_negative(&case.new.get("revision"));
    let data = case.new.get("data");
    match (&case.old, data.value()) {
        (Some(old), _) => errors.immutable(&data, &old.get("data")),
        (None, Value::Null) => errors.required(&data, "data is mandatory"),
        (None, Value::Object(_)) => {}
        (None, _) => errors.required(&data, "data must be a valid JSON object"),
    }
}
