//! `openapi`: a schema of the user's own, which says by which keys lists are merged.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    Error,
    merge_keys::{Field, Table},
};

/// The only schema that is built in.
const BUILT_IN: &str = "v1.21.2";

/// A schema that takes the place of the built-in one.
///
/// DIFFERENCE: `paths` are not read: kinds that only they call cluster-scoped are taken to have a namespace.
#[derive(Debug)]
pub(crate) struct Schema(pub(crate) Table);

impl Schema {
    /// Reads the schema that `openapi` names; nothing when it names the built-in one.
    pub(crate) fn read(field: &BTreeMap<String, String>, text: Option<&str>) -> Result<Option<Self>, Error> {
        let Some(text) = text else {
            return match field.get("version").map(String::as_str) {
                None | Some("" | BUILT_IN) => Ok(None),
                Some(_) => Err(Error::new("the specified OpenAPI version is not built in")),
            };
        };
        if field.contains_key("version") {
            return Err(Error::new(
                "builtin version and custom schema provided, cannot use both",
            ));
        }
        let document = yaml::read(text, yaml::Dialect::Kubernetes)
            .map_err(|error| Error::new(format!("invalid schema file: {error}")))?;
        let none = Map::new();
        let definitions = document
            .get("definitions")
            .and_then(Value::as_object)
            .unwrap_or(&none);
        let mut reader = Reader {
            numbers: definitions.keys().map(String::as_str).zip(0..).collect(),
            table: Table::default(),
            next: definitions.len(),
        };
        for (number, definition) in definitions.values().enumerate() {
            reader.define(number, definition, 0)?;
            let kinds = definition.get("x-kubernetes-group-version-kind");
            for kind in kinds.and_then(Value::as_array).into_iter().flatten() {
                let text = |name: &str| kind.get(name).and_then(Value::as_str).unwrap_or_default();
                let api_version = match text("group") {
                    "" => text("version").to_owned(),
                    group => format!("{group}/{}", text("version")),
                };
                reader.table.add_kind(&api_version, text("kind"), number);
            }
        }
        Ok(Some(Self(reader.table)))
    }
}

/// Definitions on their way into a table; each schema has a number.
struct Reader<'a> {
    numbers: BTreeMap<&'a str, usize>,
    table: Table,
    next: usize,
}

impl Reader<'_> {
    fn define(&mut self, number: usize, schema: &Value, depth: usize) -> Result<(), Error> {
        if depth > crate::limits::MAX_DEPTH {
            return Err(Error::new(
                "invalid schema file: definitions are nested too deeply",
            ));
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
        let rest = rest.map(|rest| (Table::ANY, rest));
        let named = properties
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.as_str(), schema));
        for (name, property) in named.chain(rest) {
            let field = self.field(property, depth)?;
            self.table.add_field(number, name, field);
        }
        Ok(())
    }

    fn field(&mut self, property: &Value, depth: usize) -> Result<Field, Error> {
        let strategy = property
            .get("x-kubernetes-patch-strategy")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let keys = strategy.split(',').any(|word| word == "merge").then(|| {
            match property
                .get("x-kubernetes-list-map-keys")
                .and_then(Value::as_array)
            {
                Some(keys) => keys.iter().filter_map(text).collect(),
                None => property
                    .get("x-kubernetes-patch-merge-key")
                    .and_then(text)
                    .into_iter()
                    .collect(),
            }
        });
        let inner = property.get("items").unwrap_or(property);
        let reference = inner.get("$ref").and_then(Value::as_str);
        let child = match reference.and_then(|path| path.strip_prefix("#/definitions/")) {
            Some(name) => self.numbers.get(name).copied(),
            None => {
                let number = self.next;
                self.next += 1;
                self.define(number, inner, depth + 1)?;
                Some(number)
            }
        };
        Ok(Field { child, keys })
    }
}
