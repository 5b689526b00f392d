//! ClusterRoles that are made of others: `admin`, `edit`, `view` and whatever names selectors.

use std::sync::Arc;

use jiff::Timestamp;
use manifest::{labels::Selector, object};
use serde_json::{Value, json};

use super::{
    ROLES,
    act::{Actor, path},
};
use crate::core::Core;

const NAME: &str = "clusterrole-aggregation-controller";

/// Brings the rules of every aggregated role in step with the roles it selects.
pub(crate) fn aggregate(core: &mut Core, now: Timestamp) {
    let roles: Vec<Arc<Value>> = core
        .table(ROLES)
        .iter()
        .map(|(_, role)| Arc::clone(role))
        .collect();
    let Some(resource) = core.resource_of_table(ROLES) else {
        return;
    };
    let actor = Actor::new(NAME, now);
    for role in &roles {
        let Some(selectors) = role
            .pointer("/aggregationRule/clusterRoleSelectors")
            .and_then(Value::as_array)
        else {
            continue;
        };
        let rules = collected(role, selectors, &roles);
        if role.get("rules").and_then(Value::as_array) != Some(&rules) {
            let body = json!({
                "apiVersion": resource.api_version(), "kind": resource.kind,
                "metadata": {"name": object::name(role)}, "rules": rules,
            });
            actor.apply(core, &path(&resource, role), NAME, &body);
        }
    }
}

/// The rules of the selected roles in the order of their names, each once.
fn collected(role: &Value, selectors: &[Value], roles: &[Arc<Value>]) -> Vec<Value> {
    let mut rules: Vec<Value> = Vec::new();
    for selector in selectors {
        let Ok(selector) = Selector::from_object(selector) else {
            continue;
        };
        let chosen = roles.iter().filter(|other| {
            object::name(other) != object::name(role) && selector.matches(object::labels(other))
        });
        for rule in chosen
            .filter_map(|other| other.get("rules")?.as_array())
            .flatten()
        {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    rules
}
