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
