//! `sortOptions`: the order of the result.

use std::collections::BTreeMap;

use crate::{
    Error,
    id::Id,
    set::Set,
    spec::{LegacySortOptions, SortOptions},
};

const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts as the options say.
pub(crate) fn sort(set: &mut Set, options: &SortOptions) -> Result<(), Error> {
    match options.order.as_str() {
        "fifo" if options.legacy_sort_options.is_some() => Err(Error::new(
            "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'",
        )),
        "fifo" => Ok(()),
        "legacy" => {
            match &options.legacy_sort_options {
                Some(LegacySortOptions {
                    order_first,
                    order_last,
                }) => legacy(
                    set,
                    order_first.iter().map(String::as_str),
                    order_last.iter().map(String::as_str),
                ),
                None => by_kind(set),
            }
            Ok(())
        }
        _ => Err(Error::new(
            "the field 'sortOptions.order' must be one of [fifo, legacy]",
        )),
    }
}

/// The order of `kustomize build` when nothing is said: what others need comes first.
pub(crate) fn by_kind(set: &mut Set) {
    legacy(set, FIRST.into_iter(), LAST.into_iter());
}

fn legacy<'a>(
    set: &mut Set,
    first: impl ExactSizeIterator<Item = &'a str>,
    last: impl ExactSizeIterator<Item = &'a str>,
) {
    let before = i64::try_from(first.len()).unwrap_or(i64::MAX);
    let first = (0_i64..).zip(first).map(|(at, kind)| (kind, at - before));
    let last = (1_i64..).zip(last).map(|(at, kind)| (kind, at));
    let ranks: BTreeMap<&str, i64> = first.chain(last).collect();
    set.0.sort_by_cached_key(|resource| {
        let id = resource.id();
        let rank = ranks.get(id.kind.as_str()).copied().unwrap_or_default();
        let or = |text: &str, absent: &str| {
            if text.is_empty() {
                absent.to_owned()
            } else {
                text.to_owned()
            }
        };
        let gvk = format!(
            "{}_{}_{}",
            or(&id.group, "~G"),
            or(&id.version, "~V"),
            or(&id.kind, "~K")
        );
        (rank, gvk, place(&id))
    });
}

/// Namespace and name; an absent one sorts after all others.
fn place(id: &Id) -> (String, String) {
    let or = |text: &str, absent: &str| {
        if text.is_empty() {
            absent.to_owned()
        } else {
            text.to_owned()
        }
    };
    (or(&id.namespace, "~X"), or(&id.name, "~N"))
}
