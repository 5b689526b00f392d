//! A list of conditions that keeps Kubernetes' rules: one entry a type, transitions stamped, messages bounded.

use std::cmp::Reverse;

use flux_api::{
    Condition, ConditionStatus, Reason, Time,
    meta::{READY, RECONCILING, STALLED},
};

use crate::limits;

/// The conditions of one object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conditions {
    list: Vec<Condition>,
    generation: i64,
    now: Time,
}

impl Conditions {
    /// The conditions read from an object of this generation.
    pub fn new(list: Vec<Condition>, generation: i64, now: Time) -> Self {
        Self {
            list,
            generation,
            now,
        }
    }

    /// The instant that later changes are stamped with.
    pub fn at(&mut self, now: Time) {
        self.now = now;
    }

    /// The entry of this type.
    pub fn get(&self, kind: &str) -> Option<&Condition> {
        flux_api::meta::condition(&self.list, kind)
    }

    /// Whether the entry exists and is True.
    pub fn is_true(&self, kind: &str) -> bool {
        flux_api::meta::is_true(&self.list, kind)
    }

    /// Sets an entry; the transition time changes with status, reason or message.
    pub fn set(&mut self, kind: &str, status: ConditionStatus, reason: Reason, message: &str) {
        let message = limits::cut(message, limits::CONDITION_MESSAGE, "...");
        let old = self.get(kind);
        let same =
            old.filter(|old| old.status == status && old.reason == reason.as_str() && old.message == message);
        let entry = Condition {
            kind: kind.to_owned(),
            status,
            observed_generation: Some(self.generation),
            last_transition_time: same.map_or(self.now, |old| old.last_transition_time),
            reason: reason.as_str().to_owned(),
            message,
        };
        self.remove(kind);
        self.list.push(entry);
        self.sort();
    }

    /// Removes an entry.
    pub fn remove(&mut self, kind: &str) {
        self.list.retain(|entry| entry.kind != kind);
    }

    /// Work is under way, so nothing stalls.
    pub fn reconciling(&mut self, reason: Reason, message: &str) {
        self.remove(STALLED);
        self.set(RECONCILING, ConditionStatus::True, reason, message);
    }

    /// Nothing more happens, so no work is under way.
    pub fn stalled(&mut self, reason: Reason, message: &str) {
        self.remove(RECONCILING);
        self.set(STALLED, ConditionStatus::True, reason, message);
    }

    /// The entries in the order in which they are written.
    pub fn list(&self) -> &[Condition] {
        &self.list
    }

    fn sort(&mut self) {
        let rank = |kind: &str| {
            [STALLED, RECONCILING, READY]
                .iter()
                .position(|first| *first == kind)
                .unwrap_or(3)
        };
        self.list.sort_by_key(|entry| {
            (
                rank(&entry.kind),
                Reverse(entry.observed_generation),
                entry.kind.clone(),
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use flux_api::reason;

    use super::*;

    fn at(second: i64) -> Time {
        Time::new(jiff::Timestamp::from_second(second).unwrap())
    }

    // Covers: RT-07.
    #[test]
    fn a_transition_is_a_change_of_status_reason_or_message() {
        let mut conditions = Conditions::new(Vec::new(), 1, at(1));
        conditions.set(READY, ConditionStatus::True, reason::SUCCEEDED, "ok");
        let mut again = Conditions::new(conditions.list().to_vec(), 2, at(9));
        again.set(READY, ConditionStatus::True, reason::SUCCEEDED, "ok");
        let ready = again.get(READY).unwrap();
        assert_eq!(
            (ready.last_transition_time, ready.observed_generation),
            (at(1), Some(2))
        );
        again.set(READY, ConditionStatus::True, reason::SUCCEEDED, "better");
        assert_eq!(again.get(READY).unwrap().last_transition_time, at(9));
    }

    // Covers: RT-06.
    #[test]
    fn stalled_and_reconciling_exclude_each_other_and_come_first() {
        let mut conditions = Conditions::new(Vec::new(), 1, at(1));
        conditions.set("Healthy", ConditionStatus::True, reason::SUCCEEDED, "ok");
        conditions.set(READY, ConditionStatus::True, reason::SUCCEEDED, "ok");
        conditions.reconciling(reason::PROGRESSING, "on it");
        conditions.stalled(reason::INVALID_URL, "no");
        let kinds: Vec<_> = conditions.list().iter().map(|c| c.kind.as_str()).collect();
        assert_eq!(kinds, ["Stalled", "Ready", "Healthy"]);
        conditions.reconciling(reason::PROGRESSING, "on it");
        assert!(conditions.get(STALLED).is_none());
    }

    // Covers: RT-08.
    #[test]
    fn long_messages_are_cut() {
        let mut conditions = Conditions::new(Vec::new(), 1, at(1));
        conditions.set(
            READY,
            ConditionStatus::False,
            reason::FAILED,
            &"\u{e9}".repeat(20_000),
        );
        let message = &conditions.get(READY).unwrap().message;
        assert!(message.len() <= 32_768 && message.ends_with("..."));
    }
}
