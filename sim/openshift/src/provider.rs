//! One constraint at work on one pod: first what is left open is filled in, then the whole is judged.

use manifest::object;
use serde_json::{Value, json};

use crate::{
    constraint::Constraint,
    context::{self, CONTAINERS, containers},
    problem::invalid,
    ranges,
    strategy::{capabilities, group, seccomp, selinux, sysctl, user},
    volumes,
};

/// A constraint made concrete for a namespace.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) own: Constraint,
}

impl Provider {
    pub(crate) fn new(constraint: &Constraint, namespace: &Value) -> Result<Self, String> {
        let own = ranges::fill(constraint, namespace)?;
        let checked = user::check(&own.run_as)
            .and_then(|()| selinux::check(&own.se_linux))
            .and_then(|()| group::check(&own.fs_group, "FSGroup"))
            .and_then(|()| group::check(&own.supplemental, "SupplementalGroups"));
        match checked {
            Ok(()) => Ok(Self { own }),
            Err(detail) => Err(format!(
                "error creating provider for SCC {} in namespace {}: {detail}",
                own.name,
                object::name(namespace)
            )),
        }
    }

    /// The pod as this constraint would have it, or what is wrong with it.
    pub(crate) fn apply(&self, pod: &Value) -> Result<Value, Vec<String>> {
        let mut pod = pod.clone();
        let path = format!("provider {}: ", self.own.name);
        self.fill_pod(&mut pod);
        let mut problems = self.judge_pod(&format!("{path}.spec"), &pod);
        for list in CONTAINERS {
            for at in 0..containers(&pod, list).len() {
                let Some(mut container) = containers(&pod, list).get(at).cloned() else {
                    continue;
                };
                self.fill_container(&pod, &mut container);
                let path = format!("{path}.{list}[{at}]");
                problems.extend(self.judge_container(&path, &pod, &container));
                if let Some(place) = pod
                    .pointer_mut(&format!("/spec/{list}/{at}"))
                    .filter(|place| **place != container)
                {
                    *place = container;
                }
            }
        }
        if problems.is_empty() {
            Ok(pod)
        } else {
            Err(problems)
        }
    }

    fn fill_pod(&self, pod: &mut Value) {
        if context::of_pod(pod, "supplementalGroups").is_none()
            && let Some(group) = group::generate(&self.own.supplemental)
        {
            context::set_of_pod(pod, "supplementalGroups", json!([group]));
        }
        if context::of_pod(pod, "fsGroup").is_none()
            && let Some(group) = group::generate(&self.own.fs_group)
        {
            context::set_of_pod(pod, "fsGroup", group.into());
        }
        if context::of_pod(pod, "seLinuxOptions").is_none()
            && let Some(label) = selinux::generate(&self.own.se_linux)
        {
            context::set_of_pod(pod, "seLinuxOptions", label);
        }
        let profile = seccomp::generate(&self.own, pod);
        if !profile.is_empty() {
            if let Some(field) = context::seccomp_profile(&profile) {
                context::set_of_pod(pod, "seccompProfile", field);
            }
            object::map_at(pod, &["metadata", "annotations"])
                .insert(seccomp::OF_POD.to_owned(), profile.into());
        }
    }

    fn fill_container(&self, pod: &Value, container: &mut Value) {
        if context::effective(pod, container, "runAsUser").is_none()
            && let Some(user) = user::generate(&self.own.run_as)
        {
            context::set_own(container, "runAsUser", user.into());
        }
        if context::effective(pod, container, "seLinuxOptions").is_none()
            && let Some(label) = selinux::generate(&self.own.se_linux)
        {
            context::set_own(container, "seLinuxOptions", label);
        }
        if context::effective(pod, container, "runAsNonRoot").is_none() {
            let user = context::effective(pod, container, "runAsUser").and_then(Value::as_i64);
            let non_root = user.map_or(self.own.run_as.kind == "MustRunAsNonRoot", |user| user > 0);
            if non_root {
                context::set_own(container, "runAsNonRoot", true.into());
            }
        }
        if let Some(next) = capabilities::generate(&self.own, container) {
            context::set_own(container, "capabilities", next);
        }
        if self.own.read_only_root && context::own(container, "readOnlyRootFilesystem").is_none() {
            context::set_own(container, "readOnlyRootFilesystem", true.into());
        }
        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        let annotation = object::annotation(pod, &format!("{}{name}", seccomp::OF_CONTAINER));
        if let Some(profile) = annotation.and_then(context::seccomp_profile) {
            context::set_own(container, "seccompProfile", profile);
        }
        self.fill_escalation(container);
    }

    fn fill_escalation(&self, container: &mut Value) {
        if context::own(container, "allowPrivilegeEscalation").is_some() {
            return;
        }
        let privileged = context::own(container, "privileged").and_then(Value::as_bool) == Some(true);
        let adds_admin = context::own(container, "capabilities")
            .and_then(|own| own.get("add"))
            .and_then(Value::as_array)
            .is_some_and(|added| added.iter().any(|name| name == "CAP_SYS_ADMIN"));
        let default = self.own.escalation_default.filter(|_| !privileged && !adds_admin);
        let value = default.or(self.own.escalation.filter(|allowed| !allowed));
        if let Some(value) = value {
            context::set_own(container, "allowPrivilegeEscalation", value.into());
        }
    }

    fn judge_pod(&self, path: &str, pod: &Value) -> Vec<String> {
        let inner = format!("{path}.securityContext");
        let groups = |key: &str| -> Vec<i64> {
            match context::of_pod(pod, key) {
                Some(Value::Array(list)) => list.iter().filter_map(Value::as_i64).collect(),
                Some(one) => one.as_i64().into_iter().collect(),
                None => Vec::new(),
            }
        };
        let mut problems = group::validate(
            &self.own.fs_group,
            &format!("{inner}.fsGroup"),
            &groups("fsGroup"),
        );
        problems.extend(group::validate(
            &self.own.supplemental,
            &format!("{inner}.supplementalGroups"),
            &groups("supplementalGroups"),
        ));
        problems.extend(seccomp::validate_pod(&self.own, pod));
        problems.extend(selinux::validate(
            &self.own.se_linux,
            &format!("{inner}.seLinuxOptions"),
            context::of_pod(pod, "seLinuxOptions"),
        ));
        problems.extend(self.shares_network(path, pod));
        problems.extend(self.shares_processes(path, pod));
        let users = pod.pointer("/spec/hostUsers").filter(|value| !value.is_null());
        if self.own.own_users && users != Some(&Value::Bool(false)) {
            let shown = users.map_or_else(|| "null".to_owned(), Value::to_string);
            problems.push(invalid(
                &format!("{path}.hostUsers"),
                shown,
                "Host Users must be set to false",
            ));
        }
        problems.extend(sysctl::validate(&self.own, pod));
        problems.extend(volumes::validate(&self.own, path, pod));
        problems
    }

    fn shares_network(&self, path: &str, pod: &Value) -> Option<String> {
        let at = format!("{path}.hostNetwork");
        (!self.own.host_network && context::spec_flag(pod, "hostNetwork"))
            .then(|| invalid(&at, true, "Host network is not allowed to be used"))
    }

    fn shares_processes(&self, path: &str, pod: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, allowed, what) in [
            ("hostPID", self.own.host_pid, "PID"),
            ("hostIPC", self.own.host_ipc, "IPC"),
        ] {
            if !allowed && context::spec_flag(pod, key) {
                let detail = format!("Host {what} is not allowed to be used");
                problems.push(invalid(&format!("{path}.{key}"), true, detail));
            }
        }
        problems
    }

    fn judge_container(&self, path: &str, pod: &Value, container: &Value) -> Vec<String> {
        let held = |key: &str| context::effective(pod, container, key);
        let flag = |key: &str| context::own(container, key).and_then(Value::as_bool);
        let mut problems = Vec::new();
        problems.extend(user::validate(
            &self.own.run_as,
            path,
            held("runAsNonRoot").and_then(Value::as_bool),
            held("runAsUser").and_then(Value::as_i64),
        ));
        problems.extend(selinux::validate(
            &self.own.se_linux,
            &format!("{path}.seLinuxOptions"),
            held("seLinuxOptions"),
        ));
        problems.extend(seccomp::validate_container(&self.own, pod, container));
        if !self.own.privileged && flag("privileged") == Some(true) {
            let detail = "Privileged containers are not allowed";
            problems.push(invalid(&format!("{path}.privileged"), true, detail));
        }
        problems.extend(capabilities::validate(&self.own, path, container));
        problems.extend(self.shares_network(path, pod));
        if !self.own.host_ports {
            problems.extend(host_ports(path, pod));
        }
        problems.extend(self.shares_processes(path, pod));
        if self.own.read_only_root {
            let at = format!("{path}.readOnlyRootFilesystem");
            match flag("readOnlyRootFilesystem") {
                Some(true) => {}
                Some(false) => {
                    problems.push(invalid(&at, false, "ReadOnlyRootFilesystem must be set to true"));
                }
                None => {
                    let detail = "ReadOnlyRootFilesystem may not be nil and must be set to true";
                    problems.push(invalid(&at, "null", detail));
                }
            }
        }
        if self.own.escalation == Some(false) && flag("allowPrivilegeEscalation") != Some(false) {
            let shown = flag("allowPrivilegeEscalation").map_or("null", |_| "true");
            let detail = "Allowing privilege escalation for containers is not allowed";
            problems.push(invalid(
                &format!("{path}.allowPrivilegeEscalation"),
                shown,
                detail,
            ));
        }
        problems
    }
}

/// QUIRK: every container answers for the ports of all, so a path may name two containers.
fn host_ports(path: &str, pod: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for list in CONTAINERS {
        for (at, container) in containers(pod, list).iter().enumerate() {
            let ports = container.get("ports").and_then(Value::as_array);
            for port in ports.into_iter().flatten() {
                if let Some(number) = port["hostPort"].as_i64().filter(|number| *number > 0) {
                    problems.push(invalid(
                        &format!("{path}.{list}[{at}].hostPort"),
                        number,
                        "Host ports are not allowed to be used",
                    ));
                }
            }
        }
    }
    problems
}
