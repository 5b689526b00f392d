//! Which user a container runs as.

use crate::{
    constraint::RunAs,
    problem::{invalid, required},
};

/// Why the strategy cannot work at all.
pub(crate) fn check(own: &RunAs) -> Result<(), String> {
    match own.kind.as_str() {
        "MustRunAs" if own.uid.is_none() => Err("MustRunAs requires a UID".to_owned()),
        "MustRunAsRange" if own.min.is_none() => Err("MustRunAsRange requires a UIDRangeMin".to_owned()),
        "MustRunAsRange" if own.max.is_none() => Err("MustRunAsRange requires a UIDRangeMax".to_owned()),
        "MustRunAs" | "MustRunAsRange" | "MustRunAsNonRoot" | "RunAsAny" => Ok(()),
        other => Err(format!("Unrecognized RunAsUser strategy type {other}")),
    }
}

/// The user for a container without one.
pub(crate) fn generate(own: &RunAs) -> Option<i64> {
    match own.kind.as_str() {
        "MustRunAs" => own.uid,
        "MustRunAsRange" => own.min,
        _ => None,
    }
}

pub(crate) fn validate(own: &RunAs, path: &str, non_root: Option<bool>, user: Option<i64>) -> Option<String> {
    let at = format!("{path}.runAsUser");
    match own.kind.as_str() {
        "MustRunAs" | "MustRunAsRange" if user.is_none() => Some(required(&at, "")),
        "MustRunAs" if own.uid != user => Some(invalid(
            &at,
            user.unwrap_or_default(),
            format!("must be: {}", own.uid.unwrap_or_default()),
        )),
        "MustRunAsRange" => {
            let (min, max) = (own.min.unwrap_or_default(), own.max.unwrap_or_default());
            let user = user.unwrap_or_default();
            (user < min || user > max)
                .then(|| invalid(&at, user, format!("must be in the ranges: [{min}, {max}]")))
        }
        "MustRunAsNonRoot" => match (non_root, user) {
            (None, None) => Some(required(&format!("{path}.runAsNonRoot"), "must be true")),
            (Some(false), _) => Some(invalid(&format!("{path}.runAsNonRoot"), false, "must be true")),
            (_, Some(0)) => Some(invalid(&at, 0, "running with the root UID is forbidden")),
            _ => None,
        },
        _ => None,
    }
}
