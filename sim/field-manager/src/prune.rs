//! Taking out of an object what its applier has given up.

use std::collections::BTreeMap;

use crate::managed::Managed;
use crate::set::Set;
use crate::versions::{ConvertError, Versioned, Versions};

/// What an applier applied last.
pub(crate) struct Last<'a> {
    pub(crate) set: &'a Set,
    pub(crate) api_version: &'a str,
}

/// The merged object without what the applier applied last, applies no more, and nobody else owns. `managed` has what
/// it applies now.
pub(crate) fn prune<'o>(
    versions: &dyn Versions,
    merged: Versioned<'o>,
    managed: &Managed,
    last: Last<'_>,
) -> Result<Versioned<'o>, String> {
    let version = merged.api_version.clone();
    if versions.typed(last.api_version).is_none() {
        return Ok(merged);
    }
    let merged = merged
        .into_version(versions, last.api_version)
        .map_err(|e| format!("failed to convert merged object to last applied version: {e}"))?;
    let typed = merged.typed(versions).map_err(|e| e.to_string())?;
    let given = typed.with_declared(last.set);
    let pruned = Versioned::owned(typed.remove(&merged.object, &given), last.api_version);
    let pruned = add_back_owned(versions, &merged, pruned, managed)
        .map_err(|e| format!("failed add back owned items: {e}"))?
        .into_version(versions, last.api_version)
        .map_err(|e| {
            format!(
                "failed add back dangling items: failed to convert pruned object to last applied version: {e}"
            )
        })?;
    // What nobody owns, but lay inside something that went, stays as well.
    let kept = typed.with_declared(&typed.to_set(&pruned.object));
    let all = typed.with_declared(&typed.to_set(&merged.object));
    let gone = all.difference(&kept).intersection(&given);
    Versioned::owned(typed.remove(&merged.object, &gone), last.api_version)
        .into_version(versions, &version)
        .map_err(|e| e.to_string())
}

/// What was pruned but is owned by anyone comes back, in each version in which someone owns something.
fn add_back_owned<'o>(
    versions: &dyn Versions,
    merged: &'o Versioned<'_>,
    mut pruned: Versioned<'o>,
    managed: &Managed,
) -> Result<Versioned<'o>, String> {
    let mut owned: BTreeMap<&str, Set> = BTreeMap::new();
    for owner in managed.values() {
        let set = owned.entry(&owner.api_version).or_default();
        *set = set.union(&owner.set);
    }
    // The pruned version comes first: conversions may need what was pruned from it.
    let first = owned.remove_entry(pruned.api_version.as_str());
    let mut merged = merged.seen();
    for (version, owned) in first.into_iter().chain(owned) {
        if versions.typed(version).is_none() {
            continue;
        }
        let failed = |what: &str, e: ConvertError| {
            format!("failed to convert {what} object at version {version}: {e}")
        };
        merged = merged
            .into_version(versions, version)
            .map_err(|e| failed("merged", e))?;
        pruned = pruned
            .into_version(versions, version)
            .map_err(|e| failed("pruned", e))?;
        let typed = merged.typed(versions).map_err(|e| e.to_string())?;
        let all = typed.with_declared(&typed.to_set(&merged.object));
        let kept = typed.with_declared(&typed.to_set(&pruned.object));
        let kept = kept.union(&typed.with_declared(&owned));
        pruned = Versioned::owned(typed.remove(&merged.object, &all.difference(&kept)), version);
    }
    Ok(pruned)
}
