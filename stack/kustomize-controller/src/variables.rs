//! Variables of `postBuild`, read from the cluster as the controller itself.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use flux_api::{
    Kustomization,
    kustomization::{PostBuild, SubstituteKind, SubstituteReference},
};
use kube::ResourceExt;
use manifest::{Gvk, ObjectRef};
use serde_json::Value;

use crate::reconcile::Kustomizer;

/// The variables, or why there are none. A failure counts only once an object asks for its variables.
pub(crate) type Variables = Result<BTreeMap<String, String>, String>;

/// Gathers the variables: later sources win, inline ones win over all.
pub(crate) async fn of(cx: &Kustomizer, object: &Kustomization) -> Variables {
    let mut variables = BTreeMap::new();
    let Some(post_build) = &object.spec.post_build else {
        return Ok(variables);
    };
    for reference in post_build.substitute_from.iter().flatten() {
        let namespace = object.namespace().unwrap_or_default();
        variables.extend(read(cx, reference, namespace).await?);
    }
    Ok(complete(variables, post_build))
}

/// Variables of other objects with the inline ones over them, all without line breaks.
pub(crate) fn complete(
    mut variables: BTreeMap<String, String>,
    post_build: &PostBuild,
) -> BTreeMap<String, String> {
    variables.extend(post_build.substitute.clone().unwrap_or_default());
    for value in variables.values_mut() {
        value.retain(|c| c != '\n');
    }
    variables
}

async fn read(
    cx: &Kustomizer,
    reference: &SubstituteReference,
    namespace: String,
) -> Result<BTreeMap<String, String>, String> {
    let source = ObjectRef {
        gvk: Gvk::new("v1", reference.kind.as_str()),
        namespace,
        name: reference.name.clone(),
    };
    let found = match cx.cluster.get(&source).await {
        Ok(found) => found,
        Err(error) if error.is_not_found() && reference.optional == Some(true) => return Ok(BTreeMap::new()),
        Err(error) => {
            let kind = reference.kind;
            return Err(format!(
                "substitute from '{kind}/{}' error: {error}",
                reference.name
            ));
        }
    };
    Ok(data(&found, reference.kind))
}

/// The texts that a ConfigMap or Secret holds.
pub(crate) fn data(found: &Value, kind: SubstituteKind) -> BTreeMap<String, String> {
    let data = found.get("data").and_then(Value::as_object).into_iter().flatten();
    let pairs = data.filter_map(|(key, value)| {
        let text = value.as_str()?;
        let text = match kind {
            SubstituteKind::ConfigMap => text.to_owned(),
            SubstituteKind::Secret => String::from_utf8(STANDARD.decode(text).ok()?).ok()?,
        };
        Some((key.clone(), text))
    });
    pairs.collect()
}
