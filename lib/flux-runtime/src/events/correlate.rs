//! Keeps a talkative controller from flooding the cluster with events, in the way of Kubernetes' own clients: many
//! similar events become one, and an object that causes too many is silenced. Time comes in as a parameter.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::Content;
use crate::limits;

/// Events of one object, type and reason that may differ in their text before they are combined.
const SIMILAR: usize = 10;
/// Silence after which similar events are counted anew.
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// Events about one object at once.
const BURST: f64 = 25.0;
/// Time after which an object may cause another one.
const REFILL: Duration = Duration::from_secs(5 * 60);
/// What a combined event begins with.
const COMBINED: &str = "(combined from similar events): ";

#[derive(Default)]
pub(super) struct Correlator {
    similar: BTreeMap<Content, Similar>,
    allowances: BTreeMap<String, Allowance>,
}

struct Similar {
    messages: BTreeSet<String>,
    last: Timestamp,
}

struct Allowance {
    left: f64,
    at: Timestamp,
}

/// What becomes of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Admitted {
    /// What it is counted under.
    pub(super) key: Content,
    /// Its text.
    pub(super) message: String,
}

impl Correlator {
    /// The event to write for one that happened; none if its object caused too many.
    pub(super) fn admit(&mut self, content: Content, now: Timestamp) -> Option<Admitted> {
        if self.similar.len() >= limits::REMEMBERED_EVENTS {
            self.similar.clear();
        }
        if self.allowances.len() >= limits::REMEMBERED_EVENTS {
            self.allowances.clear();
        }
        let object = format!("{} {}", content.object, content.uid);
        let admitted = self.combine(content, now);
        self.spend(object, now).then_some(admitted)
    }

    fn combine(&mut self, content: Content, now: Timestamp) -> Admitted {
        let message = content.message.clone();
        let group = Content {
            message: String::new(),
            ..content.clone()
        };
        let similar = self.similar.entry(group.clone()).or_insert_with(|| Similar {
            messages: BTreeSet::new(),
            last: now,
        });
        if passed(similar.last, now) > WINDOW {
            similar.messages.clear();
        }
        similar.last = now;
        similar.messages.insert(message.clone());
        if similar.messages.len() < SIMILAR {
            return Admitted {
                key: content,
                message,
            };
        }
        similar.messages.pop_first();
        Admitted {
            key: group,
            message: limits::cut(&format!("{COMBINED}{message}"), limits::EVENT_MESSAGE, "..."),
        }
    }

    fn spend(&mut self, object: String, now: Timestamp) -> bool {
        let allowance = self
            .allowances
            .entry(object)
            .or_insert(Allowance { left: BURST, at: now });
        let earned = passed(allowance.at, now).as_secs_f64() / REFILL.as_secs_f64();
        allowance.left = (allowance.left + earned).min(BURST);
        allowance.at = now;
        if allowance.left < 1.0 {
            return false;
        }
        allowance.left -= 1.0;
        true
    }
}

impl Content {
    /// Whether it stands for events of many texts.
    pub(super) fn is_combined(&self) -> bool {
        self.message.is_empty()
    }
}

fn passed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventType;

    fn content(object: &str, message: String) -> Content {
        Content {
            uid: "1".to_owned(),
            object: object.to_owned(),
            kind: EventType::Normal,
            reason: "Reason".to_owned(),
            message,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    // Covers: RT-20.
    #[test]
    fn the_tenth_similar_event_is_combined_and_silence_forgets() {
        let mut correlator = Correlator::default();
        for number in 0..9 {
            let admitted = correlator
                .admit(content("a", format!("text {number}")), at(number))
                .unwrap();
            assert_eq!(admitted.message, format!("text {number}"));
        }
        let tenth = correlator
            .admit(content("a", "text 9".to_owned()), at(9))
            .unwrap();
        assert_eq!(tenth.message, "(combined from similar events): text 9");
        assert!(tenth.key.is_combined());
        let other = correlator
            .admit(content("b", "text 9".to_owned()), at(9))
            .unwrap();
        assert_eq!(other.message, "text 9");
        let later = correlator
            .admit(content("a", "text 10".to_owned()), at(700))
            .unwrap();
        assert_eq!(later.message, "text 10");
    }

    // Covers: RT-20.
    #[test]
    fn an_object_may_cause_a_burst_and_then_one_event_in_five_minutes() {
        let mut correlator = Correlator::default();
        let mut admit = |second: i64| {
            correlator
                .admit(content("a", "text".to_owned()), at(second))
                .is_some()
        };
        assert!((0..25).all(|_| admit(0)));
        assert!(!admit(0) && !admit(299));
        assert!(admit(301) && !admit(302));
    }
}
