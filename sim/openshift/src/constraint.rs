//! A SecurityContextConstraints object, read.

use manifest::object;
use serde_json::Value;

/// One of the sets of rules that a pod may be judged by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraint {
    pub(crate) name: String,
    pub(crate) priority: i64,
    pub(crate) users: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) privileged: bool,
    pub(crate) host_network: bool,
    pub(crate) host_ports: bool,
    pub(crate) host_pid: bool,
    pub(crate) host_ipc: bool,
    /// Pods must run in a user namespace of their own.
    pub(crate) own_users: bool,
    pub(crate) read_only_root: bool,
    pub(crate) escalation: Option<bool>,
    pub(crate) escalation_default: Option<bool>,
    pub(crate) run_as: RunAs,
    pub(crate) se_linux: SeLinux,
    pub(crate) fs_group: Groups,
    pub(crate) supplemental: Groups,
    pub(crate) capabilities_allowed: Vec<String>,
    pub(crate) capabilities_added: Vec<String>,
    pub(crate) capabilities_dropped: Vec<String>,
    pub(crate) seccomp: Vec<String>,
    pub(crate) sysctls_allowed: Vec<String>,
    pub(crate) sysctls_forbidden: Vec<String>,
    pub(crate) volumes: Vec<String>,
    pub(crate) flex_drivers: Vec<String>,
}

/// `runAsUser`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RunAs {
    pub(crate) kind: String,
    pub(crate) uid: Option<i64>,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

/// `seLinuxContext`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SeLinux {
    pub(crate) kind: String,
    pub(crate) options: Option<Label>,
}

/// The four parts of an SELinux label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) level: String,
    pub(crate) role: String,
    pub(crate) kind: String,
    pub(crate) user: String,
}

/// `fsGroup` or `supplementalGroups`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    pub(crate) kind: String,
    /// Both ends belong to a range.
    pub(crate) ranges: Vec<(i64, i64)>,
}

impl Constraint {
    /// Reads an object; what is absent or of another type reads as empty.
    pub fn read(value: &Value) -> Self {
        let yes = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(false);
        let choice = |key: &str| value.get(key).and_then(Value::as_bool);
        Self {
            name: object::name(value).to_owned(),
            priority: value.get("priority").and_then(Value::as_i64).unwrap_or(0),
            users: strings(value, "users"),
            groups: strings(value, "groups"),
            privileged: yes("allowPrivilegedContainer"),
            host_network: yes("allowHostNetwork"),
            host_ports: yes("allowHostPorts"),
            host_pid: yes("allowHostPID"),
            host_ipc: yes("allowHostIPC"),
            own_users: text(value, "userNamespaceLevel") == "RequirePodLevel",
            read_only_root: yes("readOnlyRootFilesystem"),
            escalation: choice("allowPrivilegeEscalation"),
            escalation_default: choice("defaultAllowPrivilegeEscalation"),
            run_as: RunAs::read(value.get("runAsUser").unwrap_or(&Value::Null)),
            se_linux: SeLinux::read(value.get("seLinuxContext").unwrap_or(&Value::Null)),
            fs_group: Groups::read(value.get("fsGroup").unwrap_or(&Value::Null)),
            supplemental: Groups::read(value.get("supplementalGroups").unwrap_or(&Value::Null)),
            capabilities_allowed: strings(value, "allowedCapabilities"),
            capabilities_added: strings(value, "defaultAddCapabilities"),
            capabilities_dropped: strings(value, "requiredDropCapabilities"),
            seccomp: strings(value, "seccompProfiles"),
            sysctls_allowed: strings(value, "allowedUnsafeSysctls"),
            sysctls_forbidden: strings(value, "forbiddenSysctls"),
            volumes: strings(value, "volumes"),
            flex_drivers: list(value, "allowedFlexVolumes")
                .map(|entry| text(entry, "driver"))
                .collect(),
        }
    }

    pub(crate) fn allows_volume(&self, kind: &str) -> bool {
        self.volumes.iter().any(|own| own == kind || own == "*")
    }
}

impl RunAs {
    fn read(value: &Value) -> Self {
        let number = |key: &str| value.get(key).and_then(Value::as_i64);
        Self {
            kind: text(value, "type"),
            uid: number("uid"),
            min: number("uidRangeMin"),
            max: number("uidRangeMax"),
        }
    }
}

impl SeLinux {
    fn read(value: &Value) -> Self {
        Self {
            kind: text(value, "type"),
            options: value
                .get("seLinuxOptions")
                .filter(|own| own.is_object())
                .map(Label::read),
        }
    }
}

impl Label {
    pub(crate) fn read(value: &Value) -> Self {
        Self {
            level: text(value, "level"),
            role: text(value, "role"),
            kind: text(value, "type"),
            user: text(value, "user"),
        }
    }

    /// As a pod has it: empty parts are absent.
    pub(crate) fn write(&self) -> Value {
        let parts = [
            ("level", &self.level),
            ("role", &self.role),
            ("type", &self.kind),
            ("user", &self.user),
        ];
        parts
            .into_iter()
            .filter(|(_, own)| !own.is_empty())
            .map(|(key, own)| (key.to_owned(), Value::from(own.clone())))
            .collect()
    }
}

impl Groups {
    fn read(value: &Value) -> Self {
        let end = |range: &Value, key: &str| range.get(key).and_then(Value::as_i64).unwrap_or(0);
        Self {
            kind: text(value, "type"),
            ranges: list(value, "ranges")
                .map(|range| (end(range, "min"), end(range, "max")))
                .collect(),
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn strings(value: &Value, key: &str) -> Vec<String> {
    list(value, key)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
