//! What `git upload-pack` answered before, in any world of this process.
//!
//! Worlds are made of the same fixtures over and over, and starting the program costs more than most of what a
//! simulated cluster does. Its answer follows from what a repository holds and from what it was asked.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::limits::REMEMBERED;

/// What a repository holds: its refs and its commits, which name everything below them.
pub(crate) type Holding = [u8; 20];

/// What a client asks, and of whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    pub(crate) holding: Holding,
    pub(crate) protocol: Option<String>,
    /// A negotiation; nothing asks for the list of refs.
    pub(crate) body: Option<Vec<u8>>,
}

#[derive(Default)]
struct Answers {
    known: BTreeMap<Question, Vec<u8>>,
    bytes: usize,
}

static ANSWERS: Mutex<Answers> = Mutex::new(Answers {
    known: BTreeMap::new(),
    bytes: 0,
});

fn answers() -> MutexGuard<'static, Answers> {
    ANSWERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was answered to this question before.
pub(crate) fn known(question: &Question) -> Option<Vec<u8>> {
    answers().known.get(question).cloned()
}

/// Remembers an answer; when there are too many, all others are forgotten.
pub(crate) fn remember(question: Question, answer: &[u8]) {
    answers().put(question, answer);
}

impl Answers {
    fn put(&mut self, question: Question, answer: &[u8]) {
        let size = answer.len() + question.body.as_ref().map_or(0, Vec::len);
        if size > REMEMBERED {
            return;
        }
        if self.bytes + size > REMEMBERED {
            *self = Self::default();
        }
        self.bytes += size;
        self.known.insert(question, answer.to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_the_limit() {
        let question = |number: u8| Question {
            holding: [number; 20],
            protocol: None,
            body: None,
        };
        let mut answers = Answers::default();
        answers.put(question(1), &vec![0; REMEMBERED / 2]);
        answers.put(question(2), &vec![0; REMEMBERED / 2]);
        assert_eq!(answers.known.len(), 2);
        answers.put(question(3), b"answer");
        assert_eq!((answers.known.len(), answers.bytes), (1, 6));
        answers.put(question(4), &vec![0; REMEMBERED + 1]);
        assert_eq!(answers.known.len(), 1);
    }
}
