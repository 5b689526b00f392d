//! The choice: the first constraint that somebody may use and under which the whole pod is fine.

use manifest::object;
use serde_json::Value;

use crate::{
    RESOURCE,
    constraint::Constraint,
    order,
    problem::{aggregate, forbidden},
    provider::Provider,
    ranges,
};

/// The annotation that pins a pod to one constraint.
const REQUIRED: &str = "openshift.io/required-scc";
/// The annotation that says which constraint let the pod in.
const CHOSEN: &str = "openshift.io/scc";
/// The annotation that says whose right it was.
const CHOSEN_FOR: &str = "security.openshift.io/validated-scc-subject-type";

/// Somebody who may have the right to use a constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user's name.
    pub name: String,
    /// The user's groups.
    pub groups: Vec<String>,
}

/// What a pod is judged by.
pub struct Request<'a> {
    /// The Namespace object.
    pub namespace: &'a Value,
    /// All constraints of the cluster, in any order.
    pub constraints: &'a [Constraint],
    /// Who asks.
    pub user: &'a Subject,
    /// Whether a rule lets the subject `use` the constraint of this name in the namespace.
    pub may_use: &'a dyn Fn(&Subject, &str) -> bool,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("user", self.user)
            .finish_non_exhaustive()
    }
}

/// Whether a write needs no judgement: `old` is the pod before an update.
pub fn skips(subresource: &str, pod: &Value, old: Option<&Value>) -> bool {
    const IGNORED: [&str; 8] = [
        "exec",
        "attach",
        "binding",
        "eviction",
        "log",
        "portforward",
        "proxy",
        "status",
    ];
    if IGNORED.contains(&subresource) {
        return true;
    }
    if pod.pointer("/spec/os/name").and_then(Value::as_str) == Some("windows") {
        return true;
    }
    old.is_some_and(|old| only_housekeeping(pod, old))
}

/// Whether an update touches nothing but scheduling gates, owners, finalizers and a network's annotations.
fn only_housekeeping(pod: &Value, old: &Value) -> bool {
    const NETWORKS: &str = "k8s.ovn.org/pod-networks";
    let bare = |pod: &Value| {
        let mut pod = pod.clone();
        object::map_at(&mut pod, &["spec"]).remove("schedulingGates");
        let meta = object::map_at(&mut pod, &["metadata"]);
        for key in [
            "ownerReferences",
            "finalizers",
            "managedFields",
            "resourceVersion",
        ] {
            meta.remove(key);
        }
        if let Some(own) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
            own.remove(NETWORKS);
            if own.is_empty() {
                meta.remove("annotations");
            }
        }
        pod
    };
    bare(pod) == bare(old)
}

/// Fills the pod in under the constraint that lets it in; the error is why none does.
///
/// # Errors
/// The text that follows `is forbidden: ` in the server's answer.
pub fn admit(request: &Request<'_>, pod: &mut Value, old: Option<&Value>) -> Result<(), String> {
    let required = required(pod).to_owned();
    if let Some(old) = old
        && required != self::required(old)
    {
        return Err(format!(
            "invalid change of required security context constraint annotation: {REQUIRED}"
        ));
    }
    let mode = if old.is_none() { Mode::Create } else { Mode::Keep };
    match choose(request, pod, mode, &required, "")? {
        Ok(choice) => {
            *pod = choice.pod;
            let annotations = object::map_at(pod, &["metadata", "annotations"]);
            annotations.insert(CHOSEN.to_owned(), choice.name.into());
            annotations.insert(CHOSEN_FOR.to_owned(), choice.subject.into());
            Ok(())
        }
        Err(problems) => Err(format!(
            "unable to validate against any security context constraint: {}",
            aggregate(&problems)
        )),
    }
}

/// Judges the pod as all of admission has left it, without changing it.
///
/// # Errors
/// The text that follows `is forbidden: ` in the server's answer.
pub fn validate(request: &Request<'_>, pod: &Value) -> Result<(), String> {
    let required = required(pod);
    let chosen = object::annotation(pod, CHOSEN).unwrap_or_default();
    if !required.is_empty() && required != chosen {
        return Err(format!(
            "required scc/{required} does not match the suggested scc/{chosen}"
        ));
    }
    match choose(request, pod, Mode::Keep, required, chosen)? {
        Ok(_) => Ok(()),
        Err(problems) => Err(format!(
            "unable to validate against any security context constraint: [{}]",
            problems.join(" ")
        )),
    }
}

fn required(pod: &Value) -> &str {
    object::annotation(pod, REQUIRED).unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The pod may be changed.
    Create,
    /// Only a constraint under which it stays as it is will do.
    Keep,
}

struct Choice {
    pod: Value,
    name: String,
    subject: &'static str,
}

/// The outer error ends the search; the inner one is what each constraint had to say.
fn choose(
    request: &Request<'_>,
    pod: &Value,
    mode: Mode,
    required: &str,
    hint: &str,
) -> Result<Result<Choice, Vec<String>>, String> {
    let constraints = candidates(request, required, hint)?;
    if let Some(key) = ranges::missing(request.namespace) {
        let name = object::name(request.namespace);
        return Err(format!(
            "error fetching namespace {name:?}: unable to find annotation {key}"
        ));
    }
    let mut failed = Vec::new();
    let mut providers = Vec::new();
    for constraint in constraints {
        match Provider::new(constraint, request.namespace) {
            Ok(provider) => providers.push(provider),
            Err(problem) => failed.push(problem),
        }
    }
    if !failed.is_empty() {
        return Err(aggregate(&failed));
    }
    let mut problems = Vec::new();
    let mut denied = false;
    for provider in &providers {
        let own = &provider.own;
        let Some(subject) = subject(request, own, pod) else {
            denied |= own.name == "restricted";
            let path = format!("provider {:?}", own.name);
            problems.push(forbidden(&path, "not usable by user or serviceaccount"));
            continue;
        };
        match provider.apply(pod) {
            Ok(next) if mode == Mode::Create || next == *pod => {
                return Ok(Ok(Choice {
                    pod: next,
                    name: own.name.clone(),
                    subject,
                }));
            }
            Ok(_) => {}
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(hint_at_restricted(&providers, denied, pod));
    Ok(Err(problems))
}

/// Old workloads ran under `restricted`; who may no longer use it learns that it would have been the way.
fn hint_at_restricted(providers: &[Provider], denied: bool, pod: &Value) -> Option<String> {
    let find = |name: &str| providers.iter().find(|provider| provider.own.name == name);
    find("restricted-v2").filter(|_| denied)?;
    find("restricted")?.apply(pod).ok()?;
    Some(forbidden(
        "no access to scc/restricted",
        "the pod fails to validate against the `restricted-v2` security context constraint, but would validate successfully against the `restricted` security context constraint",
    ))
}

/// The constraints in the order in which they are tried.
fn candidates<'a>(request: &Request<'a>, required: &str, hint: &str) -> Result<Vec<&'a Constraint>, String> {
    const STANDARD: [&str; 10] = [
        "anyuid",
        "hostaccess",
        "hostmount-anyuid",
        "hostnetwork",
        "hostnetwork-v2",
        "nonroot",
        "nonroot-v2",
        "privileged",
        "restricted",
        "restricted-v2",
    ];
    let all = request.constraints;
    let missing: Vec<&str> = STANDARD
        .into_iter()
        .filter(|name| !all.iter().any(|own| own.name == *name))
        .collect();
    if !missing.is_empty() {
        return Err(format!("{RESOURCE} cache is missing {}", missing.join(", ")));
    }
    if !required.is_empty() {
        let found = all.iter().find(|own| own.name == required);
        return found.map(|own| vec![own]).ok_or_else(|| {
            format!("failed to retrieve the required SCC {required:?}: {RESOURCE} {required:?} not found")
        });
    }
    let mut sorted: Vec<&Constraint> = all.iter().collect();
    order::sort(&mut sorted);
    sorted.sort_by_key(|own| own.name != hint);
    Ok(sorted)
}

/// Whose right it is to use a constraint: first the pod's ServiceAccount is asked, then the user.
fn subject(request: &Request<'_>, own: &Constraint, pod: &Value) -> Option<&'static str> {
    let applies = |subject: &Subject| {
        own.users.contains(&subject.name)
            || subject.groups.iter().any(|group| own.groups.contains(group))
            || (request.may_use)(subject, &own.name)
    };
    let account = pod
        .pointer("/spec/serviceAccountName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !account.is_empty() {
        let namespace = object::name(request.namespace);
        // QUIRK: this account is not among the authenticated, so what is granted to all of them is the user's right.
        let account = Subject {
            name: format!("system:serviceaccount:{namespace}:{account}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
            ],
        };
        if applies(&account) {
            return Some("serviceaccount");
        }
    }
    applies(request.user).then_some("user")
}
