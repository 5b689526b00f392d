//! Records of releases as Secrets, where Helm finds them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use edges::Clock;
use helm::Record;
use manifest::{Gvk, ObjectRef};
use serde_json::{Value, json};
use ssa::{ApiError, Cluster};

use crate::{action::Error, config::NAME};

/// The records of one namespace, and which of them were written.
pub(crate) struct Storage {
    cluster: Cluster,
    namespace: String,
    clock: Clock,
    written: Mutex<BTreeMap<i64, Record>>,
}

impl Storage {
    pub(crate) fn new(cluster: Cluster, namespace: String, clock: Clock) -> Self {
        Self {
            cluster,
            namespace,
            clock,
            written: Mutex::default(),
        }
    }

    /// The records that were written since this was last asked, by their versions.
    pub(crate) fn take_written(&self) -> BTreeMap<i64, Record> {
        std::mem::take(&mut *self.lock())
    }

    /// All records of a release, the oldest first.
    pub(crate) async fn history(&self, name: &str) -> Result<Vec<Record>, Error> {
        let labels = format!("name={name},owner=helm");
        let found = self.cluster.list(&secret(), &self.namespace, &labels).await?;
        let mut records = Vec::new();
        for secret in &found {
            records.push(decode(secret)?);
        }
        records.sort_by_key(|record| record.version);
        Ok(records)
    }

    /// The latest record of a release.
    pub(crate) async fn last(&self, name: &str) -> Result<Option<Record>, Error> {
        Ok(self.history(name).await?.pop())
    }

    /// One record.
    pub(crate) async fn get(&self, name: &str, version: i64) -> Result<Option<Record>, Error> {
        match self.cluster.get(&self.reference(name, version)).await {
            Ok(secret) => Ok(Some(decode(&secret)?)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a new record; of the older ones as many go as are too many, 0 for none.
    pub(crate) async fn create(&self, record: &Record, max_history: i64) -> Result<(), Error> {
        if max_history > 0 {
            self.remove_oldest(&record.name, max_history - 1).await?;
        }
        let failed = |error: ApiError| Error::new(format!("create: failed to create: {error}"));
        let secret = self.encode(record, "createdAt")?;
        self.cluster.create(&secret, NAME).await.map_err(failed)?;
        self.remember(record);
        Ok(())
    }

    /// Writes a record that exists.
    pub(crate) async fn update(&self, record: &Record) -> Result<(), Error> {
        let failed = |error: ApiError| Error::new(format!("update: failed to update: {error}"));
        let secret = self.encode(record, "modifiedAt")?;
        self.cluster.replace(&secret, NAME).await.map_err(failed)?;
        self.remember(record);
        Ok(())
    }

    /// Deletes a record; the status that it then has is remembered as if written.
    pub(crate) async fn delete(&self, record: &Record) -> Result<(), Error> {
        match self
            .cluster
            .delete(&self.reference(&record.name, record.version))
            .await
        {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            _ => {}
        }
        self.remember(record);
        Ok(())
    }

    async fn remove_oldest(&self, name: &str, keep: i64) -> Result<(), Error> {
        let records = self.history(name).await?;
        let deployed = records
            .iter()
            .rev()
            .find(|record| record.info.status == "deployed");
        let deployed = deployed.map(|record| record.version);
        let surplus = records
            .len()
            .saturating_sub(usize::try_from(keep).unwrap_or_default());
        let removable = records.iter().filter(|record| Some(record.version) != deployed);
        for record in removable.take(surplus) {
            let reference = self.reference(name, record.version);
            match self.cluster.delete(&reference).await {
                Err(error) if !error.is_not_found() => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn reference(&self, name: &str, version: i64) -> ObjectRef {
        ObjectRef {
            gvk: secret(),
            namespace: self.namespace.clone(),
            name: format!("sh.helm.release.v1.{name}.v{version}"),
        }
    }

    fn encode(&self, record: &Record, stamp: &str) -> Result<Value, Error> {
        let release = record.encode().map_err(|error| Error::new(error.shown()))?;
        let reference = self.reference(&record.name, record.version);
        Ok(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": reference.name,
                "namespace": reference.namespace,
                "labels": {
                    "name": record.name,
                    "owner": "helm",
                    "status": record.info.status,
                    "version": record.version.to_string(),
                    stamp: self.clock.now().as_second().to_string(),
                },
            },
            "type": "helm.sh/release.v1",
            "data": {"release": STANDARD.encode(release)},
        }))
    }

    fn remember(&self, record: &Record) {
        self.lock().insert(record.version, record.clone());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Record>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn secret() -> Gvk {
    Gvk::new("v1", "Secret")
}

fn decode(secret: &Value) -> Result<Record, Error> {
    let failed = |text: &str| Error::new(format!("failed to decode release: {text}"));
    let data = secret.pointer("/data/release").and_then(Value::as_str);
    let bytes = STANDARD.decode(data.ok_or_else(|| failed("the Secret has no release"))?);
    let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| failed("the Secret's release is no text"))?;
    Record::decode(&text).map_err(|error| Error::new(error.shown()))
}
