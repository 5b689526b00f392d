//! Defaults of a structural schema.

use serde_json::Value;

/// Fills in what the schema's defaults say, top down: a default may bring members that have defaults themselves.
pub(crate) fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            for (name, property) in properties.into_iter().flatten() {
                let Some(default) = property.get("default") else {
                    continue;
                };
                if members
                    .get(name)
                    .is_none_or(|own| own.is_null() && !nullable(property))
                {
                    members.insert(name.clone(), default.clone());
                }
            }
            let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
            for (name, member) in members.iter_mut() {
                if let Some(property) = properties.and_then(|properties| properties.get(name)) {
                    fill(property, member);
                } else if let Some(rest) = rest {
                    replace_null(rest, member);
                    fill(rest, member);
                }
            }
        }
        Value::Array(items) => {
            let Some(schema) = schema.get("items") else { return };
            for item in items {
                replace_null(schema, item);
                fill(schema, item);
            }
        }
        _ => {}
    }
}

fn replace_null(schema: &Value, value: &mut Value) {
    if value.is_null()
        && !nullable(schema)
        && let Some(default) = schema.get("default")
    {
        *value = default.clone();
    }
}

fn nullable(schema: &Value) -> bool {
    schema.get("nullable").and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_nest() {
        let schema = json!({"properties": {
            "a": {"default": "A"},
            "o": {"default": {}, "properties": {"x": {"default": 5}}},
            "n": {"default": "N", "nullable": true},
            "l": {"items": {"properties": {"y": {"default": true}}}},
        }});
        let mut value = json!({"a": null, "n": null, "l": [{}]});
        fill(&schema, &mut value);
        assert_eq!(
            value,
            json!({"a": "A", "n": null, "o": {"x": 5}, "l": [{"y": true}]})
        );
    }
}
