//! How many replicas go where: rolling updates, and scaling while sets share them.

use std::sync::Arc;

use manifest::object;
use serde_json::Value;

use super::{DESIRED, MOST, Rollout, revision};
use crate::{driver::Again, owned};

/// Replicas that sets shall have, and that are available in them.
fn wanted<'a>(sets: impl Iterator<Item = &'a Arc<Value>>) -> usize {
    sets.map(|set| owned::spec_count(set, "replicas", 1)).sum()
}

fn available<'a>(sets: impl Iterator<Item = &'a Arc<Value>>) -> usize {
    sets.map(|set| owned::status_count(set, "availableReplicas"))
        .sum()
}

impl Rollout<'_> {
    /// `maxSurge` or `maxUnavailable` in pods; percentages round up or down.
    fn fraction(&self, field: &str, round_up: bool) -> usize {
        let value = self
            .deployment
            .pointer("/spec/strategy/rollingUpdate")
            .and_then(|update| update.get(field));
        match value {
            Some(Value::String(text)) => {
                let percent: usize = text.trim_end_matches('%').parse().unwrap_or(25);
                let scaled = self.desired() * percent;
                if round_up {
                    scaled.div_ceil(100)
                } else {
                    scaled / 100
                }
            }
            Some(number) => number
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or_default(),
            None => 0,
        }
    }

    pub(super) fn surge(&self) -> usize {
        if self.is_recreate() {
            0
        } else {
            self.fraction("maxSurge", true)
        }
    }

    /// Pods that may be missing.
    pub(super) fn unavailable(&self) -> usize {
        if self.is_recreate() || self.desired() == 0 {
            return 0;
        }
        let allowed = self.fraction("maxUnavailable", false);
        // Upstream never lets both be zero: the rollout could not move.
        if self.surge() == 0 && allowed == 0 {
            1
        } else {
            allowed.min(self.desired())
        }
    }

    /// The size that the new set, which has `present`, may grow to.
    pub(super) fn new_size(&self, present: usize) -> usize {
        let desired = self.desired();
        if self.is_recreate() {
            return desired;
        }
        let others = wanted(self.old.iter());
        let room = (desired + self.surge()).saturating_sub(others + present);
        present + room.min(desired.saturating_sub(present))
    }

    pub(super) fn roll(&mut self) -> Again {
        if !self.sync_revision(true) {
            return self.write_status(true).or_backoff();
        }
        if self.grow_new() || self.shrink_old() {
            return self.write_status(true);
        }
        if self.is_complete() {
            self.clean_up();
        }
        self.write_status(true)
    }

    fn grow_new(&mut self) -> bool {
        let Some(new) = self.new.clone() else { return false };
        let present = owned::spec_count(&new, "replicas", 1);
        let desired = self.desired();
        match present.cmp(&desired) {
            std::cmp::Ordering::Equal => false,
            std::cmp::Ordering::Greater => self.scale(&new, desired),
            std::cmp::Ordering::Less => {
                let size = self.new_size(present);
                self.scale(&new, size)
            }
        }
    }

    fn shrink_old(&mut self) -> bool {
        if wanted(self.old.iter()) == 0 {
            return false;
        }
        let Some(new) = self.new.clone() else { return false };
        let least = self.desired() - self.unavailable();
        let missing = owned::spec_count(&new, "replicas", 1)
            .saturating_sub(owned::status_count(&new, "availableReplicas"));
        let room = wanted(self.all()).saturating_sub(least + missing);
        if room == 0 {
            return false;
        }
        let mut scaled = false;
        let mut left = room;
        // Pods that serve nobody go first.
        for set in self.old.clone() {
            let size = owned::spec_count(&set, "replicas", 1);
            let idle = size.saturating_sub(owned::status_count(&set, "availableReplicas"));
            let take = idle.min(left);
            if take > 0 {
                left -= take;
                scaled |= self.scale(&set, size - take);
            }
        }
        let mut spare = available(self.all()).saturating_sub(least);
        for set in self.old.clone() {
            let size = owned::spec_count(&set, "replicas", 1);
            let take = size.min(spare);
            if take > 0 {
                spare -= take;
                scaled |= self.scale(&set, size - take);
            }
        }
        scaled
    }

    /// Whether the Deployment was given another size since its sets were scaled last.
    pub(super) fn is_scaling(&self) -> bool {
        let desired = self.desired().to_string();
        self.all()
            .filter(|set| owned::spec_count(set, "replicas", 1) > 0)
            .filter_map(|set| object::annotation(set, DESIRED))
            .any(|known| known != desired)
    }

    /// Brings the sets to the Deployment's size without moving the rollout on.
    pub(super) fn scale_all(&mut self) {
        let active: Vec<_> = self
            .all()
            .filter(|set| owned::spec_count(set, "replicas", 1) > 0)
            .cloned()
            .collect();
        let desired = self.desired();
        if active.len() <= 1 {
            let newest = || self.old.iter().max_by_key(|set| revision::of(set)).cloned();
            let only = active
                .into_iter()
                .next()
                .or_else(|| self.new.clone())
                .or_else(newest);
            if let Some(set) = only {
                self.scale(&set, desired);
            }
            return;
        }
        if self.new.as_ref().is_some_and(|set| self.is_saturated(set)) {
            for set in self.old.clone() {
                self.scale(&set, 0);
            }
        } else if !self.is_recreate() {
            self.share(active);
        }
    }

    fn is_saturated(&self, set: &Value) -> bool {
        let desired = self.desired();
        owned::spec_count(set, "replicas", 1) == desired
            && object::annotation(set, DESIRED) == Some(&desired.to_string())
            && owned::status_count(set, "availableReplicas") == desired
    }

    /// Gives every set its share of a changed size, the largest what remains.
    fn share(&mut self, mut sets: Vec<Arc<Value>>) {
        let desired = self.desired();
        let allowed = if desired > 0 { desired + self.surge() } else { 0 };
        let total = wanted(sets.iter());
        let add = signed(allowed) - signed(total);
        sets.sort_by(|a, b| {
            let size = |set: &Arc<Value>| owned::spec_count(set, "replicas", 1);
            let by_size = size(b).cmp(&size(a));
            // Of equal ones the newer grows and the older shrinks first.
            let by_age = revision::age(a).cmp(&revision::age(b));
            by_size.then(if add > 0 { by_age.reverse() } else { by_age })
        });
        let mut added = 0;
        let mut sizes: Vec<i64> = Vec::new();
        for set in &sets {
            let size = signed(owned::spec_count(set, "replicas", 1));
            let share = if add == 0 {
                0
            } else {
                let fraction = self.fraction_of(set, size, total);
                let left = add - added;
                if add > 0 {
                    fraction.min(left)
                } else {
                    fraction.max(left)
                }
            };
            added += share;
            sizes.push(size + share);
        }
        if let Some(first) = sizes.first_mut() {
            *first += add - added;
        }
        for (set, size) in sets.iter().zip(sizes) {
            self.scale(set, usize::try_from(size).unwrap_or_default());
        }
    }

    fn fraction_of(&self, set: &Value, size: i64, total: usize) -> i64 {
        if self.desired() == 0 {
            return -size;
        }
        let most = signed(self.desired() + self.surge());
        let before = object::annotation(set, MOST)
            .and_then(|text| text.parse().ok())
            .filter(|before| *before > 0)
            .unwrap_or_else(|| signed(total).max(1));
        // Rounded half up.
        (2 * size * most + before) / (2 * before) - size
    }
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
