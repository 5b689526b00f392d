//! Which object is looked at next: one entry a key, delays, back-off for each key. Time comes in as a parameter.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use manifest::Key;
use tokio::time::Instant;

/// When a key is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At once.
    Now,
    /// After this long.
    After(Duration),
    /// After a time that doubles with every failure in a row.
    Backoff,
    /// When something changes.
    Never,
}

/// The bounds of the back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The first delay.
    pub min: Duration,
    /// The longest delay.
    pub max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min: Duration::from_millis(750),
            max: Duration::from_secs(15 * 60),
        }
    }
}

/// A work queue. A key is handed out to one worker at a time; what arrives meanwhile is handed out afterwards.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    limits: Limits,
    ready: VecDeque<Key>,
    queued: BTreeSet<Key>,
    active: BTreeSet<Key>,
    again: BTreeSet<Key>,
    due: BTreeMap<Key, Instant>,
    order: BTreeSet<(Instant, u64, Key)>,
    serials: BTreeMap<Key, u64>,
    serial: u64,
    failures: BTreeMap<Key, u32>,
}

impl Queue {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Asks for a key to be looked at as soon as possible; a pending delay is forgotten.
    pub(crate) fn add(&mut self, key: Key) {
        if self.active.contains(&key) {
            self.again.insert(key);
            return;
        }
        self.cancel_delay(&key);
        if self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    /// Whether a worker has the key.
    pub(crate) fn is_active(&self, key: &Key) -> bool {
        self.active.contains(key)
    }

    /// The next key that is due, now active until [`Queue::done`].
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Key> {
        while let Some((due, serial, key)) = self.order.first().cloned() {
            if due > now {
                break;
            }
            self.order.remove(&(due, serial, key.clone()));
            self.due.remove(&key);
            self.serials.remove(&key);
            self.add(key);
        }
        let key = self.ready.pop_front()?;
        self.queued.remove(&key);
        self.active.insert(key.clone());
        Some(key)
    }

    /// When a delayed key is next due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.order.first().map(|(due, ..)| *due)
    }

    /// Ends the work on a key.
    pub(crate) fn done(&mut self, key: Key, next: Next, now: Instant) {
        self.active.remove(&key);
        let delay = match next {
            Next::Backoff => {
                let failures = self.failures.entry(key.clone()).or_default();
                let factor = 2_u32.saturating_pow(*failures);
                *failures += 1;
                Some(self.limits.min.saturating_mul(factor).min(self.limits.max))
            }
            Next::Now => {
                self.again.insert(key.clone());
                None
            }
            Next::After(delay) => {
                self.failures.remove(&key);
                Some(delay)
            }
            Next::Never => {
                self.failures.remove(&key);
                None
            }
        };
        if self.again.remove(&key) {
            self.add(key);
        } else if let Some(delay) = delay {
            self.delay(key, now + delay);
        }
    }

    fn delay(&mut self, key: Key, due: Instant) {
        self.cancel_delay(&key);
        self.serial += 1;
        self.due.insert(key.clone(), due);
        self.serials.insert(key.clone(), self.serial);
        self.order.insert((due, self.serial, key));
    }

    fn cancel_delay(&mut self, key: &Key) {
        if let (Some(due), Some(serial)) = (self.due.remove(key), self.serials.remove(key)) {
            self.order.remove(&(due, serial, key.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("ns", name)
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_queued_once_and_worked_on_by_one() {
        let mut queue = Queue::new(Limits::default());
        let now = Instant::now();
        queue.add(key("a"));
        queue.add(key("b"));
        queue.add(key("a"));
        assert_eq!(queue.pop(now), Some(key("a")));
        queue.add(key("a"));
        assert_eq!(queue.pop(now), Some(key("b")));
        assert_eq!(queue.pop(now), None);
        queue.done(key("a"), Next::After(Duration::from_secs(60)), now);
        assert_eq!(
            queue.pop(now),
            Some(key("a")),
            "what arrived meanwhile is not lost"
        );
        assert_eq!(queue.deadline(), None);
    }

    // Covers: RT-10.
    #[tokio::test(start_paused = true)]
    async fn delays_double_until_the_limit_and_success_forgets() {
        let mut queue = Queue::new(Limits::default());
        let mut delays = Vec::new();
        queue.add(key("a"));
        for _ in 0..13 {
            let now = Instant::now();
            let popped = queue.pop(now).unwrap();
            queue.done(popped, Next::Backoff, now);
            let due = queue.deadline().unwrap();
            delays.push((due - now).as_millis());
            tokio::time::advance(due - now).await;
        }
        assert_eq!(&delays[..4], [750, 1_500, 3_000, 6_000]);
        assert_eq!(delays[12], 900_000);
        let now = Instant::now();
        let popped = queue.pop(now).unwrap();
        queue.done(popped, Next::Never, now);
        assert_eq!(queue.deadline(), None);
        queue.add(key("a"));
        let popped = queue.pop(now).unwrap();
        queue.done(popped, Next::Backoff, now);
        assert_eq!(queue.deadline(), Some(now + Duration::from_millis(750)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_up_replaces_a_delay() {
        let mut queue = Queue::new(Limits::default());
        let now = Instant::now();
        queue.add(key("a"));
        queue.pop(now);
        queue.done(key("a"), Next::After(Duration::from_secs(5)), now);
        queue.add(key("a"));
        assert_eq!(queue.pop(now), Some(key("a")));
        queue.done(key("a"), Next::Now, now);
        assert_eq!(queue.pop(now), Some(key("a")));
        queue.done(key("a"), Next::Never, now);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(queue.pop(Instant::now()), None);
    }
}
