//! `advance: 1h` or `advance: { by: 1h, atLeast: 20s }` — lets time pass.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{scenario::Span, session::Session, verdict::Miss};

/// Time that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// How much.
    pub by: Span,
    /// How much is enough where time is real; absent if nothing less than the whole will do.
    pub at_least: Option<Span>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Long {
    /// How much time passes.
    by: Span,
    /// How much is enough where time is real.
    at_least: Span,
}

impl<'de> Deserialize<'de> for Advance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Advance;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration (1h) or a map of by and atLeast")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Advance, E> {
                let by = stdx::duration::parse(text).map_err(E::custom)?;
                Ok(Advance {
                    by: Span(by),
                    at_least: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Advance, A::Error> {
                let long = Long::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Advance {
                    by: long.by,
                    at_least: Some(long.at_least),
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Advance {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Advance".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (span, long) = (
            generator.subschema_for::<Span>(),
            generator.subschema_for::<Long>(),
        );
        json_schema!({ "anyOf": [span, long] })
    }
}

pub(super) async fn run(advance: Advance, session: &mut Session) -> Result<(), Miss> {
    let span = match advance.at_least {
        Some(enough) => session.shorten("an advance", advance.by.0, enough.0).await?,
        None => advance.by.0,
    };
    session.advance(span).await
}
