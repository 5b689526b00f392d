//! `status.history`: the last distinct outcomes.

use std::{collections::BTreeMap, time::Duration};

use flux_api::{Reason, Time, kustomization::Snapshot};
use jiff::Timestamp;
use stdx::duration::GoDuration;

/// How many outcomes are kept.
const KEPT: usize = 5;

/// One outcome.
pub(crate) struct Entry {
    pub(crate) digest: String,
    pub(crate) now: Timestamp,
    pub(crate) took: Duration,
    pub(crate) reason: Reason,
    pub(crate) revision: String,
    pub(crate) origin: Option<String>,
}

/// Counts an outcome that came before, or puts a new one in front.
pub(crate) fn record(history: &mut Option<Vec<Snapshot>>, entry: Entry) {
    let history = history.get_or_insert_default();
    let now = Time::new(entry.now);
    let mut metadata = BTreeMap::from([("revision".to_owned(), entry.revision)]);
    metadata.extend(entry.origin.map(|origin| ("originRevision".to_owned(), origin)));
    let known = history.iter().position(|known| {
        known.digest == entry.digest && known.last_reconciled_status == entry.reason.as_str()
    });
    let (first_reconciled, count) = match known.map(|at| history.remove(at)) {
        Some(known) => (known.first_reconciled, known.total_reconciliations),
        None => (now, 0),
    };
    let snapshot = Snapshot {
        digest: entry.digest,
        first_reconciled,
        last_reconciled: now,
        last_reconciled_duration: GoDuration(entry.took),
        last_reconciled_status: entry.reason.as_str().to_owned(),
        metadata: Some(metadata),
        total_reconciliations: count + 1,
    };
    history.insert(0, snapshot);
    history.truncate(KEPT);
}

#[cfg(test)]
mod tests {
    use flux_api::reason;

    use super::*;

    // Covers: KC-11.
    #[test]
    fn equal_outcomes_are_counted_and_five_are_kept() {
        let mut history = None;
        for digest in ["a", "b", "c", "d", "e", "f", "e"] {
            let entry = Entry {
                digest: digest.to_owned(),
                now: Timestamp::UNIX_EPOCH,
                took: Duration::ZERO,
                reason: reason::RECONCILIATION_SUCCEEDED,
                revision: "r".to_owned(),
                origin: None,
            };
            record(&mut history, entry);
        }
        let history = history.unwrap();
        let digests: Vec<_> = history
            .iter()
            .map(|s| (s.digest.as_str(), s.total_reconciliations))
            .collect();
        assert_eq!(digests, [("e", 2), ("f", 1), ("d", 1), ("c", 1), ("b", 1)]);
    }
}
