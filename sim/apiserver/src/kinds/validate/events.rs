//! Events, in both of their views.

use super::{
    Case,
    at::At,
    errors::{Errors, quote, show},
    meta::Name,
    names,
};

/// Judges Events; false for other kinds.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    if case.kind.kind != "Event" {
        return false;
    }
    let new_view = !case.kind.group.is_empty();
    legacy(case, new_view, errors);
    if new_view {
        match &case.old {
            None => created(case, errors),
            Some(old) => replaced(case, old, errors),
        }
    }
    true
}

/// The names of members in the core view and in the other one; errors always use the core view's.
const NAMES: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingController", "reportingController"),
];

fn member<'a>(event: &At<'a>, name: &str, new_view: bool) -> At<'a> {
    let own = NAMES
        .iter()
        .find(|(core, _)| *core == name && new_view)
        .map_or(name, |(_, other)| other);
    At::new(name.to_owned(), event.get(own).value())
}

fn legacy(case: &Case<'_>, new_view: bool, errors: &mut Errors) {
    let event = case.new;
    let part = |name: &str| member(event, name, new_view);
    let namespace = event.get("metadata.namespace").text();
    let involved = part("involvedObject").get("namespace");
    let mismatch = if event.get("eventTime").is_set() {
        involved.is_empty() && !["default", "kube-system"].contains(&namespace)
    } else if involved.is_empty() {
        !["", "default"].contains(&namespace)
    } else {
        involved.text() != namespace
    };
    if mismatch {
        errors.invalid_as(
            &involved,
            &quote(involved.text()),
            "does not match event.namespace",
        );
    }
    if event.get("eventTime").is_set() {
        let own = if new_view {
            "reportingController"
        } else {
            "reportingComponent"
        };
        let controller = At::new(own.to_owned(), event.get(own).value());
        if controller.is_empty() {
            errors.required(&controller, "");
        }
        for message in names::qualified(controller.text()) {
            errors.invalid_as(&controller, &quote(controller.text()), &message);
        }
        for (name, limit, needed) in [
            ("reportingInstance", 128, true),
            ("action", 128, true),
            ("reason", 128, true),
            ("message", 1024, false),
        ] {
            let at = part(name);
            if needed && at.is_empty() {
                errors.required(&at, "");
            }
            if at.len() > limit {
                errors.invalid_as(&at, "\"\"", &format!("can have at most {limit} characters"));
            }
        }
    }
    let at = At::new("namespace".into(), event.get("metadata.namespace").value());
    for message in names::subdomain(namespace) {
        errors.invalid_as(&at, &quote(namespace), &message);
    }
}

fn series(event: &At<'_>, errors: &mut Errors) {
    let series = event.get("series");
    if !series.is_set() {
        return;
    }
    if series.get("count").number() < 2 {
        errors.invalid_as(&series.get("count"), "\"\"", "should be at least 2");
    }
    if !series.get("lastObservedTime").is_set() {
        errors.required(&series.get("lastObservedTime"), "");
    }
}

fn created(case: &Case<'_>, errors: &mut Errors) {
    case.meta().whole(Name::Subdomain, errors);
    series(case.new, errors);
    let time = case.new.get("eventTime");
    if !time.is_set() {
        errors.required(&time, "");
    }
    let kind = case.new.get("type");
    if !["Normal", "Warning"].contains(&kind.text()) {
        errors.invalid_as(&kind, "\"\"", &format!("has invalid value: {}", kind.text()));
    }
    for name in ["firstTimestamp", "lastTimestamp", "count", "source"] {
        let at = member(case.new, name, true);
        let given =
            at.is_set() && !(name == "count" && at.number() == 0) && !(name == "source" && at.is_empty());
        if given {
            errors.invalid_as(&at, "\"\"", "needs to be unset");
        }
    }
}

fn replaced(case: &Case<'_>, old: &At<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    if !case.new.get("series").same(&old.get("series")) {
        series(case.new, errors);
    }
    for name in [
        "involvedObject",
        "reason",
        "message",
        "source",
        "firstTimestamp",
        "lastTimestamp",
        "count",
        "reason",
        "type",
        "eventTime",
        "action",
        "related",
        "reportingController",
        "reportingInstance",
    ] {
        let (at, before) = (member(case.new, name, true), member(old, name, true));
        let shown = if at.is_set() { show(at.value()) } else { quote("") };
        errors.immutable_as(&at, &before, &shown);
    }
}
