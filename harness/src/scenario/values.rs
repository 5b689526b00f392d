//! Small values of scenario files: durations, texts with `*`, conditions.

use std::{fmt, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// A duration as Go writes it: `30s`, `1m30s`, `24h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        stdx::duration::parse(&text).map(Self).map_err(de::Error::custom)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&stdx::duration::format(self.0))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
            "description": "A duration as Go writes it: 30s, 1m30s, 24h.",
        })
    }
}

/// A text in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Text(pub String);

impl Text {
    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        glob(&self.0, text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the whole of `text` matches `pattern`, in which `*` stands for any text.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What is said about one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionMatch {
    /// `True`, `False`, `Unknown`, or `absent` for a condition that must not be there.
    pub status: Option<String>,
    /// Its reason.
    pub reason: Option<String>,
    /// Its message, `*` stands for any text.
    pub message: Option<Text>,
}

impl ConditionMatch {
    /// Whether the condition must not be there.
    pub fn is_absent(&self) -> bool {
        self.status.as_deref() == Some("absent")
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Long {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    message: Option<Text>,
}

impl<'de> Deserialize<'de> for ConditionMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ConditionMatch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quoted status (\"True\") or a map of status, reason and message")
            }

            fn visit_str<E: de::Error>(self, status: &str) -> Result<ConditionMatch, E> {
                Ok(ConditionMatch {
                    status: Some(status.to_owned()),
                    reason: None,
                    message: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ConditionMatch, A::Error> {
                let long = Long::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ConditionMatch {
                    status: long.status,
                    reason: long.reason,
                    message: long.message,
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for ConditionMatch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ConditionMatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<Long>();
        json_schema!({
            "anyOf": [
                { "enum": ["True", "False", "Unknown", "absent"] },
                long,
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_condition_is_a_status_or_a_map() {
        let short: ConditionMatch = serde_saphyr::from_str("\"True\"").unwrap();
        assert_eq!(short.status.as_deref(), Some("True"));
        let long: ConditionMatch = serde_saphyr::from_str("{ reason: Failed, message: 'x *' }").unwrap();
        assert_eq!(long.reason.as_deref(), Some("Failed"));
        let wrong = serde_saphyr::from_str::<ConditionMatch>("{ reson: Failed }").unwrap_err();
        assert!(wrong.to_string().contains("reson"), "{wrong}");
    }
}
