//! Which SELinux label a pod runs under.

use serde_json::Value;

use crate::{
    constraint::{Label, SeLinux},
    problem::{invalid, required},
};

pub(crate) fn check(own: &SeLinux) -> Result<(), String> {
    match own.kind.as_str() {
        "RunAsAny" => Ok(()),
        "MustRunAs" if own.options.is_none() => Err("MustRunAs requires SELinuxOptions".to_owned()),
        "MustRunAs" => Ok(()),
        other => Err(format!("Unrecognized SELinuxContext strategy type {other}")),
    }
}

/// The label of who has none: the constraint's, with either strategy.
pub(crate) fn generate(own: &SeLinux) -> Option<Value> {
    own.options.as_ref().map(Label::write)
}

pub(crate) fn validate(own: &SeLinux, path: &str, options: Option<&Value>) -> Vec<String> {
    let Some(wanted) = own.options.as_ref().filter(|_| own.kind == "MustRunAs") else {
        return Vec::new();
    };
    let Some(options) = options else {
        return vec![required(path, "")];
    };
    let have = Label::read(options);
    let parts = [
        (
            "level",
            &wanted.level,
            &have.level,
            same_level(&wanted.level, &have.level),
        ),
        ("role", &wanted.role, &have.role, wanted.role == have.role),
        ("type", &wanted.kind, &have.kind, wanted.kind == have.kind),
        ("user", &wanted.user, &have.user, wanted.user == have.user),
    ];
    parts
        .into_iter()
        .filter(|(.., same)| !same)
        .map(|(part, wanted, have, _)| {
            invalid(
                &format!("{path}.{part}"),
                format!("{have:?}"),
                format!("must be {wanted}"),
            )
        })
        .collect()
}

/// The order of categories does not matter.
fn same_level(wanted: &str, have: &str) -> bool {
    if wanted == have {
        return true;
    }
    let sorted = |categories: &str| {
        let mut list: Vec<String> = categories.split(',').map(str::to_owned).collect();
        list.sort();
        list
    };
    match (wanted.split_once(':'), have.split_once(':')) {
        (Some((level, categories)), Some((own, own_categories))) => {
            level == own && sorted(categories) == sorted(own_categories)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_have_no_order() {
        assert!(same_level("s0:c6,c0", "s0:c0,c6"));
        assert!(!same_level("s0:c6,c0", "s1:c0,c6"));
        assert!(!same_level("s0", "s1"));
    }
}
