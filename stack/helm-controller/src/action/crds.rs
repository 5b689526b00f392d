//! The definitions that a chart brings along.

use std::time::Duration;

use flux_api::helm_release::CrdsPolicy;
use manifest::{ObjectRef, object, object::map_at};
use serde_json::{Value, json};
use yaml::Dialect;

use super::{Actor, Error, Wanted};
use crate::{
    objects::{self, Method},
    post_render::origin_labels,
    wait,
};

/// The definitions in `crds/`; anything else there is left out.
pub(crate) fn of(wanted: &Wanted) -> Result<Vec<Value>, Error> {
    let files = helm::crds(&wanted.chart, &wanted.values).map_err(|error| Error::new(error.shown()))?;
    let mut definitions = Vec::new();
    for file in files {
        let text = String::from_utf8_lossy(&file.data);
        let documents = yaml::read_documents(&text, Dialect::Kubernetes).map_err(|error| {
            Error::new(format!(
                "failed to parse CustomResourceDefinitions from {}: {error}",
                file.name
            ))
        })?;
        let own = documents
            .into_iter()
            .filter(|document| object::kind(document) == "CustomResourceDefinition");
        definitions.extend(own);
    }
    Ok(definitions)
}

/// Applies the definitions as the policy says, and waits until the cluster knows them.
pub(crate) async fn apply(
    actor: &Actor<'_>,
    wanted: &Wanted,
    policy: CrdsPolicy,
    method: Method,
    timeout: Duration,
) -> Result<(), Error> {
    if policy == CrdsPolicy::Skip {
        return Ok(());
    }
    let mut written = Vec::new();
    for mut definition in of(wanted)? {
        let labels = map_at(&mut definition, &["metadata", "labels"]);
        for (key, value) in origin_labels(actor.object) {
            labels.insert(key, json!(value));
        }
        let reference = ObjectRef::of(&definition);
        let exists = match actor.cluster.get(&reference).await {
            Ok(_) => true,
            Err(error) if error.is_not_found() => false,
            Err(error) => {
                let name = &reference.name;
                return Err(Error::new(format!(
                    "failed to get CustomResourceDefinition {name}: {error}"
                )));
            }
        };
        if exists && policy == CrdsPolicy::Create {
            actor.note(format!(
                "CustomResourceDefinition {} is already present. Skipping.",
                reference.name
            ));
            continue;
        }
        let method = Method {
            replace: !method.server_side,
            ..method
        };
        let outcome = objects::write(&actor.cluster, None, &definition, method).await;
        outcome.map_err(|error| match policy {
            CrdsPolicy::Create => error.within(&format!(
                "failed to create CustomResourceDefinition {}",
                reference.name
            )),
            _ => error.within("failed to update CustomResourceDefinition(s)"),
        })?;
        written.push(definition);
    }
    wait::ready(&actor.manager, &written, actor.expressions, timeout, true)
        .await
        .map_err(|error| error.within("failed to wait for CustomResourceDefinition(s)"))
}
