//! Expressions in CEL: readiness of dependencies, health of custom resources.

use std::collections::BTreeSet;

use cel::{Context, Program};
use flux_api::kustomization::CustomHealthCheck;
use manifest::{Gvk, object};
use serde_json::Value;
use ssa::{StatusReader, kstatus::Status};

/// An expression that yields true or false.
pub struct Expression {
    text: String,
    program: Program,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let program = Program::compile(text)
            .map_err(|error| format!("failed to parse the CEL expression '{text}': {error}"))?;
        Ok(Self {
            text: text.to_owned(),
            program,
        })
    }

    /// Whether the expression is true of these variables.
    ///
    /// # Errors
    /// When it cannot be evaluated, or yields something else than true or false.
    pub fn holds(&self, variables: &[(&str, &Value)]) -> Result<bool, String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!("failed to evaluate the CEL expression '{}': {error}", self.text)
        };
        let mut context = Context::default();
        for (name, value) in variables {
            let value = cel::to_value(value).map_err(|error| failed(&error))?;
            context.add_variable_from_value(*name, value);
        }
        match self.program.execute(&context).map_err(|error| failed(&error))? {
            cel::Value::Bool(holds) => Ok(holds),
            _ => Err(failed(&"failed to evaluate CEL expression as bool")),
        }
    }
}

/// `healthCheckExprs`, parsed.
#[derive(Default)]
pub struct HealthExpressions(Vec<HealthExpression>);

struct HealthExpression {
    api_version: String,
    kind: Option<String>,
    current: Expression,
    in_progress: Option<Expression>,
    failed: Option<Expression>,
}

impl HealthExpressions {
    /// Parses all checks.
    ///
    /// # Errors
    /// What is wrong with the first bad one.
    pub fn parse(checks: &[CustomHealthCheck]) -> Result<Self, String> {
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for (index, check) in checks.iter().enumerate() {
            let (group, _) = manifest::split_api_version(&check.api_version);
            let kind = check.kind.clone().filter(|kind| !kind.is_empty());
            if !seen.insert((group.to_owned(), kind.clone())) {
                let kind = kind.unwrap_or_default();
                return Err(format!(
                    "failed to create custom status evaluator for healthchecks[{index}]: duplicate GroupKind {kind}.{group}"
                ));
            }
            let parse = |text: &str, what: &str| {
                Expression::parse(text).map_err(|error| {
                    format!(
                        "failed to create custom status evaluator for healthchecks[{index}]: failed to parse the \
                         expression {what}: {error}"
                    )
                })
            };
            let optional = |text: &Option<String>, what: &str| {
                let text = text.as_deref().filter(|text| !text.is_empty());
                text.map(|text| parse(text, what)).transpose()
            };
            all.push(HealthExpression {
                api_version: check.api_version.clone(),
                kind,
                current: parse(&check.current, "Current")?,
                in_progress: optional(&check.in_progress, "InProgress")?,
                failed: optional(&check.failed, "Failed")?,
            });
        }
        Ok(Self(all))
    }
}

impl StatusReader for HealthExpressions {
    fn read(&self, live: &Value) -> Option<Result<Status, String>> {
        let gvk = Gvk::new(object::api_version(live), object::kind(live));
        let found = self.0.iter().find(|check| {
            let (group, _) = manifest::split_api_version(&check.api_version);
            group == gvk.group && check.kind.as_ref().is_none_or(|kind| *kind == gvk.kind)
        })?;
        Some(found.evaluate(live))
    }
}

impl HealthExpression {
    fn evaluate(&self, live: &Value) -> Result<Status, String> {
        let observed = live.pointer("/status/observedGeneration").and_then(Value::as_i64);
        if observed.is_some_and(|observed| observed != object::generation(live)) {
            return Ok(Status::InProgress);
        }
        let members = live.as_object().into_iter().flatten();
        let variables: Vec<(&str, &Value)> = members.map(|(name, value)| (name.as_str(), value)).collect();
        for (expression, status) in [
            (self.in_progress.as_ref(), Status::InProgress),
            (self.failed.as_ref(), Status::Failed),
            (Some(&self.current), Status::Current),
        ] {
            if let Some(expression) = expression
                && expression.holds(&variables)?
            {
                return Ok(status);
            }
        }
        Ok(Status::InProgress)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checks(value: Value) -> Result<HealthExpressions, String> {
        HealthExpressions::parse(&serde_json::from_value::<Vec<CustomHealthCheck>>(value).unwrap())
    }

    #[test]
    fn expressions_judge_their_kind() {
        let checks = checks(json!([{
            "apiVersion": "example.com/v1", "kind": "Widget",
            "failed": "status.phase == 'Broken'", "current": "status.phase == 'Done'",
        }]))
        .unwrap();
        let widget = |phase: &str| {
            json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"generation": 2},
                "status": {"observedGeneration": 2, "phase": phase}})
        };
        assert_eq!(checks.read(&widget("Done")), Some(Ok(Status::Current)));
        assert_eq!(checks.read(&widget("Broken")), Some(Ok(Status::Failed)));
        assert_eq!(checks.read(&widget("Other")), Some(Ok(Status::InProgress)));
        let mut stale = widget("Done");
        stale["status"]["observedGeneration"] = json!(1);
        assert_eq!(checks.read(&stale), Some(Ok(Status::InProgress)));
        assert_eq!(
            checks.read(&json!({"apiVersion": "v1", "kind": "ConfigMap"})),
            None
        );
    }

    #[test]
    fn bad_expressions_are_found_at_once() {
        assert!(checks(json!([{"apiVersion": "v1", "current": "status.("}])).is_err());
        let twice = json!([
            {"apiVersion": "example.com/v1", "kind": "A", "current": "true"},
            {"apiVersion": "example.com/v2", "kind": "A", "current": "true"},
        ]);
        assert!(checks(twice).is_err());
        let words = Expression::parse("'a'").unwrap();
        assert!(words.holds(&[]).is_err());
    }
}
