//! The extension deletes nothing that was never in an inventory.

use std::collections::BTreeSet;

use crate::{journal::Key, target::Write, verdict::Miss};

pub(super) fn check(write: &Write, inventoried: &BTreeSet<Key>) -> Result<(), Miss> {
    if !by_extension(write) {
        return Ok(());
    }
    let known = inventoried.iter().any(|key| {
        key.group == write.group
            && key.name == write.name
            && key.namespace == write.namespace
            && plural_of(&key.kind, &write.resource)
    });
    if known {
        return Ok(());
    }
    let what = format!("{} {}/{}", write.resource, write.namespace, write.name);
    let message = format!("{} deleted {what}, which was in no inventory", write.user);
    Err(Miss::failed("invariant.deletion", message))
}

/// Whether the extension deleted something.
pub(crate) fn by_extension(write: &Write) -> bool {
    let of_extension = write.user.starts_with("system:serviceaccount:")
        && !write.user.starts_with("system:serviceaccount:kube-");
    write.verb == "delete" && of_extension && write.code < 300
}

/// Whether a resource's name is the plural of a kind, as Kubernetes forms it.
fn plural_of(kind: &str, resource: &str) -> bool {
    let kind = kind.to_lowercase();
    let stem = kind.strip_suffix('y').unwrap_or(&kind);
    resource.starts_with(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(user: &str, name: &str) -> Write {
        Write {
            at: jiff::Timestamp::UNIX_EPOCH,
            user: user.to_owned(),
            verb: "delete".to_owned(),
            group: String::new(),
            resource: "configmaps".to_owned(),
            namespace: "default".to_owned(),
            name: name.to_owned(),
            code: 200,
            version: Some(1),
        }
    }

    #[test]
    fn only_the_extension_is_judged_and_only_by_inventories() {
        let key = Key {
            group: String::new(),
            kind: "ConfigMap".to_owned(),
            namespace: "default".to_owned(),
            name: "a".to_owned(),
        };
        let inventoried = BTreeSet::from([key]);
        let controller = "system:serviceaccount:flux-system:kustomize-controller";
        assert!(check(&write(controller, "a"), &inventoried).is_ok());
        assert!(check(&write(controller, "b"), &inventoried).is_err());
        assert!(check(&write("kubernetes-admin", "b"), &inventoried).is_ok());
    }
}
