//! What can go wrong in the world: scenarios name it (`break`, `heal`), seeds draw it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something of the world that can break. Faults of the API concern the extension's own accounts and nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// The Git server refuses connections.
    GitServerDown,
    /// The Git server answers later than clients wait.
    GitServerSlow,
    /// The Git server's answers break off in the middle.
    GitAnswersTruncated,
    /// The components do not reach each other.
    NetworkParted,
    /// The API server is not reached, and open watches end.
    ApiDown,
    /// Every other write is refused with 409: somebody else was faster.
    ApiConflicts,
    /// Every other request is refused with 429 and `Retry-After`.
    ApiTooManyRequests,
    /// Every other request fails with 500; some of the writes among them happened.
    ApiInternalErrors,
    /// Every other request ends with 504; some of the writes among them happened.
    ApiTimeouts,
    /// Answers take up to twenty seconds.
    ApiSlow,
    /// Every request is refused with 401.
    TokensExpired,
    /// Watches are cut half a minute after they were opened at the latest, sometimes within an event.
    WatchesCut,
    /// Watches tell up to twenty seconds late what happened.
    WatchesDelayed,
    /// Watches get no bookmarks.
    BookmarksMissing,
    /// Watches are cut and cannot be opened; once healed, the server has forgotten what happened before (410).
    Compaction,
    /// Admission webhooks are not reached.
    WebhooksDown,
    /// Every node falls silent: what runs there dies, and after 50 seconds counts as gone.
    NodesLost,
}

impl Fault {
    /// The faults that seeds draw. The others are for scenarios that prepare for them: webhooks have to be there, and
    /// what becomes of pods whose node is lost is Kubernetes' affair for the first five minutes.
    pub(crate) const DRAWN: [Self; 15] = [
        Self::GitServerDown,
        Self::GitServerSlow,
        Self::GitAnswersTruncated,
        Self::NetworkParted,
        Self::ApiDown,
        Self::ApiConflicts,
        Self::ApiTooManyRequests,
        Self::ApiInternalErrors,
        Self::ApiTimeouts,
        Self::ApiSlow,
        Self::TokensExpired,
        Self::WatchesCut,
        Self::WatchesDelayed,
        Self::BookmarksMissing,
        Self::Compaction,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The words of scenario files.
        let word = serde_json::to_value(self).unwrap_or_default();
        f.write_str(word.as_str().unwrap_or_default())
    }
}

type Switch = Arc<dyn Fn(Fault, bool) + Send + Sync>;

/// The switches of a world. A fault that was broken twice is mended when it was healed twice.
#[derive(Clone)]
pub(crate) struct Faults {
    switch: Switch,
    counts: Arc<Mutex<BTreeMap<Fault, u32>>>,
}

impl Faults {
    /// Faults that begin and end with a call of `switch`.
    pub(crate) fn new(switch: impl Fn(Fault, bool) + Send + Sync + 'static) -> Self {
        Self {
            switch: Arc::new(switch),
            counts: Arc::default(),
        }
    }

    /// Begins a fault.
    pub(crate) fn begin(&self, fault: Fault) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(fault).or_default();
        *count += 1;
        if *count == 1 {
            (self.switch)(fault, true);
        }
    }

    /// Ends a fault; one that never began stays as it is.
    pub(crate) fn end(&self, fault: Fault) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = counts.get_mut(&fault).filter(|count| **count > 0) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            (self.switch)(fault, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_faults_end_with_the_last() {
        let told: Arc<Mutex<Vec<(Fault, bool)>>> = Arc::default();
        let seen = told.clone();
        let faults = Faults::new(move |fault, broken| seen.lock().unwrap().push((fault, broken)));
        faults.end(Fault::ApiSlow);
        faults.begin(Fault::ApiSlow);
        faults.begin(Fault::ApiSlow);
        faults.end(Fault::ApiSlow);
        assert_eq!(*told.lock().unwrap(), [(Fault::ApiSlow, true)]);
        faults.end(Fault::ApiSlow);
        assert_eq!(told.lock().unwrap().last(), Some(&(Fault::ApiSlow, false)));
        assert_eq!(Fault::GitServerDown.to_string(), "gitServerDown");
    }
}
