//! Conditions: schemas of which some must fit.

use serde_json::Value;

use super::Judge;
use crate::failure::Cause;

/// How much of a value a schema looks at.
fn weight(schema: &Value, value: &Value) -> usize {
    let inner: usize = match value {
        Value::Object(members) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let known = properties.into_iter().flatten();
            known
                .filter_map(|(name, property)| Some(weight(property, members.get(name)?)))
                .sum()
        }
        Value::Array(items) => match schema.get("items") {
            Some(own) => items.iter().map(|item| weight(own, item)).sum(),
            None => 0,
        },
        _ => 0,
    };
    inner + 1
}

/// The findings of the branch that looks at most, the first of those that look at as much.
fn nearest(branches: &[Value], value: &Value, found: Vec<Vec<Cause>>) -> Vec<Cause> {
    let mut best: Option<(usize, Vec<Cause>)> = None;
    for (branch, causes) in branches.iter().zip(found) {
        let own = weight(branch, value);
        if best.as_ref().is_none_or(|(most, _)| own > *most) {
            best = Some((own, causes));
        }
    }
    best.map(|(_, causes)| causes).unwrap_or_default()
}

impl Judge<'_> {
    /// What a branch finds, by itself.
    fn branch(&self, schema: &Value, value: &Value, path: &str) -> Vec<Cause> {
        let mut judge = Judge {
            patterns: self.patterns,
            prefix: self.prefix,
            causes: Vec::new(),
        };
        judge.value(schema, value, None, path);
        judge.causes
    }

    pub(super) fn compositions(&mut self, schema: &Value, value: &Value, path: &str) {
        let branches = |key: &str| {
            schema
                .get(key)
                .and_then(Value::as_array)
                .filter(|list| !list.is_empty())
        };
        if let Some(list) = branches("anyOf") {
            let found: Vec<Vec<Cause>> = list
                .iter()
                .map(|branch| self.branch(branch, value, path))
                .collect();
            if found.iter().all(|causes| !causes.is_empty()) {
                self.general(&format!("{path:?} must validate at least one schema (anyOf)"));
                self.causes.extend(nearest(list, value, found));
            }
        }
        if let Some(list) = branches("oneOf") {
            let found: Vec<Vec<Cause>> = list
                .iter()
                .map(|branch| self.branch(branch, value, path))
                .collect();
            let fitting = found.iter().filter(|causes| causes.is_empty()).count();
            let text = format!("{path:?} must validate one and only one schema (oneOf).");
            if fitting == 0 {
                self.general(&format!("{text} Found none valid"));
                self.causes.extend(nearest(list, value, found));
            } else if fitting > 1 {
                self.general(&format!("{text} Found {fitting} valid alternatives"));
            }
        }
        if let Some(list) = branches("allOf") {
            let mut failed = 0;
            for branch in list {
                let causes = self.branch(branch, value, path);
                failed += usize::from(!causes.is_empty());
                self.causes.extend(causes);
            }
            if failed > 0 {
                let extra = if failed == list.len() {
                    ". None validated"
                } else {
                    ""
                };
                self.general(&format!("{path:?} must validate all the schemas (allOf){extra}"));
            }
        }
        if let Some(not) = schema.get("not")
            && self.branch(not, value, path).is_empty()
        {
            self.general(&format!("{path:?} must not validate the schema (not)"));
        }
    }
}
