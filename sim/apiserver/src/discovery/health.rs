//! Health: one check after the other, all of them well, and the paths that are no API.

use crate::{dispatch::Reply, request::Incoming};

/// Checks before the hooks, by the endpoint that has them.
const FIRST: [(&str, &[&str]); 3] = [
    (
        "healthz",
        &["ping", "log", "loopback-serving-certificate", "etcd"],
    ),
    ("livez", &["ping", "log", "loopback-serving-certificate", "etcd"]),
    ("readyz", &["ping", "log", "informer-sync"]),
];

/// What starts with the server, in the order in which it is checked.
const CHECKS: [&str; 31] = [
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/priority-and-fairness-filter",
    "poststarthook/storage-object-count-tracker-hook",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/peer-endpoint-reconciler-controller",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-apiserver-identity-lease-controller",
    "poststarthook/start-kube-apiserver-identity-lease-garbage-collector",
    "poststarthook/storage-readiness",
    "poststarthook/start-legacy-token-tracking-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/priority-and-fairness-config-producer",
    "poststarthook/bootstrap-controller",
    "poststarthook/start-kubernetes-service-cidr-controller",
    "poststarthook/start-kube-aggregator-informers",
    "poststarthook/apiservice-status-local-available-controller",
    "poststarthook/apiservice-status-remote-available-controller",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-wait-for-first-sync",
    "poststarthook/apiservice-discovery-controller",
    "poststarthook/kube-apiserver-autoregistration",
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
];

/// The checks of an endpoint in order; nothing if it is none.
fn checks(endpoint: &str) -> Vec<&'static str> {
    let Some((_, first)) = FIRST.iter().find(|(name, _)| *name == endpoint) else {
        return Vec::new();
    };
    let last = if endpoint == "readyz" {
        &["shutdown"][..]
    } else {
        &[]
    };
    first.iter().chain(&CHECKS).chain(last).copied().collect()
}

/// Serves `/livez`, `/livez/ping` and the like; `None` for other paths.
pub(super) fn serve(request: &Incoming) -> Option<Reply> {
    let path = request.path.strip_prefix('/')?;
    let (endpoint, check) = match path.split_once('/') {
        Some((endpoint, check)) => (endpoint, Some(check)),
        None => (path, None),
    };
    let checks = checks(endpoint);
    if checks.is_empty() {
        return None;
    }
    match check {
        Some(check) if checks.contains(&check) => Some(Reply::text(200, "ok")),
        Some(_) => None,
        None if request.query.has("verbose") => Some(Reply::text(200, verbose(endpoint, &checks, request))),
        None => Some(Reply::text(200, "ok")),
    }
}

fn verbose(endpoint: &str, checks: &[&str], request: &Incoming) -> String {
    let excluded: Vec<&str> = request.query.all("exclude").collect();
    let mut text = String::new();
    for check in checks {
        let note = if excluded.contains(check) {
            " excluded:"
        } else {
            ""
        };
        text.push_str(&format!("[+]{check}{note} ok\n"));
    }
    let mut unknown: Vec<String> = excluded
        .iter()
        .filter(|name| !checks.contains(name))
        .map(|name| format!("{name:?}"))
        .collect();
    unknown.sort();
    unknown.dedup();
    if !unknown.is_empty() {
        let list = unknown.join(",");
        text.push_str(&format!(
            "warn: some health checks cannot be excluded: no matches for {list}\n"
        ));
    }
    text.push_str(&format!("{endpoint} check passed\n"));
    text
}

/// All paths of health.
pub(super) fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    for (endpoint, _) in FIRST {
        paths.push(format!("/{endpoint}"));
        paths.extend(
            checks(endpoint)
                .iter()
                .map(|check| format!("/{endpoint}/{check}")),
        );
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Query;

    fn text(path: &str, query: &str) -> Option<String> {
        let request = Incoming {
            path: path.to_owned(),
            query: Query::parse(query),
            ..Incoming::default()
        };
        match serve(&request)? {
            Reply::Raw { code: 200, body, .. } => Some(String::from_utf8_lossy(&body).into_owned()),
            _ => None,
        }
    }

    #[test]
    fn checks_are_told_one_by_one() {
        assert_eq!(text("/livez", "").as_deref(), Some("ok"));
        assert_eq!(text("/livez/ping", "").as_deref(), Some("ok"));
        assert_eq!(text("/livez/pong", ""), None);
        assert_eq!(text("/healthz/", ""), None);
        let verbose = text("/readyz", "verbose&exclude=log&exclude=nope").unwrap();
        assert!(verbose.starts_with("[+]ping ok\n[+]log excluded: ok\n[+]informer-sync ok\n"));
        let end = "[+]shutdown ok\nwarn: some health checks cannot be excluded: no matches for \"nope\"\n\
                   readyz check passed\n";
        assert!(verbose.ends_with(end), "{verbose}");
    }
}
