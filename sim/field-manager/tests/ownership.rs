//! Who owns what after creates, updates and applies, and what is refused.

use std::collections::BTreeMap;

use field_manager::{
    ApplyError, ConvertError, FieldManager, Filter, PathElement, ResetFields, ScaleHandler, Set, Typed,
    Versions, with_entries,
};
use kube_schema::{Schema, TypeId, structural};
use serde_json::{Value, json};

struct Widgets(Schema, TypeId);

impl Versions for Widgets {
    fn typed(&self, api_version: &str) -> Option<Typed<'_>> {
        (api_version == "e.com/v1").then_some(Typed {
            schema: &self.0,
            ty: self.1,
        })
    }

    fn convert(&self, _: &Value, _: &str) -> Result<Value, ConvertError> {
        Err(ConvertError::MissingVersion)
    }
}

fn widgets() -> Widgets {
    let text = json!({"type": "string"});
    let (schema, ty) = structural(&json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "color": text, "size": {"type": "integer"}, "replicas": {"type": "integer"},
            "labels": {"type": "object", "additionalProperties": text},
            "set": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
            "list": {"type": "array", "items": text},
            "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
                "items": {"type": "object", "required": ["port"], "properties": {
                    "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}, "name": text}}},
        }},
        "status": {"type": "object", "properties": {"phase": text}},
    }}))
    .expect("a structural schema");
    Widgets(schema, ty)
}

fn with_manager<T>(subresource: &str, work: impl FnOnce(&FieldManager<'_>) -> T) -> T {
    let reset: ResetFields = BTreeMap::from([(
        "e.com/v1".to_owned(),
        Filter::Exclude(Set::of_fields(&[&["status"]])),
    )]);
    work(&FieldManager {
        versions: &widgets(),
        api_version: "e.com/v1",
        kind: "Widget",
        subresource,
        reset: &reset,
        empty: Ok(&json!({"apiVersion": "e.com/v1", "kind": "Widget"})),
    })
}

fn widget(spec: Value) -> Value {
    json!({"apiVersion": "e.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "n", "uid": "1"}, "spec": spec})
}

fn config(spec: Value) -> Value {
    json!({"apiVersion": "e.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
}

fn apply(
    live: Option<&Value>,
    config: &Value,
    manager: &str,
    force: bool,
) -> Result<Option<Value>, ApplyError> {
    let now = "2024-05-01T00:00:00Z".parse().expect("a time");
    let mut applied = with_manager("", |m| m.apply(live, config, manager, force, now))?;
    if let Some(applied) = &mut applied {
        applied["metadata"]["uid"] = json!("1");
    }
    Ok(applied)
}

fn applied(live: Option<&Value>, spec: Value, manager: &str) -> Value {
    apply(live, &config(spec), manager, true)
        .expect("no refusal")
        .expect("a change")
}

fn update(live: Option<&Value>, new: Value, manager: &str) -> Value {
    let now = "2024-05-01T00:00:09Z".parse().expect("a time");
    with_manager("", |m| m.update(live, new, manager, now))
}

fn owners(object: &Value) -> Vec<(String, Value)> {
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let owner = |e: &Value| {
        (
            format!(
                "{} {}",
                e["manager"].as_str().unwrap_or(""),
                e["operation"].as_str().unwrap_or("")
            ),
            e["fieldsV1"].clone(),
        )
    };
    entries.iter().map(owner).collect()
}

fn refusal(live: Option<&Value>, config: &Value) -> String {
    apply(live, config, "m", false)
        .expect_err("a refusal")
        .to_string()
}

#[test]
fn an_unchanged_apply_changes_nothing_at_all() {
    let spec =
        json!({"color": "red", "set": ["a", "b"], "ports": [{"port": 80, "name": "http"}], "list": []});
    let live = applied(None, spec.clone(), "m");
    assert_eq!(apply(Some(&live), &config(spec.clone()), "m", false), Ok(None));
    // Another who applies the same becomes an owner too, at no particular time.
    let shared = applied(Some(&live), spec, "n");
    assert_eq!(shared["spec"], live["spec"]);
    assert_eq!(shared["metadata"]["managedFields"][0].get("time"), None);
}

#[test]
fn what_is_given_up_goes_unless_another_owns_it() {
    let live = applied(
        None,
        json!({"labels": {"a": "1", "b": "2"}, "set": ["x", "y"], "size": 1}),
        "m",
    );
    let live = applied(Some(&live), json!({"labels": {"b": "2"}, "set": ["y"]}), "n");
    let live = applied(Some(&live), json!({"size": 1}), "m");
    assert_eq!(
        live["spec"],
        json!({"labels": {"b": "2"}, "set": ["y"], "size": 1})
    );
    let owned = json!({"f:spec": {"f:labels": {"f:b": {}}, "f:set": {"v:\"y\"": {}}}});
    assert!(owners(&live).contains(&("n Apply".to_owned(), owned)));
}

#[test]
fn conflicts_name_the_owner_and_the_path() {
    let live = applied(
        None,
        json!({"color": "red", "ports": [{"port": 80, "name": "a"}]}),
        "m1",
    );
    let mut edited = live.clone();
    edited["spec"]["size"] = json!(3);
    let live = update(Some(&live), edited, "editor");
    let one = refusal(Some(&live), &config(json!({"size": 4})));
    assert_eq!(
        one,
        "Apply failed with 1 conflict: conflict with \"editor\" using e.com/v1: .spec.size"
    );
    let many = refusal(
        Some(&live),
        &config(json!({"size": 4, "color": "blue", "ports": [{"port": 80, "name": "b"}]})),
    );
    assert_eq!(
        many,
        "Apply failed with 3 conflicts: conflicts with \"editor\" using e.com/v1:\n- .spec.size\nconflicts with \"m1\":\n- .spec.color\n- .spec.ports[port=80,protocol=\"TCP\"].name"
    );
}

#[test]
fn what_does_not_fit_is_refused_in_the_servers_words() {
    let prefix = "failed to create typed patch object (/w; e.com/v1, Kind=Widget): ";
    for (spec, text) in [
        (json!({"bogus": 1}), ".spec.bogus: field not declared in schema"),
        (
            json!({"color": {"x": 1_000_000}}),
            ".spec.color: expected string, got &value.valueUnstructured{Value:map[string]interface {}{\"x\":1e+06}}",
        ),
        (
            json!({"size": "x"}),
            ".spec.size: expected numeric (int or float), got string",
        ),
        (json!({"set": "a"}), ".spec.set: expected list, got &{a}"),
        (
            json!({"labels": ["a", 1]}),
            ".spec.labels: expected map, got &{[a 1]}",
        ),
        (
            json!({"set": ["a", "a"]}),
            ".spec.set: duplicate entries for key [=\"a\"]",
        ),
        (
            json!({"ports": [{"port": 80}, {"port": 80, "protocol": "TCP"}]}),
            ".spec.ports: duplicate entries for key [port=80,protocol=\"TCP\"]",
        ),
        (
            json!({"ports": [1]}),
            ".spec.ports: element 0: associative list with keys may not have non-map elements",
        ),
        (
            json!({"set": [null]}),
            ".spec.set: element 0: associative list without keys has an element that's an explicit null",
        ),
        (
            json!({"color": 1, "size": "x"}),
            "errors:\n  .spec.color: expected string, got &value.valueUnstructured{Value:1}\n  .spec.size: expected numeric (int or float), got string",
        ),
    ] {
        assert_eq!(refusal(None, &config(spec)), format!("{prefix}{text}"));
    }
    let mut other = config(json!({}));
    other["apiVersion"] = json!("e.com/v2");
    assert_eq!(
        refusal(None, &other),
        "invalid object type: e.com/v2, Kind=Widget"
    );
    assert_eq!(refusal(None, &json!({})), "invalid object type: /, Kind=");
    let mut managed = config(json!({}));
    managed["metadata"]["managedFields"] = json!([]);
    assert_eq!(refusal(None, &managed), "metadata.managedFields must be nil");
}

#[test]
fn items_keep_the_order_of_the_configuration() {
    for (live, config, want) in [
        (json!(["a", "b", "c"]), json!(["c", "a"]), json!(["b", "c", "a"])),
        (json!(["a", "c"]), json!(["a", "b", "c"]), json!(["a", "b", "c"])),
        (json!(["a", "b"]), json!(["x"]), json!(["a", "b", "x"])),
        (
            json!(["1", "a", "2", "b"]),
            json!(["b", "a"]),
            json!(["1", "2", "b", "a"]),
        ),
    ] {
        let live = widget(json!({"set": live}));
        assert_eq!(
            applied(Some(&live), json!({"set": config}), "m")["spec"]["set"],
            want
        );
    }
}

#[test]
fn what_was_there_before_the_first_apply_is_booked() {
    let live = widget(json!({"color": "red"}));
    let live = applied(Some(&live), json!({"size": 1}), "m");
    let names: Vec<_> = owners(&live).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["m Apply", "before-first-apply Update"]);
}

#[test]
fn updates_move_ownership_and_resets_forget_it() {
    let live = update(None, widget(json!({"color": "red", "size": 1})), "creator");
    assert_eq!(
        owners(&live),
        [(
            "creator Update".to_owned(),
            json!({"f:spec": {".": {}, "f:color": {}, "f:size": {}}})
        )]
    );
    let mut edited = live.clone();
    edited["spec"]["size"] = json!(2);
    edited["spec"].as_object_mut().expect("a map").remove("color");
    let live = update(Some(&live), edited.clone(), "editor");
    assert_eq!(
        owners(&live),
        [
            ("creator Update".to_owned(), json!({"f:spec": {}})),
            ("editor Update".to_owned(), json!({"f:spec": {"f:size": {}}}))
        ]
    );
    edited["metadata"]["managedFields"] = json!([{}]);
    assert_eq!(owners(&update(Some(&live), edited.clone(), "editor")), []);
    edited["metadata"]["managedFields"] = json!([{"manager": "x", "operation": "Nonsense"}]);
    assert_eq!(owners(&update(Some(&live), edited, "editor")).len(), 2);
}

#[test]
fn kubectl_takes_over_what_it_applied_on_the_client() {
    let mut object = widget(json!({"color": "red"}));
    let last = json!({"apiVersion": "e.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"color": "red"}});
    object["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": last.to_string()});
    let live = update(None, object, "kubectl-client-side-apply");
    let blue = config(json!({"color": "blue"}));
    assert!(apply(Some(&live), &blue, "other", false).is_err());
    let live = apply(Some(&live), &blue, "kubectl", false)
        .expect("forgiven")
        .expect("a change");
    let annotation = &live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    assert_eq!(annotation, &json!(format!("{blue}\n")));
    assert!(apply(Some(&live), &config(json!({"color": "green"})), "kubectl", false).is_ok());
}

#[test]
fn replicas_are_owned_through_the_scale() {
    let path = vec![PathElement::field("spec"), PathElement::field("replicas")];
    let paths = BTreeMap::from([("e.com/v1".to_owned(), path)]);
    let handler = ScaleHandler {
        api_version: "e.com/v1",
        paths: &paths,
    };
    let live = applied(None, json!({"replicas": 1, "size": 2}), "m");
    let scale = handler.to_scale(&live).expect("owners");
    assert_eq!(
        (&scale[0]["manager"], &scale[0]["apiVersion"]),
        (&json!("m"), &json!("autoscaling/v1"))
    );
    let mut taken = scale.clone();
    taken[0]["manager"] = json!("hpa");
    taken[0]["subresource"] = json!("scale");
    let parent = handler.to_parent(&live, &with_entries(taken)).expect("owners");
    assert_eq!(
        owners(&with_entries(parent)),
        [
            ("hpa Apply".to_owned(), json!({"f:spec": {"f:replicas": {}}})),
            ("m Apply".to_owned(), json!({"f:spec": {"f:size": {}}})),
        ]
    );
    let same = handler.to_parent(&live, &with_entries(scale)).expect("owners");
    assert_eq!(Value::Array(same), live["metadata"]["managedFields"]);
}
