//! Which constraint is tried first: the one of higher priority, then the stricter one, then by name.

use std::cmp::Reverse;

use crate::constraint::Constraint;

/// Brings constraints into the order in which a pod meets them.
pub(crate) fn sort(constraints: &mut [&Constraint]) {
    constraints.sort_by_cached_key(|own| (Reverse(own.priority), points(own), own.name.clone()));
}

/// How much a constraint lets through; the weights are such that no sum of small ones outweighs a great one.
fn points(own: &Constraint) -> i64 {
    let flag = |set: bool, weight: i64| if set { weight } else { 0 };
    flag(own.privileged, 1_600_000)
        + flag(own.host_ports, 800_000)
        + flag(own.host_network, 400_000)
        + volumes(&own.volumes)
        + strategy(&own.se_linux.kind)
        + strategy(&own.run_as.kind)
        + capabilities(own)
}

fn volumes(kinds: &[String]) -> i64 {
    const TRIVIAL: [&str; 6] = [
        "secret",
        "configMap",
        "emptyDir",
        "downwardAPI",
        "projected",
        "none",
    ];
    if kinds.iter().any(|kind| kind == "hostPath" || kind == "*") {
        return 200_000;
    }
    if kinds.iter().any(|kind| !TRIVIAL.contains(&kind.as_str())) {
        return 100_000;
    }
    0
}

fn strategy(kind: &str) -> i64 {
    match kind {
        "RunAsAny" => 40_000,
        "MustRunAsNonRoot" => 30_000,
        "MustRunAsRange" => 20_000,
        "MustRunAs" => 10_000,
        _ => 0,
    }
}

fn capabilities(own: &Constraint) -> i64 {
    let has = |list: &[String], wanted: &str| list.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    let count = |list: &[String]| i64::try_from(list.len()).unwrap_or(i64::from(u16::MAX));
    let allowed = if has(&own.capabilities_allowed, "*") || has(&own.capabilities_allowed, "ALL") {
        4_000
    } else {
        10 * count(&own.capabilities_allowed)
    };
    let dropped = if has(&own.capabilities_dropped, "ALL") {
        3_000
    } else {
        50 * count(&own.capabilities_dropped)
    };
    (5_000 + 300 * count(&own.capabilities_added) + allowed - dropped).clamp(0, 9_999)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defaults;

    #[test]
    fn the_default_set_is_tried_in_the_observed_order() {
        let all: Vec<Constraint> = defaults::constraints().iter().map(Constraint::read).collect();
        let mut sorted: Vec<&Constraint> = all.iter().collect();
        sort(&mut sorted);
        let names: Vec<&str> = sorted.iter().map(|own| own.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "anyuid",
                "restricted-v2",
                "restricted-v3",
                "restricted",
                "nonroot-v2",
                "nonroot",
                "hostmount-anyuid",
                "hostnetwork-v2",
                "hostnetwork",
                "hostaccess",
                "privileged"
            ]
        );
    }

    #[test]
    fn capabilities_never_outweigh_a_strategy() {
        let mut own = Constraint {
            capabilities_added: vec!["X".to_owned(); 100],
            ..Constraint::default()
        };
        assert_eq!(capabilities(&own), 9_999);
        own.capabilities_added.clear();
        own.capabilities_dropped = vec!["X".to_owned(); 200];
        assert_eq!(capabilities(&own), 0);
    }
}
