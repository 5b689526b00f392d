//! Cells of configuration: ConfigMaps, Secrets, quotas, events, leases.

use serde_json::Value;

use super::look::{Look, field, join};

pub(super) fn named(look: &Look<'_>) -> Vec<Value> {
    vec![look.name(), look.age()]
}

pub(super) fn config_map(look: &Look<'_>) -> Vec<Value> {
    let keys = look.count("/data") + look.count("/binaryData");
    vec![look.name(), keys.into(), look.age()]
}

pub(super) fn secret(look: &Look<'_>) -> Vec<Value> {
    vec![
        look.name(),
        look.text("/type").into(),
        look.count("/data").into(),
        look.age(),
    ]
}

pub(super) fn lease(look: &Look<'_>) -> Vec<Value> {
    vec![look.name(), look.text("/spec/holderIdentity").into(), look.age()]
}

pub(super) fn resource_quota(look: &Look<'_>) -> Vec<Value> {
    let used = look.map("/status/used");
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (name, hard) in look.map("/status/hard").into_iter().flatten() {
        let used = used.and_then(|used| used.get(name)).and_then(Value::as_str);
        let text = format!(
            "{name}: {}/{}",
            used.unwrap_or("0"),
            hard.as_str().unwrap_or_default()
        );
        if name.starts_with("limits.") {
            limits.push(text);
        } else {
            requests.push(text);
        }
    }
    vec![
        look.name(),
        requests.join(", ").into(),
        limits.join(", ").into(),
        look.age(),
    ]
}

pub(super) fn event(look: &Look<'_>) -> Vec<Value> {
    let first = match look.text("/firstTimestamp") {
        "" => look.text("/eventTime"),
        time => time,
    };
    let mut last = match look.text("/lastTimestamp") {
        "" => first,
        time => time,
    };
    let mut count = look.number("/count");
    if let Some(series) = look.at("/series") {
        last = field(series, "lastObservedTime");
        count = series.get("count").and_then(Value::as_i64).unwrap_or_default();
    } else if count == 0 {
        // Those who write events in the newer form do not count the first.
        count = 1;
    }
    let kind = look.text("/involvedObject/kind").to_lowercase();
    let object = match look.text("/involvedObject/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let either = |one: &'static str, other: &'static str| match look.text(one) {
        "" => look.text(other),
        text => text,
    };
    let source = [
        either("/source/component", "/reportingComponent"),
        either("/source/host", "/reportingInstance"),
    ];
    let source = if source[1].is_empty() {
        source[0].to_owned()
    } else {
        join(source.iter(), ", ")
    };
    vec![
        look.since(last).into(),
        look.text("/type").into(),
        look.text("/reason").into(),
        object.into(),
        look.text("/involvedObject/fieldPath").into(),
        source.into(),
        look.text("/message").trim().into(),
        look.since(first).into(),
        count.into(),
        look.name(),
    ]
}
