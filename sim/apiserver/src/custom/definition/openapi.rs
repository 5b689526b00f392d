//! The keywords of a schema.

use serde_json::Value;

use super::{
    defaults, flag, invalid, invalid_text, list,
    rules::{self, Budget, Place},
    structural, text, unsupported,
};
use crate::failure::Cause;

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// What may stand at the root when the status is written by itself.
const AT_ROOT: [&str; 22] = [
    "description",
    "type",
    "format",
    "title",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "required",
    "items",
    "properties",
    "externalDocs",
    "example",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
];

/// Everything wrong with a schema at `path`, which is where the schema is a member of. One that is `known` was judged
/// before.
pub(super) fn check(schema: &Value, status: bool, known: bool, path: &str, causes: &mut Vec<Cause>) {
    if known {
        return;
    }
    let path = format!("{path}.openAPIV3Schema");
    let mut own = Vec::new();
    if status {
        root(schema, &path, &mut own);
    }
    if flag(schema, "nullable") {
        own.push(Cause::forbidden(
            format!("{path}.nullable"),
            "nullable cannot be true at the root",
        ));
    }
    let feasible = structural::feasible(schema);
    let mut sound = feasible;
    if feasible {
        let mut found = structural::check(schema, &path);
        if found.is_empty() {
            found = defaults::check(schema, &path);
        }
        sound = found.is_empty();
        own.extend(found);
    }
    let mut walk = Walk::default();
    let place = sound.then(|| Place::root(schema));
    walk.schema(schema, &path, &Context::default(), place.as_ref());
    own.append(&mut walk.causes);
    own.append(&mut walk.rules);
    own.extend(walk.budget.total(&path));
    causes.extend(own);
}

fn root(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let kind = text(schema, "type");
    if !kind.is_empty() && kind != "object" {
        causes.push(invalid_text(
            format!("{path}.type"),
            kind,
            "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled",
        ));
        return;
    }
    let foreign = schema
        .as_object()
        .into_iter()
        .flatten()
        .any(|(key, value)| !AT_ROOT.contains(&key.as_str()) && key != "nullable" && !value.is_null());
    if foreign {
        let detail = "only [Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength \
                      MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties \
                      ExternalDocs Example XPreserveUnknownFields XValidations] fields are allowed at the root of the \
                      schema if the status subresource is enabled";
        let shown = super::dump::schema(schema);
        causes.push(Cause::invalid(path, format!("Invalid value: {shown}: {detail}")));
    }
}

/// What the place of a schema means for it.
#[derive(Clone, Default)]
struct Context {
    nested: bool,
    /// Why there may be no defaults.
    no_defaults: Option<String>,
    meta: bool,
    /// The schema under which old and new cannot be told to belong together.
    uncorrelatable: Option<String>,
}

#[derive(Default)]
struct Walk {
    causes: Vec<Cause>,
    rules: Vec<Cause>,
    budget: Budget,
}

impl Walk {
    fn schema(&mut self, schema: &Value, path: &str, context: &Context, place: Option<&Place<'_>>) {
        let before = self.causes.len();
        self.keywords(schema, path, context);
        if flag(schema, "uniqueItems") {
            self.causes.push(Cause::forbidden(
                format!("{path}.uniqueItems"),
                "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
            ));
        }
        self.members(schema, path, context, place);
        self.branches(schema, path, context);
        self.items(schema, path, context, place);
        self.extensions(schema, path);
        list_types(schema, path, &mut self.causes);
        let own = list(schema, "x-kubernetes-validations");
        rules::keywords(schema, own, path, &mut self.causes);
        if let Some(place) = place.filter(|_| self.causes.len() == before && !own.is_empty()) {
            rules::compile(
                place,
                own,
                path,
                context.uncorrelatable.as_deref(),
                (&mut self.budget, &mut self.rules),
            );
        }
    }

    fn keywords(&mut self, schema: &Value, path: &str, context: &Context) {
        let kind = text(schema, "type");
        if !kind.is_empty() && !TYPES.contains(&kind) {
            self.causes
                .push(unsupported(format!("{path}.type"), kind, &TYPES));
        }
        if let Some(why) = context
            .no_defaults
            .as_ref()
            .filter(|_| schema.get("default").is_some())
        {
            self.causes.push(Cause::forbidden(
                format!("{path}.default"),
                &format!("must not be set {why}"),
            ));
        }
        for key in [
            "id",
            "additionalItems",
            "patternProperties",
            "definitions",
            "dependencies",
            "$ref",
        ] {
            let set = match schema.get(key) {
                None | Some(Value::Null) => false,
                Some(Value::Object(members)) => !members.is_empty() || key == "dependencies",
                Some(Value::String(own)) => !own.is_empty() || key == "$ref",
                Some(_) => true,
            };
            if set {
                self.causes.push(Cause::forbidden(
                    format!("{path}.{key}"),
                    &format!("{key} is not supported"),
                ));
            }
        }
        if kind == "null" {
            self.causes.push(Cause::forbidden(
                format!("{path}.type"),
                "type cannot be set to null, use nullable as an alternative",
            ));
        }
        if schema.get("items").is_some_and(Value::is_array) {
            self.causes.push(Cause::forbidden(
                format!("{path}.items"),
                "items must be a schema object and not an array",
            ));
        }
        if context.meta && flag(schema, "x-kubernetes-embedded-resource") {
            self.causes.push(Cause::forbidden(
                format!("{path}.x-kubernetes-embedded-resource"),
                "must not be used inside of resource meta",
            ));
        }
    }

    fn members(&mut self, schema: &Value, path: &str, context: &Context, place: Option<&Place<'_>>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        if let Some(rest) = schema.get("additionalProperties").filter(|rest| !rest.is_null()) {
            let field = format!("{path}.additionalProperties");
            if properties.is_some_and(|properties| !properties.is_empty()) && *rest != Value::Bool(true) {
                self.causes.push(Cause::forbidden(
                    &field,
                    "additionalProperties and properties are mutual exclusive",
                ));
            }
            let mut inner = context.below();
            if context.meta {
                inner.no_defaults = Some("inside additionalProperties applying to object metadata".into());
            }
            if rest.is_object() {
                let below = place.map(|place| place.within(rest));
                self.schema(rest, &field, &inner, below.as_ref());
            }
        }
        let embedded = flag(schema, "x-kubernetes-embedded-resource");
        for (name, property) in properties.into_iter().flatten() {
            let mut inner = context.below();
            let kind = text(schema, "x-kubernetes-map-type");
            if !["", "granular", "atomic"].contains(&kind) {
                inner.forbid(path);
            }
            if (!context.nested || embedded) && ["metadata", "kind", "apiVersion"].contains(&name.as_str()) {
                inner.meta = true;
                if !context.nested {
                    inner.no_defaults = Some(format!("in top-level {name}"));
                }
            }
            let below = place.map(|place| place.property(name, property));
            self.schema(
                property,
                &format!("{path}.properties[{name}]"),
                &inner,
                below.as_ref(),
            );
        }
    }

    fn branches(&mut self, schema: &Value, path: &str, context: &Context) {
        let inner = context.below();
        if let Some(not) = schema.get("not").filter(|not| not.is_object()) {
            self.schema(not, &format!("{path}.not"), &inner, None);
        }
        for key in ["allOf", "oneOf", "anyOf"] {
            for (at, branch) in list(schema, key).iter().enumerate() {
                self.schema(branch, &format!("{path}.{key}[{at}]"), &inner, None);
            }
        }
    }

    fn items(&mut self, schema: &Value, path: &str, context: &Context, place: Option<&Place<'_>>) {
        let mut inner = context.below();
        if text(schema, "x-kubernetes-list-type") != "map" {
            inner.forbid(path);
        }
        match schema.get("items") {
            Some(items) if items.is_object() => {
                let below = place.map(|place| place.within(items));
                self.schema(items, &format!("{path}.items"), &inner, below.as_ref());
            }
            Some(Value::Array(several)) => {
                for (at, items) in several.iter().enumerate() {
                    self.schema(items, &format!("{path}.items[{at}]"), &inner, None);
                }
            }
            _ => {}
        }
    }

    fn extensions(&mut self, schema: &Value, path: &str) {
        let preserve = "x-kubernetes-preserve-unknown-fields";
        if schema.get(preserve) == Some(&Value::Bool(false)) {
            self.causes.push(invalid(
                format!("{path}.{preserve}"),
                &Value::Bool(false),
                "must be true or undefined",
            ));
        }
        for (key, wanted, allowed) in [
            ("x-kubernetes-map-type", "object", &["atomic", "granular"][..]),
            ("x-kubernetes-list-type", "array", &["atomic", "set", "map"]),
        ] {
            let Some(own) = schema.get(key).and_then(Value::as_str) else {
                continue;
            };
            let kind = text(schema, "type");
            if kind != wanted {
                let detail = format!("must be {wanted} if {key} is specified");
                let field = format!("{path}.type");
                self.causes.push(if kind.is_empty() {
                    Cause::required(field, &detail)
                } else {
                    invalid_text(field, kind, &detail)
                });
            } else if own == "set" {
                atomic_items(schema, path, &mut self.causes);
            }
            if !allowed.contains(&own) {
                self.causes
                    .push(unsupported(format!("{path}.{key}"), own, allowed));
            }
        }
    }
}

impl Context {
    fn below(&self) -> Self {
        Self {
            nested: true,
            ..self.clone()
        }
    }

    fn forbid(&mut self, path: &str) {
        self.uncorrelatable.get_or_insert_with(|| path.to_owned());
    }
}

/// Items of a set are compared whole.
fn atomic_items(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let Some(items) = schema.get("items").filter(|items| items.is_object()) else {
        return;
    };
    let own = |key: &str| items.get(key).and_then(Value::as_str);
    // QUIRK: both messages show the list type.
    let shown = items.get("x-kubernetes-list-type").unwrap_or(&Value::Null);
    let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let key = match text(items, "type") {
        "array" if own("x-kubernetes-list-type").is_some_and(|own| own != "atomic") => {
            "x-kubernetes-list-type"
        }
        "object" if own("x-kubernetes-map-type") != Some("atomic") => "x-kubernetes-map-type",
        _ => return,
    };
    causes.push(invalid(format!("{path}.items.{key}"), shown, detail));
}

fn list_types(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let kind = schema.get("x-kubernetes-list-type").and_then(Value::as_str);
    let keys = list(schema, "x-kubernetes-list-map-keys");
    let field = format!("{path}.x-kubernetes-list-map-keys");
    if !keys.is_empty() && kind != Some("map") {
        let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
        let field = format!("{path}.x-kubernetes-list-type");
        causes.push(match kind {
            None => Cause::required(field, detail),
            Some(own) => invalid_text(field, own, detail),
        });
    }
    let items = schema.get("items").filter(|items| items.is_object());
    if kind == Some("map") {
        if keys.is_empty() {
            causes.push(Cause::required(
                &field,
                "must not be empty if x-kubernetes-list-type is map",
            ));
        }
        match items {
            None => causes.push(Cause::required(
                format!("{path}.items"),
                "must have a schema if x-kubernetes-list-type is map",
            )),
            Some(items) if text(items, "type") != "object" => causes.push(invalid_text(
                format!("{path}.items.type"),
                text(items, "type"),
                "must be object if parent array's x-kubernetes-list-type is map",
            )),
            Some(items) => map_keys(items, keys, path, causes),
        }
    }
    if let (Some(kind @ ("set" | "map")), Some(items)) = (kind, items) {
        correlatable(kind, items, keys, path, causes);
    }
}

fn map_keys(items: &Value, keys: &[Value], path: &str, causes: &mut Vec<Cause>) {
    let field = format!("{path}.x-kubernetes-list-map-keys");
    for (at, key) in keys.iter().enumerate() {
        let name = key.as_str().unwrap_or_default();
        match items
            .get("properties")
            .and_then(|properties| properties.get(name))
        {
            Some(property) if ["array", "object"].contains(&text(property, "type")) => {
                // QUIRK: the message shows the type of the items.
                causes.push(invalid_text(
                    format!("{path}.items.properties[{name}].type"),
                    text(items, "type"),
                    "must be a scalar type if parent array's x-kubernetes-list-type is map",
                ));
            }
            Some(_) => {}
            None => causes.push(invalid(
                &field,
                &keys.into(),
                "entries must all be names of item properties",
            )),
        }
        if keys[..at].contains(key) {
            causes.push(invalid(
                &field,
                &keys.into(),
                "must not contain duplicate entries",
            ));
        }
    }
}

/// Items that are told apart by what they are must be something.
fn correlatable(kind: &str, items: &Value, keys: &[Value], path: &str, causes: &mut Vec<Cause>) {
    if flag(items, "nullable") {
        causes.push(Cause::forbidden(
            format!("{path}.items.nullable"),
            &format!("cannot be nullable when x-kubernetes-list-type is {kind}"),
        ));
    }
    if kind != "map" {
        return;
    }
    for key in keys {
        let name = key.as_str().unwrap_or_default();
        let Some(property) = items
            .get("properties")
            .and_then(|properties| properties.get(name))
        else {
            continue;
        };
        let field = format!("{path}.items.properties[{name}]");
        if !list(items, "required").contains(key) && property.get("default").is_none() {
            causes.push(Cause::required(
                format!("{field}.default"),
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
            ));
        }
        if flag(property, "nullable") {
            causes.push(Cause::forbidden(
                format!("{field}.nullable"),
                "this property is in x-kubernetes-list-map-keys, so it cannot be nullable",
            ));
        }
    }
}
