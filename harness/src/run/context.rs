//! What happened shortly before a failure, in words.

use serde_json::Value;

use crate::{
    journal::{Seen, What},
    limits, matching,
    session::Session,
};

/// The latest changes, conditions and events, oldest first.
pub(super) fn recent(session: &Session) -> Vec<String> {
    let now = session.clock().now();
    let mut lines: Vec<String> = session
        .journal
        .of_scenario()
        .iter()
        .rev()
        .filter(|seen| seen.key.kind != "Lease")
        .map(|seen| {
            let ago = seen.at.duration_since(now).unsigned_abs();
            format!("{:>8} ago  {}", stdx::duration::format(ago), describe(seen))
        })
        .take(limits::CONTEXT_LINES)
        .collect();
    lines.reverse();
    lines
}

fn describe(seen: &Seen) -> String {
    if seen.key.kind == "Event" && seen.what != What::Deleted {
        return describe_event(&seen.object);
    }
    let conditions: Vec<String> = matching::conditions(&seen.object)
        .filter(|condition| seen.key.group.ends_with("fluxcd.io") && condition["type"] != "ArtifactInStorage")
        .map(|condition| {
            let member = |name: &str| condition[name].as_str().unwrap_or_default();
            format!(
                "{}={} {} ({})",
                member("type"),
                member("status"),
                member("reason"),
                member("message")
            )
        })
        .collect();
    let separator = if conditions.is_empty() { "" } else { ": " };
    let conditions = conditions.join("; ").replace('\n', " | ");
    format!("{} {}{separator}{conditions}", seen.key, seen.what.word())
}

/// An event in one line.
pub(super) fn describe_event(event: &Value) -> String {
    let about = &event["involvedObject"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!(
        "Event {} {} on {}/{}/{}: {}",
        text(&event["type"]),
        text(&event["reason"]),
        text(&about["kind"]),
        text(&about["namespace"]),
        text(&about["name"]),
        text(&event["message"]).trim_end().replace('\n', " | ")
    )
}
