//! Containers.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    at::At,
    errors::{Errors, quote},
    names,
    pod::{self, port_or_name},
    resources, volume,
};

/// The volumes of a pod by name.
pub(super) type Volumes<'a> = BTreeMap<&'a str, At<'a>>;

/// The containers that make up a pod.
pub(super) fn containers(list: &At<'_>, volumes: &Volumes<'_>, errors: &mut Errors) {
    if list.is_empty() {
        return errors.required(list, "");
    }
    let mut seen = BTreeSet::new();
    for container in list.items() {
        common(&container, volumes, errors);
        if !seen.insert(container.get("name").text()) {
            errors.duplicate(&container.get("name"));
        }
        hooks_and_probes(&container, errors);
    }
    host_ports(list.items().collect(), errors);
}

/// The containers that run before them, or beside them if they restart always.
pub(super) fn init_containers(list: &At<'_>, regular: &At<'_>, volumes: &Volumes<'_>, errors: &mut Errors) {
    const SIDECARS_ONLY: &str = "may not be set for init containers without restartPolicy=Always";
    let mut seen: BTreeSet<&str> = regular.items().map(|c| c.get("name").text()).collect();
    for container in list.items() {
        common(&container, volumes, errors);
        let restart = container.get("restartPolicy");
        if restart.is_set() {
            errors.one_of(&restart, &["Always", "Never", "OnFailure"]);
        }
        if !seen.insert(container.get("name").text()) {
            errors.duplicate(&container.get("name"));
        }
        host_ports(vec![container.clone()], errors);
        if restart.text() == "Always" {
            hooks_and_probes(&container, errors);
            continue;
        }
        for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if container.get(name).is_set() {
                errors.forbidden(&container.get(name), SIDECARS_ONLY);
            }
        }
    }
}

fn common(container: &At<'_>, volumes: &Volumes<'_>, errors: &mut Errors) {
    let name = container.get("name");
    if name.is_empty() {
        errors.required(&name, "");
    } else {
        errors.invalid_each(&name, &names::label(name.text()));
    }
    if container.get("image").is_empty() {
        errors.required(&container.get("image"), "");
    }
    pod::errors_for_choice(
        &container.get("terminationMessagePolicy"),
        &["File", "FallbackToLogsOnError"],
        errors,
    );
    ports(&container.get("ports"), errors);
    environment(&container.get("env"), errors);
    environment_from(&container.get("envFrom"), errors);
    mounts(container, volumes, errors);
    devices(container, volumes, errors);
    pod::errors_for_choice(
        &container.get("imagePullPolicy"),
        &["Always", "IfNotPresent", "Never"],
        errors,
    );
    resources::requirements(&container.get("resources"), errors);
    security(&container.get("securityContext"), errors);
}

fn ports(list: &At<'_>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for port in list.items() {
        let name = port.get("name");
        if !name.is_empty() {
            let messages = names::port_name(name.text());
            if !messages.is_empty() {
                errors.invalid_each(&name, &messages);
            } else if !seen.insert(name.text()) {
                errors.duplicate(&name);
            }
        }
        let (own, host) = (port.get("containerPort"), port.get("hostPort"));
        if own.number() == 0 {
            errors.required(&own, "");
        } else {
            errors.invalid_each(&own, &names::port(own.number()));
        }
        if host.number() != 0 {
            errors.invalid_each(&host, &names::port(host.number()));
        }
        pod::errors_for_choice(&port.get("protocol"), &["SCTP", "TCP", "UDP"], errors);
        let address = port.get("hostIP");
        if !address.is_empty() {
            errors.invalid_each(&address, &names::ip(address.text()));
        }
    }
}

fn host_ports(list: Vec<At<'_>>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for container in list {
        for port in container.get("ports").items() {
            let host = port.get("hostPort");
            let key = format!(
                "{}/{}/{}",
                port.get("protocol").text(),
                port.get("hostIP").text(),
                host.number()
            );
            if host.number() != 0 && !seen.insert(key.clone()) {
                errors.duplicate_as(&host, &quote(&key), "");
            }
        }
    }
}

fn environment(list: &At<'_>, errors: &mut Errors) {
    for variable in list.items() {
        let name = variable.get("name");
        if name.is_empty() {
            errors.required(&name, "");
        } else {
            errors.invalid_each(&name, &names::variable(name.text()));
        }
        let from = variable.get("valueFrom");
        if from.is_set() {
            value_from(&from, !variable.get("value").is_empty(), errors);
        }
    }
}

fn value_from(from: &At<'_>, has_value: bool, errors: &mut Errors) {
    let kinds = [
        "fieldRef",
        "resourceFieldRef",
        "configMapKeyRef",
        "secretKeyRef",
        "fileKeyRef",
    ];
    let given: Vec<&str> = kinds.into_iter().filter(|k| from.get(k).is_set()).collect();
    for kind in &given {
        let source = from.get(kind);
        match *kind {
            "fieldRef" => volume::field_reference(&source, ENVIRONMENT_FIELDS, errors),
            "resourceFieldRef" => volume::resource_reference(&source, false, errors),
            "configMapKeyRef" | "secretKeyRef" => key_reference(&source, errors),
            _ => {}
        }
    }
    if given.is_empty() {
        let text = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or \
                    `fileKeyRef`";
        errors.invalid_as(from, "\"\"", text);
    } else if has_value {
        errors.invalid_as(from, "\"\"", "may not be specified when `value` is not empty");
    } else if given.len() > 1 {
        errors.invalid_as(
            from,
            "\"\"",
            "may not have more than one field specified at a time",
        );
    }
}

const ENVIRONMENT_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

fn key_reference(at: &At<'_>, errors: &mut Errors) {
    let (name, key) = (at.get("name"), at.get("key"));
    for message in names::subdomain(name.text()) {
        errors.invalid_as(&name, &quote(name.text()), &message);
    }
    if key.is_empty() {
        errors.required(&key, "");
    } else {
        errors.invalid_each(&key, &names::config_key(key.text()));
    }
}

fn environment_from(list: &At<'_>, errors: &mut Errors) {
    for source in list.items() {
        let prefix = source.get("prefix");
        if !prefix.is_empty() {
            errors.invalid_each(&prefix, &names::variable(prefix.text()));
        }
        let given: Vec<&str> = ["configMapRef", "secretRef"]
            .into_iter()
            .filter(|k| source.get(k).is_set())
            .collect();
        for kind in &given {
            let name = source.get(kind).get("name");
            if name.is_empty() {
                errors.required(&name, "");
            } else {
                errors.invalid_each(&name, &names::subdomain(name.text()));
            }
        }
        // QUIRK: the path is that of the list.
        match given.len() {
            0 => errors.invalid_as(list, "\"\"", "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => errors.invalid_as(
                list,
                "\"\"",
                "may not have more than one field specified at a time",
            ),
        }
    }
}

fn mounts(container: &At<'_>, volumes: &Volumes<'_>, errors: &mut Errors) {
    let (list, devices) = (container.get("volumeMounts"), container.get("volumeDevices"));
    let mut seen = BTreeSet::new();
    for mount in list.items() {
        let (name, path) = (mount.get("name"), mount.get("mountPath"));
        if name.is_empty() {
            errors.required(&name, "");
        }
        if !volumes.contains_key(name.text()) {
            errors.not_found(&name.with(&serde_json::Value::from(name.text())));
        }
        if path.is_empty() {
            errors.required(&path, "");
        }
        if !seen.insert(path.text()) {
            errors.invalid(&path, "must be unique");
        }
        if devices.items().any(|d| d.get("name").text() == name.text()) {
            errors.invalid(&name, "must not already exist in volumeDevices");
        }
        if devices.items().any(|d| d.get("devicePath").text() == path.text()) {
            errors.invalid(&path, "must not already exist as a path in volumeDevices");
        }
        // QUIRK: the paths of these have no index.
        let place = |name: &str| At::new(format!("{}.{name}", list.path()), mount.get(name).value());
        if !mount.get("subPath").is_empty() {
            volume::descending_path(&place("subPath"), errors);
        }
        if !mount.get("subPathExpr").is_empty() {
            if !mount.get("subPath").is_empty() {
                errors.invalid(
                    &mount.get("subPathExpr"),
                    "subPathExpr and subPath are mutually exclusive",
                );
            }
            volume::descending_path(&place("subPathExpr"), errors);
        }
        propagation(container, &place("mountPropagation"), errors);
    }
}

fn propagation(container: &At<'_>, at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    let supported = ["Bidirectional", "HostToContainer", "None"];
    if !supported.contains(&at.text()) {
        return errors.unsupported(at, &supported);
    }
    if at.text() == "Bidirectional" && !container.get("securityContext.privileged").is_true() {
        errors.forbidden(
            at,
            "Bidirectional mount propagation is available only to privileged containers",
        );
    }
}

fn devices(container: &At<'_>, volumes: &Volumes<'_>, errors: &mut Errors) {
    let mut names_seen = BTreeSet::new();
    let mut paths_seen = BTreeSet::new();
    for device in container.get("volumeDevices").items() {
        let (name, path) = (device.get("name"), device.get("devicePath"));
        if name.is_empty() {
            errors.required(&name, "");
        }
        if !names_seen.insert(name.text()) {
            errors.invalid(&name, "must be unique");
        }
        match volumes.get(name.text()) {
            Some(source)
                if !source.get("persistentVolumeClaim").is_set() && !source.get("ephemeral").is_set() =>
            {
                errors.invalid(
                    &name,
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
                );
            }
            Some(_) => {}
            None => errors.not_found(&name),
        }
        if path.is_empty() {
            errors.required(&path, "");
        }
        if !paths_seen.insert(path.text()) {
            errors.invalid(&path, "must be unique");
        }
    }
}

fn security(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    pod::user_or_group(&at.get("runAsUser"), errors);
    pod::user_or_group(&at.get("runAsGroup"), errors);
    let mount = at.get("procMount");
    if mount.is_set() {
        errors.one_of(&mount, &["Default", "Unmasked"]);
    }
    pod::seccomp(&at.get("seccompProfile"), errors);
    let escalation = at.get("allowPrivilegeEscalation");
    if escalation.is_set() && !escalation.is_true() {
        let shown = super::internal::show("core.SecurityContext", at.value());
        if at.get("privileged").is_true() {
            let text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.invalid_as(at, &shown, text);
        }
        if at
            .get("capabilities.add")
            .items()
            .any(|c| c.text() == "CAP_SYS_ADMIN")
        {
            let text = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.invalid_as(at, &shown, text);
        }
    }
}

fn hooks_and_probes(container: &At<'_>, errors: &mut Errors) {
    for hook in ["postStart", "preStop"] {
        let at = container.get("lifecycle").get(hook);
        if at.is_set() {
            handler(&at, errors);
        }
    }
    for (name, once) in [
        ("livenessProbe", true),
        ("readinessProbe", false),
        ("startupProbe", true),
    ] {
        let at = container.get(name);
        if !at.is_set() {
            continue;
        }
        probe(&at, errors);
        if once && at.get("successThreshold").number() != 1 {
            errors.invalid(&at.get("successThreshold"), "must be 1");
        }
        if !once && at.get("terminationGracePeriodSeconds").is_set() {
            errors.invalid(
                &at.get("terminationGracePeriodSeconds"),
                "must not be set for readinessProbes",
            );
        }
    }
}

fn probe(at: &At<'_>, errors: &mut Errors) {
    handler(at, errors);
    for name in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        errors.not_negative(&at.get(name));
    }
    let grace = at.get("terminationGracePeriodSeconds");
    if grace.int().is_some_and(|n| n <= 0) {
        errors.invalid(&grace, "must be greater than 0");
    }
}

fn handler(at: &At<'_>, errors: &mut Errors) {
    let mut found = false;
    for kind in ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] {
        let action = at.get(kind);
        if !action.is_set() {
            continue;
        }
        if found {
            errors.forbidden(&action, "may not specify more than 1 handler type");
            continue;
        }
        found = true;
        match kind {
            "exec" if action.get("command").is_empty() => errors.required(&action.get("command"), ""),
            "httpGet" => http_get(&action, errors),
            "tcpSocket" => port_or_name(&action.get("port"), errors),
            "grpc" => port_or_name(&action.get("port"), errors),
            _ => {}
        }
    }
    if !found {
        errors.required(at, "must specify a handler type");
    }
}

fn http_get(at: &At<'_>, errors: &mut Errors) {
    if at.get("path").is_empty() {
        errors.required(&at.get("path"), "");
    }
    port_or_name(&at.get("port"), errors);
    errors.one_of(&at.get("scheme"), &["HTTP", "HTTPS"]);
    for header in at.get("httpHeaders").items() {
        let name = header.get("name");
        // QUIRK: the path is that of the list, without an index.
        let place = At::new(format!("{}.httpHeaders", at.path()), name.value());
        errors.invalid_each(&place, &names::header(name.text()));
    }
}
