//! The feed of writes for in-process controllers.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::gvr::Gvr;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// One write.
#[derive(Debug, Clone)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The resource, in its stored version.
    pub gvr: Gvr,
    /// The object after the write; its last state if it is gone.
    pub object: Arc<Value>,
    /// The revision of the write.
    pub resource_version: u64,
}

/// Every write from the moment of subscription on, in order, none lost.
#[derive(Debug)]
pub struct Changes(pub(crate) UnboundedReceiver<Change>);

impl Changes {
    /// The next write; waits for it. After the server is gone it waits for ever.
    pub async fn next(&mut self) -> Change {
        match self.0.recv().await {
            Some(change) => change,
            None => std::future::pending().await,
        }
    }

    /// The next write if there is one already.
    pub fn try_next(&mut self) -> Option<Change> {
        self.0.try_recv().ok()
    }
}
