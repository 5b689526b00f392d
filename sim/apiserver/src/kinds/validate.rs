//! What the server refuses, in its words.
//!
//! A rule is written where the genuine server has it, so that several errors come in the genuine order.

mod admission;
mod apps;
mod at;
mod autoscaling;
mod batch;
mod claims;
mod container;
mod cron;
mod diff;
mod endpoints;
mod errors;
mod events;
mod internal;
mod json_text;
mod meta;
mod misc;
mod names;
mod networking;
mod pod;
mod pod_update;
mod quotas;
mod resources;
mod scheduling;
mod selectors;
mod service;
mod small;
mod status;
mod volume;
mod warnings;

pub use errors::{FieldError, summary};
pub use names::{dns_1035_in_bytes, label_value, qualified as label_key, subdomain_in_bytes};
pub use warnings::warnings;

use serde_json::Value;

use super::Kind;
use at::At;
use errors::Errors;
use meta::Meta;

/// What is wrong with an object of this kind that is to be created (`old` is `None`) or to replace `old`, through
/// the resource itself (`""`) or a subresource. Both objects have their defaults and are prepared.
pub fn validate(kind: &Kind, subresource: &str, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Errors::default();
    let new = At::root(new);
    match old {
        Some(old) => {
            let case = Case {
                kind,
                subresource,
                new: &new,
                old: Some(At::root(old)),
            };
            meta::common_update(kind, &new, &At::root(old), &mut errors);
            case.rules(&mut errors);
        }
        None => {
            let case = Case {
                kind,
                subresource,
                new: &new,
                old: None,
            };
            case.rules(&mut errors);
            if errors.is_empty() {
                meta::common_create(kind, &new, &mut errors);
            }
        }
    }
    errors.into_list()
}

/// What is wrong with the addresses of a Service, which is judged before any are handed out.
pub(super) fn service_addresses(service: &Value) -> Vec<FieldError> {
    let mut errors = Errors::default();
    service::addresses(&At::root(service).get("spec"), &mut errors);
    errors.into_list()
}

/// One object to be judged.
struct Case<'a> {
    kind: &'a Kind,
    subresource: &'a str,
    new: &'a At<'a>,
    old: Option<At<'a>>,
}

impl Case<'_> {
    fn meta(&self) -> Meta<'_> {
        Meta {
            kind: self.kind,
            new: self.new,
            old: self.old.as_ref(),
        }
    }

    fn rules(&self, errors: &mut Errors) {
        let all = [
            small::rules,
            apps::rules,
            pod_update::rules,
            claims::rules,
            batch::rules,
            service::rules,
            networking::rules,
            autoscaling::rules,
            quotas::rules,
            endpoints::rules,
            events::rules,
            admission::rules,
            misc::rules,
        ];
        for rules in all {
            if rules(self, errors) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{summary, validate};
    use crate::kinds::{default, find, prepare_create, prepare_update};

    fn refused(group: &str, resource: &str, mut object: Value) -> String {
        let kind = find(group, "v1", resource).unwrap();
        default(kind, &mut object);
        prepare_create(kind, &mut object);
        summary(&validate(kind, "", &object, None))
    }

    #[test]
    fn errors_come_in_order() {
        let object = json!({"metadata": {"name": "a", "namespace": "n"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "c"}}, "spec": {"containers": []}}}});
        let text = "[spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match template \
                    `labels`, spec.template.spec.containers: Required value]";
        assert_eq!(refused("apps", "deployments", object), text);
    }

    #[test]
    fn every_error_is_a_cause_but_said_once() {
        let kind = find("", "v1", "configmaps").unwrap();
        let old = json!({"metadata": {"name": "a", "namespace": "n", "uid": "1", "resourceVersion": "1"}});
        let mut new = old.clone();
        new["metadata"]["uid"] = json!("2");
        prepare_update(kind, "", &mut new, &old);
        let errors = validate(kind, "", &new, Some(&old));
        assert_eq!(errors.len(), 2);
        assert_eq!(
            summary(&errors),
            "metadata.uid: Invalid value: \"2\": field is immutable"
        );
    }

    #[test]
    fn internal_forms_are_printed() {
        let object = json!({"metadata": {"name": "a", "namespace": "n"}, "spec": {"minAvailable": 1, "maxUnavailable": 1}});
        let text = refused("policy", "poddisruptionbudgets", object);
        let shown =
            "{\"MinAvailable\":1,\"Selector\":null,\"MaxUnavailable\":1,\"UnhealthyPodEvictionPolicy\":null}";
        assert!(text.contains(shown), "{text}");
    }
}
