//! One cluster as its API server shows it: which kinds there are, and requests for their objects.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{Method, Request, header};
use kube::Client;
use manifest::{Gvk, ObjectRef};
use serde_json::{Value, json};

use crate::ApiError;

/// Where a kind is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The resource's name in paths.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

type Kinds = BTreeMap<String, Mapping>;

/// A cluster. Cheap to clone; clones share what they learnt about kinds.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    kinds: Arc<Mutex<BTreeMap<String, Kinds>>>,
}

impl Cluster {
    /// The cluster that the client talks to.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            kinds: Arc::default(),
        }
    }

    /// The same cluster as another user; what is known about kinds is shared.
    #[must_use]
    pub fn with_client(&self, client: Client) -> Self {
        Self {
            client,
            kinds: Arc::clone(&self.kinds),
        }
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where a kind is found. A kind that is unknown is looked up anew: its CRD may have come just now.
    ///
    /// # Errors
    /// [`ApiError::NoMatch`] when the cluster has no such kind.
    pub async fn mapping(&self, gvk: &Gvk) -> Result<Mapping, ApiError> {
        let api_version = gvk.api_version();
        let known = self
            .lock()
            .get(&api_version)
            .and_then(|kinds| kinds.get(&gvk.kind))
            .cloned();
        if let Some(mapping) = known {
            return Ok(mapping);
        }
        let listed = if gvk.group.is_empty() {
            self.client.list_core_api_resources(&gvk.version).await
        } else {
            self.client.list_api_group_resources(&api_version).await
        };
        let mut kinds = Kinds::new();
        match listed {
            Ok(list) => {
                let top = list
                    .resources
                    .into_iter()
                    .filter(|resource| !resource.name.contains('/'));
                kinds.extend(top.map(|resource| {
                    let mapping = Mapping {
                        plural: resource.name,
                        namespaced: resource.namespaced,
                    };
                    (resource.kind, mapping)
                }));
            }
            Err(error) => match ApiError::from(error) {
                refused if refused.is_not_found() => {}
                other => return Err(other),
            },
        }
        let found = kinds.get(&gvk.kind).cloned();
        self.lock().insert(api_version.clone(), kinds);
        found.ok_or_else(|| ApiError::NoMatch {
            kind: gvk.kind.clone(),
            api_version,
        })
    }

    async fn path(&self, object: &ObjectRef) -> Result<String, ApiError> {
        let mapping = self.mapping(&object.gvk).await?;
        let root = if object.gvk.group.is_empty() {
            "/api"
        } else {
            "/apis"
        };
        let api_version = object.gvk.api_version();
        let Mapping { plural, namespaced } = mapping;
        let name = &object.name;
        // Without a namespace the path names nothing, and the server says so, as it does to upstream.
        let collection = if namespaced && !object.namespace.is_empty() {
            let namespace = &object.namespace;
            format!("{root}/{api_version}/namespaces/{namespace}/{plural}")
        } else {
            format!("{root}/{api_version}/{plural}")
        };
        Ok(if name.is_empty() {
            collection
        } else {
            format!("{collection}/{name}")
        })
    }

    /// Reads an object.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached.
    pub async fn get(&self, object: &ObjectRef) -> Result<Value, ApiError> {
        self.request(Method::GET, object, "", None).await
    }

    /// Applies an object as `manager`, taking over fields of other managers.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached.
    pub async fn apply(&self, object: &Value, manager: &str, dry_run: bool) -> Result<Value, ApiError> {
        let mut query = format!("?fieldManager={manager}&force=true");
        if dry_run {
            query.push_str("&dryRun=All");
        }
        let body = (APPLY, object);
        self.request(Method::PATCH, &ObjectRef::of(object), &query, Some(body))
            .await
    }

    /// Patches an object with a JSON patch.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached.
    pub async fn json_patch(
        &self,
        object: &ObjectRef,
        manager: &str,
        patch: &Value,
    ) -> Result<Value, ApiError> {
        let query = format!("?fieldManager={manager}");
        self.request(Method::PATCH, object, &query, Some((JSON_PATCH, patch)))
            .await
    }

    /// Patches an object with a JSON merge patch.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached.
    pub async fn merge_patch(
        &self,
        object: &ObjectRef,
        manager: &str,
        patch: &Value,
    ) -> Result<Value, ApiError> {
        let query = format!("?fieldManager={manager}");
        self.request(Method::PATCH, object, &query, Some((MERGE_PATCH, patch)))
            .await
    }

    /// Creates an object.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached; a conflict when it is there already.
    pub async fn create(&self, object: &Value, manager: &str) -> Result<Value, ApiError> {
        let collection = ObjectRef {
            name: String::new(),
            ..ObjectRef::of(object)
        };
        let query = format!("?fieldManager={manager}");
        self.request(Method::POST, &collection, &query, Some((JSON, object)))
            .await
    }

    /// Writes an object in the place of the one that is there.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached.
    pub async fn replace(&self, object: &Value, manager: &str) -> Result<Value, ApiError> {
        let query = format!("?fieldManager={manager}");
        self.request(Method::PUT, &ObjectRef::of(object), &query, Some((JSON, object)))
            .await
    }

    /// The objects of a kind in a namespace, of the whole cluster when that is empty, with these labels.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached.
    pub async fn list(&self, gvk: &Gvk, namespace: &str, labels: &str) -> Result<Vec<Value>, ApiError> {
        let collection = ObjectRef {
            gvk: gvk.clone(),
            namespace: namespace.to_owned(),
            name: String::new(),
        };
        let query = if labels.is_empty() {
            String::new()
        } else {
            let labels = labels.replace('=', "%3D").replace(',', "%2C");
            format!("?labelSelector={labels}")
        };
        let mut found = self.request(Method::GET, &collection, &query, None).await?;
        let items = match found.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        // Items of a list do not say what they are.
        let api_version = gvk.api_version();
        Ok(items
            .into_iter()
            .map(|mut item| {
                item["apiVersion"] = json!(api_version);
                item["kind"] = json!(gvk.kind);
                item
            })
            .collect())
    }

    /// Deletes an object; what it owns follows in the background.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached.
    pub async fn delete(&self, object: &ObjectRef) -> Result<(), ApiError> {
        self.delete_with(object, "Background").await
    }

    /// Deletes an object; `propagation` says what becomes of what it owns: `Background`, `Foreground` or `Orphan`.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached.
    pub async fn delete_with(&self, object: &ObjectRef, propagation: &str) -> Result<(), ApiError> {
        let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation});
        self.request(Method::DELETE, object, "", Some((JSON, &options)))
            .await?;
        Ok(())
    }

    async fn request(
        &self,
        method: Method,
        object: &ObjectRef,
        query: &str,
        body: Option<(&'static str, &Value)>,
    ) -> Result<Value, ApiError> {
        let answer = self.send(method.clone(), object, query, body).await;
        // A resource that is gone as a whole may have been known from before its CRD was deleted.
        if let Err(ApiError::Refused {
            code: 404,
            named: false,
            ..
        }) = &answer
        {
            let known = self.lock().remove(&object.gvk.api_version()).is_some();
            if known && self.mapping(&object.gvk).await.is_err() {
                return self.send(method, object, query, body).await;
            }
        }
        answer
    }

    async fn send(
        &self,
        method: Method,
        object: &ObjectRef,
        query: &str,
        body: Option<(&'static str, &Value)>,
    ) -> Result<Value, ApiError> {
        let path = self.path(object).await?;
        let broken = |error: &dyn std::fmt::Display| ApiError::Transport(error.to_string());
        let mut request = Request::builder().method(method).uri(format!("{path}{query}"));
        let mut bytes = Vec::new();
        if let Some((content_type, value)) = body {
            request = request.header(header::CONTENT_TYPE, content_type);
            bytes = serde_json::to_vec(value).map_err(|error| broken(&error))?;
        }
        let request = request.body(bytes).map_err(|error| broken(&error))?;
        Ok(self.client.request::<Value>(request).await?)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Kinds>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
