//! Cells of rules: RBAC, admission, flow control, and the scale of anything.

use serde_json::Value;

use super::look::{Look, field, join};

pub(super) fn role_binding(look: &Look<'_>) -> Vec<Value> {
    let role = format!("{}/{}", look.text("/roleRef/kind"), look.text("/roleRef/name"));
    let subjects = look.list("/subjects");
    let of = |kind: &str| {
        let own = subjects.iter().filter(|subject| field(subject, "kind") == kind);
        let names = own.map(|subject| match (kind, field(subject, "name")) {
            ("ServiceAccount", name) => format!("{}/{name}", field(subject, "namespace")),
            (_, name) => name.to_owned(),
        });
        Value::from(join(names, ", "))
    };
    let mut cells = vec![look.name(), role.into(), look.age()];
    cells.extend(["User", "Group", "ServiceAccount"].map(of));
    cells
}

pub(super) fn webhooks(look: &Look<'_>) -> Vec<Value> {
    vec![look.name(), look.count("/webhooks").into(), look.age()]
}

fn parameter_kind(look: &Look<'_>) -> Value {
    look.at("/spec/paramKind").map_or_else(
        || "<unset>".into(),
        |kind| format!("{}/{}", field(kind, "apiVersion"), field(kind, "kind")).into(),
    )
}

pub(super) fn validating_policy(look: &Look<'_>) -> Vec<Value> {
    vec![
        look.name(),
        look.count("/spec/validations").into(),
        parameter_kind(look),
        look.age(),
    ]
}

pub(super) fn mutating_policy(look: &Look<'_>) -> Vec<Value> {
    vec![
        look.name(),
        look.count("/spec/mutations").into(),
        parameter_kind(look),
        look.age(),
    ]
}

pub(super) fn policy_binding(look: &Look<'_>) -> Vec<Value> {
    let parameter = match look.at("/spec/paramRef") {
        None => "<unset>".to_owned(),
        Some(parameter) => match (field(parameter, "namespace"), field(parameter, "name")) {
            (_, "") => match parameter.get("selector") {
                Some(selector) => go_selector(selector),
                None => "<unset>".to_owned(),
            },
            ("", name) => format!("*/{name}"),
            (namespace, name) => format!("{namespace}/{name}"),
        },
    };
    vec![
        look.name(),
        look.text("/spec/policyName").into(),
        parameter.into(),
        look.age(),
    ]
}

/// QUIRK: here a selector is shown as Go prints the struct.
fn go_selector(selector: &Value) -> String {
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    let labels = labels.map(|(key, value)| format!("{key}: {},", value.as_str().unwrap_or_default()));
    let terms = selector.get("matchExpressions").and_then(Value::as_array);
    let terms = terms.into_iter().flatten().map(|term| {
        let values = term.get("values").and_then(Value::as_array);
        let values = values.into_iter().flatten().filter_map(Value::as_str);
        format!(
            "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{}],}},",
            field(term, "key"),
            field(term, "operator"),
            join(values, " ")
        )
    });
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{}}},MatchExpressions:[]LabelSelectorRequirement{{{}}},}}",
        join(labels, ""),
        join(terms, "")
    )
}

pub(super) fn flow_schema(look: &Look<'_>) -> Vec<Value> {
    vec![
        look.name(),
        look.text("/spec/priorityLevelConfiguration/name").into(),
        look.number("/spec/matchingPrecedence").into(),
        look.text_or("/spec/distinguisherMethod/type", "<none>").into(),
        look.age(),
        look.condition("Dangling").unwrap_or("?").into(),
    ]
}

/// Lists of them are shown in the order in which they are tried.
pub(super) fn sort_flow_schemas(items: &mut [&Value]) {
    items.sort_by_key(|item| {
        let precedence = item
            .pointer("/spec/matchingPrecedence")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        (precedence, manifest::object::name(item).to_owned())
    });
}

pub(super) fn priority_level(look: &Look<'_>) -> Vec<Value> {
    let number = |pointer: &str| look.at(pointer).cloned();
    let limited = look.at("/spec/limited").is_some();
    let queuing = look.at("/spec/limited/limitResponse/queuing").is_some();
    let cell = |there: bool, pointer: &str| match there {
        true => number(pointer).unwrap_or_else(|| 0.into()),
        false => "<none>".into(),
    };
    let mut cells = vec![
        look.name(),
        look.text("/spec/type").into(),
        cell(limited, "/spec/limited/nominalConcurrencyShares"),
    ];
    for key in ["queues", "handSize", "queueLengthLimit"] {
        let pointer = format!("/spec/limited/limitResponse/queuing/{key}");
        cells.push(cell(queuing, &pointer));
    }
    cells.push(look.age());
    cells
}

pub(super) fn scale(look: &Look<'_>) -> Vec<Value> {
    vec![
        look.name(),
        look.number("/spec/replicas").into(),
        look.number("/status/replicas").into(),
        look.age(),
    ]
}
