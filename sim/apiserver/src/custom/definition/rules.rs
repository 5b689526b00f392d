//! The rules of a schema when it is written: their keywords, their types, their cost.

use std::sync::Arc;

use kube_cel::Shape;
use serde_json::Value;

use super::{fields, invalid, invalid_text, text, unsupported};
use crate::{custom::rules, failure::Cause};

/// Highest estimated cost of one rule.
const PER_RULE: u64 = 10_000_000;
/// Highest estimated cost of all rules of a schema.
const PER_SCHEMA: u64 = 100_000_000;
/// How many of the dearest rules are named.
const NAMED: usize = 4;

/// A schema as rules see it.
pub(super) struct Place<'a> {
    schema: &'a Value,
    shape: Option<Arc<Shape>>,
    root: bool,
    /// How often it can occur in an object; `None` is as often as it fits.
    most: Option<u64>,
}

impl<'a> Place<'a> {
    pub(super) fn root(schema: &'a Value) -> Self {
        Self {
            schema,
            shape: None,
            root: true,
            most: Some(1),
        }
    }

    fn factor(&self) -> Option<u64> {
        let bound = |key: &str| {
            let bound = self.schema.get(key).and_then(Value::as_i64)?;
            Some(u64::try_from(bound).unwrap_or(0))
        };
        match text(self.schema, "type") {
            "object" if self.schema.get("additionalProperties").is_some() => bound("maxProperties"),
            "array" => bound("maxItems"),
            _ => Some(1),
        }
    }

    fn below(&self, schema: &'a Value, shape: Option<Arc<Shape>>) -> Self {
        Self {
            schema,
            shape,
            root: schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true)),
            most: self
                .most
                .zip(self.factor())
                .map(|(most, factor)| most.saturating_mul(factor)),
        }
    }

    pub(super) fn property(&self, name: &str, schema: &'a Value) -> Self {
        let shape = self.shape.as_ref().and_then(|shape| {
            let escaped = kube_cel::escape(name)?;
            shape.field(&escaped).cloned()
        });
        self.below(schema, shape)
    }

    /// What a list or map holds.
    pub(super) fn within(&self, schema: &'a Value) -> Self {
        let shape = self.shape.as_ref().and_then(|shape| shape.inner.clone());
        self.below(schema, shape)
    }

    fn shape(&self) -> Option<Arc<Shape>> {
        self.shape
            .clone()
            .or_else(|| Shape::of(self.schema, self.root, "selfType").map(Arc::new))
    }
}

/// What the rules cost together.
#[derive(Default)]
pub(super) struct Budget {
    total: u64,
    dearest: Vec<(u64, String)>,
}

impl Budget {
    fn observe(&mut self, path: String, cost: u64) {
        self.total = self.total.saturating_add(cost);
        if cost < PER_SCHEMA / 100 {
            return;
        }
        self.dearest.push((cost, path));
        self.dearest.sort_by_key(|(cost, _)| std::cmp::Reverse(*cost));
        self.dearest.truncate(NAMED);
    }

    pub(super) fn total(&self, path: &str) -> Vec<Cause> {
        if self.total <= PER_SCHEMA {
            return Vec::new();
        }
        let detail =
            "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
        let mut causes: Vec<Cause> = self
            .dearest
            .iter()
            .map(|(_, path)| Cause::forbidden(path, detail))
            .collect();
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        causes.push(Cause::forbidden(path, &exceeded(what, self.total, PER_SCHEMA)));
        causes
    }
}

fn exceeded(what: &str, cost: u64, limit: u64) -> String {
    let factor = cost as f64 / limit as f64;
    let factor = if factor > 100.0 {
        "more than 100x".to_owned()
    } else if factor < 1.5 {
        format!("{factor:.6}x")
    } else {
        format!("{factor:.1}x")
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and \
         maxLength where arrays, maps, and strings are declared)"
    )
}

fn breaks(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

/// The keywords of rules, without their expressions.
pub(super) fn keywords(schema: &Value, own: &[Value], path: &str, causes: &mut Vec<Cause>) {
    const REASONS: [&str; 4] = [
        "FieldValueDuplicate",
        "FieldValueForbidden",
        "FieldValueInvalid",
        "FieldValueRequired",
    ];
    for (at, rule) in own.iter().enumerate() {
        let field = |key: &str| format!("{path}.x-kubernetes-validations[{at}].{key}");
        let (source, message) = (text(rule, "rule").trim(), text(rule, "message"));
        if source.is_empty() {
            causes.push(Cause::required(field("rule"), "rule is not specified"));
        } else if !message.is_empty() && message.trim().is_empty() {
            causes.push(invalid_text(
                field("message"),
                message,
                "must be non-empty if specified",
            ));
        } else if breaks(message.trim()) {
            causes.push(invalid_text(
                field("message"),
                message,
                "must not contain line breaks",
            ));
        } else if breaks(source) && message.is_empty() {
            causes.push(Cause::required(
                field("message"),
                "message must be specified if rule contains line breaks",
            ));
        }
        let expression = text(rule, "messageExpression");
        if !expression.is_empty() && expression.trim().is_empty() {
            causes.push(Cause::required(
                field("messageExpression"),
                "messageExpression must be non-empty if specified",
            ));
        }
        if let Some(reason) = rule.get("reason").and_then(Value::as_str)
            && !REASONS.contains(&reason)
        {
            causes.push(unsupported(field("reason"), reason, &REASONS));
        }
        let target = text(rule, "fieldPath");
        if !target.is_empty() && target.trim().is_empty() {
            causes.push(invalid_text(
                field("fieldPath"),
                target,
                "must be non-empty if specified",
            ));
        }
        if breaks(target) {
            causes.push(invalid_text(
                field("fieldPath"),
                target,
                "must not contain line breaks",
            ));
        }
        if !target.is_empty() && fields::valid_path(target, schema, true).is_err() {
            causes.push(invalid_text(field("fieldPath"), target, "must be a valid path"));
        }
    }
}

/// Compiles the rules of one schema.
pub(super) fn compile(
    place: &Place<'_>,
    own: &[Value],
    path: &str,
    uncorrelatable: Option<&str>,
    (budget, causes): (&mut Budget, &mut Vec<Cause>),
) {
    let Some(shape) = place.shape() else {
        causes.push(Cause::new(
            "InternalError",
            format!("{path}.x-kubernetes-validations"),
            "Internal error: internal error: failed to construct type information for x-kubernetes-validations rules: \
             unable to convert structural schema to CEL declarations",
        ));
        return;
    };
    let often = place.most.unwrap_or_else(|| {
        let size = u64::try_from(shape.least + 1).unwrap_or(1);
        u64::try_from(kube_cel::REQUEST).unwrap_or(0) / size.max(1)
    });
    for (at, rule) in own.iter().enumerate() {
        let field = |key: &str| format!("{path}.x-kubernetes-validations[{at}].{key}");
        let compiled = rules::compile(rule, &shape);
        let cost = match &compiled.program {
            Ok(program) => program.most(Some(&shape)).saturating_mul(often),
            Err(_) => 0,
        };
        if cost > PER_RULE {
            let detail = exceeded("estimated rule cost", cost, PER_RULE);
            causes.push(Cause::forbidden(field("rule"), &detail));
        }
        budget.observe(field("rule"), cost);
        let shown = rules::printed(rule);
        if let Err(why) = &compiled.program {
            causes.push(Cause::invalid(
                field("rule"),
                format!("Invalid value: {shown}: {why}"),
            ));
        }
        match &compiled.message {
            Some(Ok(program)) => {
                let cost = program.most(Some(&shape));
                if cost > PER_RULE {
                    let detail = exceeded("estimated messageExpression cost", cost, PER_RULE);
                    causes.push(Cause::forbidden(field("messageExpression"), &detail));
                }
                budget.observe(field("messageExpression"), cost);
            }
            Some(Err(why)) => causes.push(Cause::invalid(
                field("messageExpression"),
                format!("Invalid value: {shown}: {why}"),
            )),
            None => {}
        }
        if compiled.transition() {
            if let Some(path) = uncorrelatable {
                let detail = format!(
                    "oldSelf cannot be used on the uncorrelatable portion of the schema within {path}"
                );
                causes.push(invalid_text(field("rule"), text(rule, "rule"), &detail));
            }
        } else if let Some(own) = rule.get("optionalOldSelf").filter(|own| own.is_boolean()) {
            causes.push(invalid(
                field("optionalOldSelf"),
                own,
                "may not be set if oldSelf is not used in rule",
            ));
        }
    }
}
