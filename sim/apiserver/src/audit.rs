//! Who wrote what, for traces and invariants.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::{gvr::Gvr, limits};

/// A finished request that was no read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was served.
    pub time: Timestamp,
    /// As whom, after impersonation.
    pub user: String,
    /// Such as `create` or `delete`.
    pub verb: &'static str,
    /// On which resource.
    pub gvr: Gvr,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Empty for collections and generated names that were refused.
    pub name: String,
    /// Empty for the object itself.
    pub subresource: String,
    /// Nothing was to be written.
    pub dry_run: bool,
    /// The HTTP status of the answer.
    pub code: u16,
    /// The `resourceVersion` after it, if it moved.
    pub resource_version: Option<u64>,
}

/// The entries that are kept, each with the number of real writes before it.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<(usize, Entry)>,
    writes: usize,
}

impl Log {
    pub(crate) fn push(&mut self, entry: Entry) {
        let before = self.writes;
        self.writes += usize::from(!entry.dry_run);
        self.entries.push_back((before, entry));
        if self.entries.len() > limits::AUDIT {
            self.entries.pop_front();
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// The real writes from the `first`th on.
    pub(crate) fn writes_from(&self, first: usize) -> impl Iterator<Item = &Entry> {
        let start = self.entries.partition_point(|(before, _)| *before < first);
        let rest = self.entries.range(start..).map(|(_, entry)| entry);
        rest.filter(|entry| !entry.dry_run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_writes_are_counted_whatever_was_forgotten() {
        let mut log = Log::default();
        for number in 0..limits::AUDIT + 10 {
            log.push(Entry {
                time: Timestamp::UNIX_EPOCH,
                user: number.to_string(),
                verb: "create",
                gvr: Gvr::new("", "v1", "pods"),
                namespace: String::new(),
                name: String::new(),
                subresource: String::new(),
                dry_run: number % 2 == 1,
                code: 201,
                resource_version: None,
            });
        }
        // The 25,003rd write is the entry 50,006.
        let last: Vec<&str> = log.writes_from(25_003).map(|entry| entry.user.as_str()).collect();
        assert_eq!(last, ["50006", "50008"]);
        assert_eq!(log.writes_from(25_005).count(), 0);
        assert_eq!(log.writes_from(0).count(), limits::AUDIT / 2);
        assert_eq!(log.all().count(), limits::AUDIT);
    }
}
