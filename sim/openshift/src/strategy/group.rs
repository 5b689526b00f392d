//! Which groups own a pod's volumes and processes.

use crate::{constraint::Groups, problem::invalid};

pub(crate) fn check(own: &Groups, what: &str) -> Result<(), String> {
    match own.kind.as_str() {
        "RunAsAny" => Ok(()),
        "MustRunAs" if own.ranges.is_empty() => Err("ranges must be supplied for MustRunAs".to_owned()),
        "MustRunAs" => Ok(()),
        other => Err(format!("Unrecognized {what} strategy type {other}")),
    }
}

/// The group for a pod without one.
pub(crate) fn generate(own: &Groups) -> Option<i64> {
    let first = own.ranges.first().filter(|_| own.kind == "MustRunAs")?;
    Some(first.0)
}

pub(crate) fn validate(own: &Groups, path: &str, groups: &[i64]) -> Vec<String> {
    if own.kind != "MustRunAs" {
        return Vec::new();
    }
    let shown: Vec<String> = groups.iter().map(i64::to_string).collect();
    let shown = format!("[{}]", shown.join(","));
    if groups.is_empty() {
        let detail = "unable to validate empty groups against required ranges";
        return vec![invalid(path, shown, detail)];
    }
    let inside = |group: &i64| own.ranges.iter().any(|(min, max)| (*min..=*max).contains(group));
    groups
        .iter()
        .filter(|group| !inside(group))
        .map(|group| invalid(path, &shown, format!("{group} is not an allowed group")))
        .collect()
}
