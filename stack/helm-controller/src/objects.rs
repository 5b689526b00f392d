//! The objects of a release: read from its manifest, marked as its own, written and taken away.

use helm::Record;
use manifest::{Gvk, ObjectRef, object, object::map_at};
use serde_json::{Map, Value, json};
use ssa::{ApiError, Cluster};

use crate::{action::Error, config::NAME};

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const RELEASE_NAME: &str = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
const RESOURCE_POLICY: &str = "helm.sh/resource-policy";

/// Reads the objects of a manifest and puts those without a namespace where the release is.
pub(crate) async fn read(cluster: &Cluster, text: &str, namespace: &str) -> Result<Vec<Value>, String> {
    let documents =
        yaml::read_documents(text, yaml::Dialect::Kubernetes).map_err(|error| error.to_string())?;
    let mut objects = Vec::new();
    for document in documents {
        flatten(document, &mut objects);
    }
    for object in &mut objects {
        let gvk = Gvk::new(object::api_version(object), object::kind(object));
        let name = object::name(object).to_owned();
        let mapping = cluster.mapping(&gvk).await.map_err(|error| match error {
            ApiError::NoMatch { .. } => format!(
                "resource mapping not found for name: {name:?} namespace: {:?} from \"\": {error}\nensure CRDs are \
                 installed first",
                object::namespace(object)
            ),
            other => other.to_string(),
        })?;
        if mapping.namespaced && object::namespace(object).is_empty() {
            map_at(object, &["metadata"]).insert("namespace".to_owned(), json!(namespace));
        }
    }
    Ok(objects)
}

fn flatten(document: Value, objects: &mut Vec<Value>) {
    if object::kind(&document).is_empty() {
        return;
    }
    match document.get("items").and_then(Value::as_array) {
        Some(items) if object::kind(&document).ends_with("List") => {
            items.iter().for_each(|item| flatten(item.clone(), objects));
        }
        _ => objects.push(document),
    }
}

/// Marks objects as those of a release.
pub(crate) fn mark(objects: &mut [Value], record: &Record) {
    for object in objects {
        map_at(object, &["metadata", "labels"]).insert(MANAGED_BY.to_owned(), json!("Helm"));
        let annotations = map_at(object, &["metadata", "annotations"]);
        annotations.insert(RELEASE_NAME.to_owned(), json!(record.name));
        annotations.insert(RELEASE_NAMESPACE.to_owned(), json!(record.namespace));
    }
}

/// Whether a live object belongs to a release.
fn check_ownership(live: &Value, record: &Record) -> Result<(), String> {
    let mut errors = Vec::new();
    let mut require = |map: Option<&Map<String, Value>>, what: &str, key: &str, wanted: &str| {
        let found = map.and_then(|map| map.get(key)).and_then(Value::as_str);
        match found {
            Some(found) if found == wanted => {}
            Some(found) => errors.push(format!(
                "{what} validation error: key {key:?} must equal {wanted:?}: current value is {found:?}"
            )),
            None => errors.push(format!(
                "{what} validation error: missing key {key:?}: must be set to {wanted:?}"
            )),
        }
    };
    require(object::labels(live), "label", MANAGED_BY, "Helm");
    require(
        object::annotations(live),
        "annotation",
        RELEASE_NAME,
        &record.name,
    );
    require(
        object::annotations(live),
        "annotation",
        RELEASE_NAMESPACE,
        &record.namespace,
    );
    if errors.is_empty() {
        Ok(())
    } else {
        Err(format!("invalid ownership metadata; {}", errors.join("; ")))
    }
}

fn called(object: &Value) -> String {
    let reference = ObjectRef::of(object);
    format!(
        "{} {:?} in namespace {:?}",
        reference.gvk.kind, reference.name, reference.namespace
    )
}

/// Refuses objects that are there and not the release's.
pub(crate) async fn refuse_others(
    cluster: &Cluster,
    objects: &[Value],
    record: &Record,
) -> Result<(), String> {
    for object in objects {
        match cluster.get(&ObjectRef::of(object)).await {
            Ok(live) => check_ownership(&live, record).map_err(|error| {
                let name = called(object);
                format!("{name} exists and cannot be imported into the current release: {error}")
            })?,
            Err(error) if error.is_not_found() => {}
            Err(error) => {
                let name = called(object);
                return Err(format!(
                    "could not get information about the resource {name}: {error}"
                ));
            }
        }
    }
    Ok(())
}

/// How objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    /// By the server.
    pub(crate) server_side: bool,
    /// Replaced rather than patched.
    pub(crate) replace: bool,
}

impl Method {
    /// The word in records.
    pub(crate) fn word(self) -> &'static str {
        if self.server_side { "ssa" } else { "csa" }
    }

    pub(crate) fn of(word: &str) -> Self {
        Self {
            server_side: word == "ssa",
            replace: false,
        }
    }
}

/// Brings the cluster from the objects of one revision to those of another; tells which are new.
///
/// # Errors
/// The first refusal; with it, what was new until then.
pub(crate) async fn update(
    cluster: &Cluster,
    from: &[Value],
    to: &[Value],
    method: Method,
) -> Result<Vec<ObjectRef>, (Vec<ObjectRef>, Error)> {
    let mut created = Vec::new();
    for object in to {
        let reference = ObjectRef::of(object);
        let before = from.iter().find(|other| same(&ObjectRef::of(other), &reference));
        match write(cluster, before, object, method).await {
            Ok(true) => created.push(reference),
            Ok(false) => {}
            Err(error) => return Err((created, error)),
        }
    }
    for gone in from {
        let reference = ObjectRef::of(gone);
        if to.iter().any(|other| same(&ObjectRef::of(other), &reference)) {
            continue;
        }
        if let Err(error) = remove(cluster, &reference).await {
            return Err((created, error.into()));
        }
    }
    Ok(created)
}

/// Whether two references mean one object, whatever the version.
pub(crate) fn same(a: &ObjectRef, b: &ObjectRef) -> bool {
    (&a.gvk.group, &a.gvk.kind, &a.namespace, &a.name) == (&b.gvk.group, &b.gvk.kind, &b.namespace, &b.name)
}

async fn remove(cluster: &Cluster, reference: &ObjectRef) -> Result<(), ApiError> {
    match cluster.get(reference).await {
        // It asks to be kept.
        Ok(live) if is_kept(&live) => Ok(()),
        Ok(_) => match cluster.delete(reference).await {
            Err(error) if !error.is_absent() => Err(error),
            _ => Ok(()),
        },
        Err(error) if error.is_absent() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether an object is to stay when its release no longer has it.
pub(crate) fn is_kept(object: &Value) -> bool {
    object::annotation(object, RESOURCE_POLICY)
        .is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep"))
}

/// Writes one object; tells whether it is new. What a Secret holds does not show in the error.
pub(crate) async fn write(
    cluster: &Cluster,
    before: Option<&Value>,
    object: &Value,
    method: Method,
) -> Result<bool, Error> {
    let outcome = write_plainly(cluster, before, object, method).await;
    outcome.map_err(|error| Error::new(ssa::mask(error.to_string(), object)))
}

async fn write_plainly(
    cluster: &Cluster,
    before: Option<&Value>,
    object: &Value,
    method: Method,
) -> Result<bool, Error> {
    let reference = ObjectRef::of(object);
    let live = match cluster.get(&reference).await {
        Ok(live) => Some(live),
        Err(error) if error.is_not_found() => None,
        Err(error) => {
            return Err(Error::new(format!(
                "could not get information about the resource: {error}"
            )));
        }
    };
    let is_new = live.is_none();
    if method.server_side {
        cluster.apply(object, NAME, false).await.map_err(|error| {
            let ObjectRef { gvk, namespace, name } = &reference;
            Error::new(format!(
                "server-side apply failed for object {namespace}/{name} {}, Kind={}: {error}",
                gvk.api_version(),
                gvk.kind
            ))
        })?;
        return Ok(is_new);
    }
    let Some(live) = live else {
        let failed = |error: ApiError| Error::new(format!("failed to create resource: {error}"));
        cluster.create(object, NAME).await.map_err(failed)?;
        return Ok(true);
    };
    if method.replace {
        let mut object = object.clone();
        let version = json!(object::resource_version(&live));
        map_at(&mut object, &["metadata"]).insert("resourceVersion".to_owned(), version);
        let failed = |error: ApiError| Error::new(format!("failed to replace object: {error}"));
        cluster.replace(&object, NAME).await.map_err(failed)?;
        return Ok(false);
    }
    // DIFFERENCE: Helm patches built-in kinds by their merge keys; here lists are replaced as a whole.
    let patch = three_way(before.unwrap_or(&Value::Null), object, &live);
    if patch.as_object().is_some_and(|patch| !patch.is_empty()) {
        cluster
            .merge_patch(&reference, NAME, &patch)
            .await
            .map_err(|error| {
                let ObjectRef { gvk, name, .. } = &reference;
                Error::new(format!("cannot patch {name:?} with kind {}: {error}", gvk.kind))
            })?;
    }
    Ok(false)
}

/// The merge patch that takes away what the last revision had and this one has not, and writes what differs.
fn three_way(before: &Value, wanted: &Value, live: &Value) -> Value {
    let (Value::Object(wanted), Value::Object(live)) = (wanted, live) else {
        return wanted.clone();
    };
    let mut patch = Map::new();
    let gone = before.as_object().into_iter().flatten().map(|(key, _)| key);
    for key in gone.filter(|key| !wanted.contains_key(*key) && live.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in wanted {
        match live.get(key) {
            Some(found) if found == value => {}
            Some(found @ Value::Object(_)) if value.is_object() => {
                let inner = three_way(before.get(key).unwrap_or(&Value::Null), value, found);
                if inner.as_object().is_some_and(|inner| !inner.is_empty()) {
                    patch.insert(key.clone(), inner);
                }
            }
            None if value.is_null() => {}
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

/// Those of the objects that are there and belong to the release.
pub(crate) async fn owned(cluster: &Cluster, objects: Vec<Value>, record: &Record) -> Vec<Value> {
    let mut owned = Vec::new();
    for object in objects {
        if let Ok(live) = cluster.get(&ObjectRef::of(&object)).await
            && check_ownership(&live, record).is_ok()
        {
            owned.push(object);
        }
    }
    owned
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: HC-60.
    #[test]
    fn ownership_is_told_by_label_and_annotations() {
        let record = Record {
            name: "web".to_owned(),
            namespace: "apps".to_owned(),
            ..Record::default()
        };
        let mut object =
            json!({"kind": "ConfigMap", "metadata": {"name": "a", "annotations": {RELEASE_NAME: "other"}}});
        assert_eq!(
            check_ownership(&object, &record).unwrap_err(),
            "invalid ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": must \
             be set to \"Helm\"; annotation validation error: key \"meta.helm.sh/release-name\" must equal \"web\": \
             current value is \"other\"; annotation validation error: missing key \
             \"meta.helm.sh/release-namespace\": must be set to \"apps\""
        );
        mark(std::slice::from_mut(&mut object), &record);
        assert_eq!(check_ownership(&object, &record), Ok(()));
    }

    #[test]
    fn a_patch_takes_away_only_what_the_release_had() {
        let before = json!({"data": {"a": "1", "b": "1"}});
        let wanted = json!({"data": {"a": "2"}});
        let live = json!({"data": {"a": "1", "b": "1", "c": "1"}, "metadata": {"uid": "x"}});
        assert_eq!(
            three_way(&before, &wanted, &live),
            json!({"data": {"a": "2", "b": null}})
        );
        assert_eq!(three_way(&before, &live, &live), json!({}));
    }

    #[test]
    fn lists_are_their_items() {
        let mut objects = Vec::new();
        flatten(
            json!({"kind": "List", "items": [{"kind": "A"}, {"kind": "B"}]}),
            &mut objects,
        );
        flatten(Value::Null, &mut objects);
        assert_eq!(objects, [json!({"kind": "A"}), json!({"kind": "B"})]);
    }
}
