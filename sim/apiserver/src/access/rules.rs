//! The rules of a user as SelfSubjectRulesReview lists them.

use std::ops::ControlFlow;

use kube_schema::gotext::aggregate;
use serde_json::{Map, Value, json};

use super::rbac;
use crate::{core::Core, user::User};

/// The status of a review of the user's rules in a namespace.
pub(super) fn listed(core: &Core, user: &User, namespace: &str) -> Value {
    let mut resources: Vec<Value> = Vec::new();
    let mut paths: Vec<Value> = Vec::new();
    let missing = rbac::each_grant(core, user, namespace, &mut |grant| {
        let pick = |keys: &[&str]| -> Value {
            let members = keys.iter().filter_map(|key| {
                let value = grant.rule.get(*key)?;
                Some(((*key).to_owned(), value.clone()))
            });
            Value::Object(members.collect::<Map<_, _>>())
        };
        if rbac::strings(grant.rule, "resources").next().is_some() {
            resources.push(pick(&["verbs", "apiGroups", "resources", "resourceNames"]));
        }
        if rbac::strings(grant.rule, "nonResourceURLs").next().is_some() {
            paths.push(pick(&["verbs", "nonResourceURLs"]));
        }
        ControlFlow::Continue(())
    });
    let mut status = json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false});
    if !missing.is_empty() {
        status["evaluationError"] = aggregate(&missing).into();
    }
    status
}
