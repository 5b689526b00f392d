//! Jobs and what makes them.

use serde_json::{Value, json};

use super::{
    Case,
    at::At,
    cron,
    errors::{Errors, quote},
    internal,
    meta::Name,
    names, pod, selectors,
};

/// Judges objects of the kinds of this module; false for others.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    match (case.kind.kind, case.subresource) {
        ("Job" | "CronJob", "status") => case.meta().update(errors),
        ("Job", _) => {
            whole(case, errors);
            update(case, errors);
        }
        ("CronJob", _) => cron_job(case, errors),
        _ => return false,
    }
    true
}

fn whole(case: &Case<'_>, errors: &mut Errors) {
    case.meta().whole(Name::Subdomain, errors);
    let at = case.new.get("spec");
    generated(case.new, &at, errors);
    with_selector(&at, errors);
    let (mode, completions) = (at.get("completionMode"), at.get("completions").number());
    let name = case.new.get("metadata.name");
    if mode.text() == "Indexed" && completions > 0 {
        let host = format!("{}-{}", name.text(), completions - 1);
        if !names::label(&host).is_empty() {
            errors.invalid(
                &name,
                &format!("will not able to create pod with invalid DNS label: {host}"),
            );
        }
    }
}

/// What the server has put into a Job that has no selector of its own.
fn generated(job: &At<'_>, spec: &At<'_>, errors: &mut Errors) {
    let selector = spec.get("selector");
    if spec.get("manualSelector").is_true() || !selector.is_set() {
        return;
    }
    let (uid, name) = (job.get("metadata.uid").text(), job.get("metadata.name").text());
    let labels = spec.get("template.metadata.labels");
    for (label, wanted) in [
        ("controller-uid", uid),
        ("job-name", name),
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
    ] {
        let found = labels.key(label);
        if !found.is_set() {
            errors.required(&found, &format!("must be '{wanted}'"));
        } else if found.text() != wanted {
            errors.invalid_as(
                &found,
                &labels.value().to_string(),
                &format!("must be '{wanted}'"),
            );
        }
    }
    let expected = json!({"controller-uid": uid, "job-name": name, "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name});
    if selectors::selects(&selector, &expected) == Some(false) {
        errors.invalid_as(
            &selector,
            &selectors::shown(&selector),
            "`selector` not auto-generated",
        );
    }
}

fn with_selector(at: &At<'_>, errors: &mut Errors) {
    spec(at, errors);
    let selector = at.get("selector");
    if selector.is_set() {
        selectors::selector(&selector, errors);
    } else {
        errors.required(&selector, "");
    }
    let labels = at.get("template.metadata.labels");
    if selectors::selects(&selector, labels.value()) == Some(false) {
        errors.invalid(&labels, "`selector` does not match template `labels`");
    }
}

/// A `JobSpec`, wherever it is.
fn spec(at: &At<'_>, errors: &mut Errors) {
    for name in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        errors.not_negative(&at.get(name));
    }
    if at.get("maxFailedIndexes").is_set() && !at.get("backoffLimitPerIndex").is_set() {
        errors.required(
            &at.get("backoffLimitPerIndex"),
            "when maxFailedIndexes is specified",
        );
    }
    let manager = at.get("managedBy");
    if manager.is_set() {
        domain_path(&manager, errors);
        if manager.len() > 63 {
            errors.too_long(&manager, 63);
        }
    }
    completion_mode(at, errors);
    failure_policy(at, errors);
    let success = at.get("successPolicy");
    if success.is_set() && at.get("completionMode").text() != "Indexed" {
        let shown = internal::show("batch.SuccessPolicy", success.value());
        errors.invalid_as(&success, &shown, "requires indexed completion mode");
    }
    let replacement = at.get("podReplacementPolicy");
    if replacement.is_set() {
        let failing = at.get("podFailurePolicy").is_set();
        let supported: &[&str] = if failing {
            &["Failed"]
        } else {
            &["Failed", "TerminatingOrFailed"]
        };
        errors.one_of(&replacement, supported);
    }
    pod::template(&at.get("template"), errors);
    let restart = at.get("template.spec.restartPolicy");
    match restart.text() {
        "" | "Always" => errors.required(&restart, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if at.get("podFailurePolicy").is_set() => {
            errors.invalid(
                &restart,
                "only \"Never\" is supported when podFailurePolicy is specified",
            );
        }
        "OnFailure" | "Never" => {}
        _ => errors.unsupported(&restart, &["OnFailure", "Never"]),
    }
}

fn completion_mode(at: &At<'_>, errors: &mut Errors) {
    let mode = at.get("completionMode");
    let (completions, failed) = (at.get("completions"), at.get("maxFailedIndexes"));
    if mode.is_set() {
        errors.one_of(&mode, &["NonIndexed", "Indexed"]);
    }
    if mode.text() == "Indexed" {
        if !completions.is_set() {
            errors.required(&completions, "when completion mode is Indexed");
        }
        let parallelism = at.get("parallelism");
        if parallelism.number() > 100_000 {
            let text = "must be less than or equal to 100000 when completion mode is Indexed";
            errors.invalid(&parallelism, text);
        }
        if completions.is_set() && failed.is_set() && failed.number() > completions.number() {
            errors.invalid(&failed, "must be less than or equal to completions");
        }
        if failed.number() > 100_000 {
            errors.invalid(&failed, "must be less than or equal to 100000");
        }
    } else if !mode.is_set() || mode.text() == "NonIndexed" {
        for name in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if at.get(name).is_set() {
                errors.invalid(&at.get(name), "requires indexed completion mode");
            }
        }
    }
}

fn failure_policy(at: &At<'_>, errors: &mut Errors) {
    const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
    let rules = at.get("podFailurePolicy.rules");
    if rules.len() > 20 {
        errors.too_many(&rules, rules.len(), 20);
    }
    let containers: Vec<&str> = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|l| {
            at.get("template.spec")
                .get(l)
                .items()
                .map(|c| c.get("name").text())
                .collect::<Vec<_>>()
        })
        .collect();
    for rule in rules.items() {
        let action = rule.get("action");
        match action.text() {
            "" => errors.required(&action, &format!("valid values: {}", list(ACTIONS))),
            "FailIndex" if !at.get("backoffLimitPerIndex").is_set() => {
                errors.invalid(&action, "requires the backoffLimitPerIndex to be set");
            }
            other if !ACTIONS.contains(&other) => errors.unsupported(&action, ACTIONS),
            _ => {}
        }
        let (codes, conditions) = (rule.get("onExitCodes"), rule.get("onPodConditions"));
        if codes.is_set() {
            exit_codes(&codes, &containers, errors);
        }
        for pattern in conditions.items() {
            let (kind, status) = (pattern.get("type"), pattern.get("status"));
            errors.invalid_each(&kind, &names::qualified(kind.text()));
            if status.is_empty() {
                errors.required(&status, "valid values: [\"False\" \"True\" \"Unknown\"]");
            } else {
                errors.one_of(&status, &["False", "True", "Unknown"]);
            }
        }
        match (codes.is_set(), !conditions.is_empty()) {
            (true, true) => {
                errors.invalid_bare(
                    &rule,
                    "specifying both OnExitCodes and OnPodConditions is not supported",
                );
            }
            (false, false) => {
                errors.invalid_bare(
                    &rule,
                    "specifying one of OnExitCodes and OnPodConditions is required",
                );
            }
            _ => {}
        }
    }
}

fn list(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|t| quote(t)).collect();
    format!("[{}]", quoted.join(" "))
}

fn exit_codes(at: &At<'_>, containers: &[&str], errors: &mut Errors) {
    const OPERATORS: &[&str] = &["In", "NotIn"];
    let (operator, values) = (at.get("operator"), at.get("values"));
    if operator.is_empty() {
        errors.required(&operator, &format!("valid values: {}", list(OPERATORS)));
    } else {
        errors.one_of(&operator, OPERATORS);
    }
    let name = at.get("containerName");
    if name.is_set() && !containers.contains(&name.text()) {
        errors.invalid(
            &name,
            "must be one of the container or initContainer names in the pod template",
        );
    }
    if values.is_empty() {
        errors.invalid(&values, "at least one value is required");
    } else if values.len() > 255 {
        errors.too_many(&values, values.len(), 255);
    }
    let numbers: Vec<i64> = values.items().map(|v| v.number()).collect();
    for (i, value) in values.items().enumerate() {
        if operator.text() == "In" && value.number() == 0 {
            errors.invalid(&value, "must not be 0 for the In operator");
        }
        if numbers[..i].contains(&value.number()) {
            errors.duplicate(&value);
        }
    }
    if numbers.windows(2).any(|w| w[0] > w[1]) {
        errors.invalid(&values, "must be ordered");
    }
}

/// `acme.io/foo`
pub(super) fn domain_path(at: &At<'_>, errors: &mut Errors) {
    if at.is_empty() {
        return errors.required(at, "");
    }
    match at
        .text()
        .split_once('/')
        .filter(|(host, path)| !host.is_empty() && !path.is_empty())
    {
        None => errors.invalid(at, "must be a domain-prefixed path (such as \"acme.io/foo\")"),
        Some((host, path)) => {
            const PATH: &str = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
            for message in names::subdomain(host) {
                errors.invalid_as(at, &quote(host), &message);
            }
            if !names::fits(PATH, path) {
                errors.invalid_as(at, &quote(path), &names::mismatch("Invalid path", PATH, &[]));
            }
        }
    }
}

fn update(case: &Case<'_>, errors: &mut Errors) {
    let Some(old) = &case.old else { return };
    case.meta().update(errors);
    let (at, before) = (case.new.get("spec"), old.get("spec"));
    with_selector(&at, errors);
    let completions = at.get("completions");
    if at.get("completionMode").text() == "Indexed" {
        let parallelism = at.get("parallelism").number();
        if !completions.same(&before.get("completions"))
            && completions.is_set()
            && completions.number() != parallelism
        {
            errors.invalid(
                &completions,
                "can only be modified in tandem with spec.parallelism",
            );
        }
    } else {
        errors.immutable(&completions, &before.get("completions"));
    }
    let selector = at.get("selector");
    errors.immutable_as(&selector, &before.get("selector"), &selectors::shown(&selector));
    let (template, wanted) = (at.get("template"), schedulable(&at, &before));
    let shown = internal::show("core.PodTemplateSpec", template.value());
    errors.immutable_as(&template, &before.get("template").with(&wanted), &shown);
    errors.immutable(&at.get("completionMode"), &before.get("completionMode"));
    for (name, kind) in [
        ("podFailurePolicy", "batch.PodFailurePolicy"),
        ("successPolicy", "batch.SuccessPolicy"),
    ] {
        let member = at.get(name);
        let shown = if member.is_set() {
            internal::show(kind, member.value())
        } else {
            "null".into()
        };
        if name == "successPolicy" {
            for plain in ["backoffLimitPerIndex", "managedBy"] {
                errors.immutable(&at.get(plain), &before.get(plain));
            }
        }
        errors.immutable_as(&member, &before.get(name), &shown);
    }
}

/// The old template with what a suspended Job that never ran may change.
fn schedulable(at: &At<'_>, before: &At<'_>) -> Value {
    let mut wanted = before.get("template").value().clone();
    if !before.get("suspend").is_true() || before.get("status.startTime").is_set() {
        return wanted;
    }
    let new = at.get("template");
    for (parent, name) in [
        ("/spec", "nodeSelector"),
        ("/spec", "tolerations"),
        ("/spec", "affinity"),
        ("/spec", "schedulingGates"),
        ("/metadata", "annotations"),
        ("/metadata", "labels"),
    ] {
        let value = new.value().pointer(parent).and_then(|p| p.get(name)).cloned();
        let Some(map) = wanted.pointer_mut(parent).and_then(Value::as_object_mut) else {
            continue;
        };
        match value {
            Some(value) => map.insert(name.to_owned(), value),
            None => map.remove(name),
        };
    }
    for list in ["containers", "initContainers"] {
        let sizes = new.get("spec").get(list);
        let containers = wanted
            .pointer_mut(&format!("/spec/{list}"))
            .and_then(Value::as_array_mut);
        for (container, size) in containers.into_iter().flatten().zip(sizes.items()) {
            container["resources"] = size.get("resources").value().clone();
        }
    }
    wanted
}

fn cron_job(case: &Case<'_>, errors: &mut Errors) {
    if case.old.is_some() {
        case.meta().update(errors);
    } else {
        case.meta().whole(Name::Subdomain, errors);
    }
    let at = case.new.get("spec");
    schedule(case, &at.get("schedule"), errors);
    errors.not_negative(&at.get("startingDeadlineSeconds"));
    let zone = at.get("timeZone");
    if case
        .old
        .as_ref()
        .is_none_or(|old| !zone.same(&old.get("spec.timeZone")))
    {
        cron::time_zone(&zone, errors);
    }
    let policy = at.get("concurrencyPolicy");
    pod::errors_for_choice(&policy, &["Allow", "Forbid", "Replace"], errors);
    let job = at.get("jobTemplate.spec");
    spec(&job, errors);
    let selector = job.get("selector");
    if selector.is_set() {
        errors.invalid_as(
            &selector,
            &selectors::shown(&selector),
            "`selector` will be auto-generated",
        );
    }
    if job.get("manualSelector").is_true() {
        errors.unsupported(&job.get("manualSelector"), &["nil", "false"]);
    }
    errors.not_negative(&at.get("successfulJobsHistoryLimit"));
    errors.not_negative(&at.get("failedJobsHistoryLimit"));
    let name = case.new.get("metadata.name");
    if case.old.is_none() && name.len() > 52 {
        errors.invalid(&name, "must be no more than 52 characters");
    }
}

fn schedule(case: &Case<'_>, at: &At<'_>, errors: &mut Errors) {
    if at.is_empty() {
        return errors.required(at, "");
    }
    if let Some(complaint) = cron::complaint(at.text()) {
        errors.invalid(at, &complaint);
    }
    let zoned = at.text().contains("TZ");
    let before = case
        .old
        .as_ref()
        .is_some_and(|old| old.get("spec.schedule").text().contains("TZ"));
    if zoned && !before {
        errors.invalid(
            at,
            "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        );
    } else if zoned && case.new.get("spec.timeZone").is_set() {
        errors.invalid(at, "cannot use both timeZone field and TZ or CRON_TZ in schedule");
    }
}
