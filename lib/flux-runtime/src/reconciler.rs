//! What a controller says about itself.

use std::{fmt::Debug, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Done, Failure, Progress};

/// When a failed pass is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryPolicy {
    /// With exponential back-off.
    Backoff,
    /// After a fixed time.
    After(Duration),
}

/// The part of a controller that differs from the others.
///
/// Facts are written into `status` the moment they are true; the verdict is the return value. Members of `status`
/// that the shell owns (`conditions`, `observedGeneration`, `lastHandledReconcileAt`) are ignored.
pub trait Reconciler: Send + Sync + 'static {
    /// The kind.
    type Object: kube::Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug + Send + Sync;
    /// Its status.
    type Status: Serialize + DeserializeOwned + Default + Clone + Send + Sync;

    /// The controller's name: source of events and, with `gotk-` before it, manager of the status.
    const CONTROLLER: &'static str;

    /// How long after a success the next pass is.
    fn interval(&self, object: &Self::Object) -> Duration;

    /// Whether reconciliation is halted.
    fn suspended(&self, object: &Self::Object) -> bool;

    /// Whether the object is only data at present: nothing is done with it, and what was done before is taken back.
    fn inert(&self, object: &Self::Object) -> bool {
        let _ = object;
        false
    }

    /// When a failed pass is tried again.
    fn retry(&self, object: &Self::Object) -> RetryPolicy {
        let _ = object;
        RetryPolicy::Backoff
    }

    /// One pass.
    fn reconcile(
        &self,
        object: &Self::Object,
        status: &mut Self::Status,
        progress: &Progress,
    ) -> impl Future<Output = Result<Done, Failure>> + Send;

    /// What has to happen before the object may go. On success the finalizer is removed.
    fn finalize(
        &self,
        object: &Self::Object,
        status: &mut Self::Status,
        progress: &Progress,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}
