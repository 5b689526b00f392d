//! OpenAPI v2 in protobuf, as older kubectl wants it: nothing but what it looks at.
//!
//! The wire form is that of `openapi.v2.Document`. Types are translated from those of the v3 documents.

use serde_json::{Map, Value};

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or_default();
            value >>= 7;
            if value == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    fn bytes(&mut self, number: u64, content: &[u8]) {
        self.varint(number << 3 | 2);
        self.varint(u64::try_from(content.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(content);
    }

    fn text(&mut self, number: u64, text: &str) {
        if !text.is_empty() {
            self.bytes(number, text.as_bytes());
        }
    }

    fn message(&mut self, number: u64, message: &Self) {
        self.bytes(number, &message.0);
    }

    fn flag(&mut self, number: u64) {
        self.varint(number << 3);
        self.varint(1);
    }

    /// A name and a value.
    fn named(&mut self, number: u64, name: &str, value: &Self) {
        let mut pair = Self::default();
        pair.text(1, name);
        pair.message(2, value);
        self.message(number, &pair);
    }

    /// A value of any shape, which readers take as YAML.
    fn any(&mut self, number: u64, name: &str, value: &Value) {
        let mut any = Self::default();
        any.text(2, &format!("{value}\n"));
        self.named(number, name, &any);
    }

    /// The members that begin with `x-`.
    fn extensions(&mut self, number: u64, members: &Map<String, Value>) {
        for (name, value) in members.iter().filter(|(name, _)| name.starts_with("x-")) {
            self.any(number, name, value);
        }
    }
}

/// The document of these paths and types.
pub(super) fn document(paths: &Map<String, Value>, schemas: &Map<String, Value>) -> Vec<u8> {
    let mut document = Message::default();
    document.text(1, "2.0");
    let mut info = Message::default();
    info.text(1, "Kubernetes");
    info.text(2, crate::kinds::RELEASE);
    document.message(2, &info);
    let mut all = Message::default();
    for (path, item) in paths {
        all.named(2, path, &path_item(item));
    }
    document.message(8, &all);
    let mut all = Message::default();
    for (name, value) in schemas {
        all.named(1, name, &schema(value));
    }
    document.message(9, &all);
    document.0
}

fn path_item(item: &Value) -> Message {
    let mut message = Message::default();
    for (method, number) in [("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("patch", 8)] {
        if let Some(Value::Object(own)) = item.get(method) {
            message.message(number, &operation(own));
        }
    }
    message
}

fn operation(own: &Map<String, Value>) -> Message {
    let mut message = Message::default();
    message.text(
        5,
        own.get("operationId").and_then(Value::as_str).unwrap_or_default(),
    );
    let content = own
        .get("requestBody")
        .and_then(|body| body.get("content"))
        .and_then(Value::as_object);
    for media in content.into_iter().flatten().map(|(media, _)| media) {
        message.text(7, media);
    }
    let parameters = own.get("parameters").and_then(Value::as_array);
    for parameter in parameters.into_iter().flatten() {
        message.message(8, &query(parameter));
    }
    let mut response = Message::default();
    response.text(1, "OK");
    let mut value = Message::default();
    value.message(1, &response);
    let mut responses = Message::default();
    responses.named(1, "200", &value);
    message.message(9, &responses);
    message.extensions(13, own);
    message
}

/// A query parameter, in the three wrappers that say so.
fn query(parameter: &Value) -> Message {
    let mut own = Message::default();
    own.text(2, "query");
    own.text(
        4,
        parameter.get("name").and_then(Value::as_str).unwrap_or_default(),
    );
    let ty = parameter.pointer("/schema/type").and_then(Value::as_str);
    own.text(6, ty.unwrap_or_default());
    own.flag(20);
    [3, 2, 1].into_iter().fold(own, |inner, number| {
        let mut outer = Message::default();
        outer.message(number, &inner);
        outer
    })
}

fn schema(value: &Value) -> Message {
    let mut message = Message::default();
    let Value::Object(members) = value else {
        return message;
    };
    let text = |key: &str| members.get(key).and_then(Value::as_str).unwrap_or_default();
    let reference = text("$ref").replacen("#/components/schemas/", "#/definitions/", 1);
    message.text(1, &reference);
    message.text(2, text("format"));
    message.text(4, text("description"));
    for name in list(members, "required").iter().filter_map(Value::as_str) {
        message.text(19, name);
    }
    if let Some(values) = members.get("additionalProperties") {
        let mut item = Message::default();
        match values {
            Value::Bool(true) => item.flag(2),
            values => item.message(1, &schema(values)),
        }
        message.message(21, &item);
    }
    let ty = match (text("type"), members.contains_key("oneOf")) {
        // Amounts and ports are texts to version 2.
        ("", true) => "string",
        (ty, _) => ty,
    };
    if !ty.is_empty() {
        let mut item = Message::default();
        item.text(1, ty);
        message.message(22, &item);
    }
    if let Some(items) = members.get("items") {
        let mut item = Message::default();
        item.message(1, &schema(items));
        message.message(23, &item);
    }
    // A reference among others words stands alone in version 2.
    match list(members, "allOf") {
        [only] => {
            let inner = only.get("$ref").and_then(Value::as_str).unwrap_or_default();
            message.text(1, &inner.replacen("#/components/schemas/", "#/definitions/", 1));
        }
        many => {
            for one in many {
                message.message(24, &schema(one));
            }
        }
    }
    if let Some(Value::Object(properties)) = members.get("properties") {
        let mut all = Message::default();
        for (name, value) in properties {
            all.named(1, name, &schema(value));
        }
        message.message(25, &all);
    }
    message.extensions(31, members);
    message
}

fn list<'a>(members: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    members
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_written_by_number() {
        let members = json!({
            "type": "array", "items": {"$ref": "#/components/schemas/a.B"},
            "x-kubernetes-patch-strategy": "merge",
        });
        let mut expected = Vec::new();
        // type: 22, its values: 1
        expected.extend([0xb2, 1, 7, 0x0a, 5]);
        expected.extend(b"array");
        // items: 23, a schema: 1, its reference: 1
        expected.extend([0xba, 1, 21, 0x0a, 19, 0x0a, 17]);
        expected.extend(b"#/definitions/a.B");
        // an extension: 31, its name: 1, its value: 2, as YAML: 2
        expected.extend([0xfa, 1, 41, 0x0a, 27]);
        expected.extend(b"x-kubernetes-patch-strategy");
        expected.extend([0x12, 10, 0x12, 8]);
        expected.extend(b"\"merge\"\n");
        assert_eq!(schema(&members).0, expected);
    }

    #[test]
    fn long_messages_have_long_lengths() {
        let mut message = Message::default();
        message.text(1, &"x".repeat(300));
        assert_eq!(message.0[..3], [0x0a, 0xac, 0x02]);
        assert_eq!(message.0.len(), 303);
    }
}
