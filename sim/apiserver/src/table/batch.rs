//! Cells of Jobs and CronJobs.

use serde_json::Value;

use super::{duration, look::Look};

pub(super) fn job(look: &Look<'_>) -> Vec<Value> {
    let done = look.number("/status/succeeded");
    let wanted = look.at("/spec/completions").and_then(Value::as_i64);
    let completions = match (wanted, look.number("/spec/parallelism")) {
        (Some(wanted), _) => format!("{done}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{done}/1 of {parallel}"),
        (None, _) => format!("{done}/1"),
    };
    let true_ = |kind: &str| look.condition(kind) == Some("True");
    let status = if true_("Complete") {
        "Complete"
    } else if true_("Failed") {
        "Failed"
    } else if look.is_deleted() {
        "Terminating"
    } else if true_("Suspended") {
        "Suspended"
    } else if true_("FailureTarget") {
        "FailureTarget"
    } else if true_("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    let mut cells = vec![
        look.name(),
        status.into(),
        completions.into(),
        span(look).into(),
        look.age(),
    ];
    cells.extend(look.containers("/spec/template/spec/containers"));
    cells.push(look.selector("/spec/selector"));
    cells
}

/// How long it took, or has taken so far.
fn span(look: &Look<'_>) -> String {
    let (start, end) = (
        look.text("/status/startTime"),
        look.text("/status/completionTime"),
    );
    match (start.parse(), end.parse()) {
        (Ok(start), Ok(end)) => duration::since(start, end),
        (Ok(_), Err(_)) => look.since(start),
        _ => String::new(),
    }
}

pub(super) fn cron_job(look: &Look<'_>) -> Vec<Value> {
    let last = match look.text("/status/lastScheduleTime") {
        "" => "<none>".to_owned(),
        time => look.since(time),
    };
    let suspended = match look.at("/spec/suspend").and_then(Value::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let mut cells = vec![
        look.name(),
        look.text("/spec/schedule").into(),
        look.text_or("/spec/timeZone", "<none>").into(),
        suspended.into(),
        look.count("/status/active").into(),
        last.into(),
        look.age(),
    ];
    cells.extend(look.containers("/spec/jobTemplate/spec/template/spec/containers"));
    cells.push(look.selector("/spec/jobTemplate/spec/selector"));
    cells
}
