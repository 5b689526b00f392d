//! Versions and ranges.

use std::{any::Any, rc::Rc};

use version::{Constraint, Version};

use crate::{
    error::Error,
    function::{
        Function,
        Type::{self, Text},
    },
    value::{Object, Value},
};

use super::{Row, text};

pub(crate) const TABLE: &[Row] = &[
    ("semver", &[Text], false, |_, args| {
        let version: Version = parsed(&text(args, 0))?;
        Ok(Value::Object(Rc::new(Semver(version))))
    }),
    ("semverCompare", &[Text, Text], false, |_, args| {
        let range: Constraint = text(args, 0)
            .parse()
            .map_err(|error| Error::new(format!("{error}")))?;
        let version = parsed(&text(args, 1))?;
        Ok(range.matches(&version).into())
    }),
];

fn parsed(text: &str) -> Result<Version, Error> {
    text.parse().map_err(|error| Error::new(format!("{error}")))
}

/// `*semver.Version`
struct Semver(Version);

const NAME: &str = "*semver.Version";
const ONE: &[Type] = &[Type::Object(NAME)];

impl Object for Semver {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn is_pointer(&self) -> bool {
        true
    }

    fn method(&self, name: &str) -> Option<Function> {
        let version = self.0.clone();
        let number = |number: u64| Value::Int64(i64::try_from(number).unwrap_or(i64::MAX));
        let value = match name {
            "Major" => number(version.major),
            "Minor" => number(version.minor),
            "Patch" => number(version.patch),
            "Prerelease" => version.prerelease.into(),
            "Metadata" => version.metadata.into(),
            "Original" => version.original().into(),
            "String" => version.to_string().into(),
            "Compare" | "Equal" | "LessThan" | "GreaterThan" => return Some(comparison(name, version)),
            _ => return None,
        };
        Some(Function::getter(move || value.clone()))
    }

    fn shown(&self) -> Option<String> {
        Some(self.0.to_string())
    }

    fn json(&self) -> Option<Value> {
        Some(self.0.to_string().into())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn comparison(name: &str, version: Version) -> Function {
    let name = name.to_owned();
    Function::method(ONE, move |_, args| {
        let other = match args.first() {
            Some(Value::Object(object)) => object.as_any().downcast_ref::<Semver>(),
            _ => None,
        };
        let Some(Semver(other)) = other else {
            return Err(super::nil_pointer());
        };
        let order = version.cmp(other);
        Ok(match name.as_str() {
            "Compare" => Value::Int(i64::from(order as i8)),
            "Equal" => order.is_eq().into(),
            "LessThan" => order.is_lt().into(),
            _ => order.is_gt().into(),
        })
    })
}
