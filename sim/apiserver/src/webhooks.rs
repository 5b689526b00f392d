//! Calls of admission webhooks.
//!
//! The core is synchronous and a webhook is somewhere behind a network. So a request that needs a webhook's word is
//! given up at that point, before it has written anything; the call is made; and the request starts again with the
//! answers that are known by then.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use edges::Rng;
use futures::future::BoxFuture;

use crate::limits;

/// One call of a webhook: a POST of an AdmissionReview.
#[derive(Debug, Clone)]
pub struct WebhookCall {
    /// Where to: `https://NAME.NAMESPACE.svc:PORT/PATH?timeout=10s` for a Service.
    pub url: String,
    /// How long to wait.
    pub timeout: Duration,
    /// The AdmissionReview.
    pub body: Bytes,
}

/// Why a webhook gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookFault {
    /// Nothing listens there.
    Refused,
    /// It did not answer in time.
    Timeout,
    /// Something else, in words.
    Other(String),
}

/// The status and body of an answer.
pub type WebhookAnswer = Result<(u16, Bytes), WebhookFault>;

/// Makes calls of webhooks.
pub type Webhooks = Arc<dyn Fn(WebhookCall) -> BoxFuture<'static, WebhookAnswer> + Send + Sync>;

/// What a webhook is asked about: the same in every attempt at a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// The table of its configuration, which is said to be validating or mutating.
    pub(crate) table: &'static str,
    pub(crate) configuration: String,
    pub(crate) hook: String,
    pub(crate) operation: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The revision of the object that is changed or deleted: of another state it is asked anew.
    pub(crate) revision: String,
}

/// A call that is to be made before the request can go on.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) question: Question,
    /// Of the AdmissionReview.
    pub(crate) uid: String,
    pub(crate) call: WebhookCall,
}

/// An answer, what it answers, and the uid of the review that asked.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    question: Question,
    pub(crate) uid: String,
    pub(crate) answer: WebhookAnswer,
}

/// What stays from one attempt at a request to the next.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    known: Vec<Known>,
    /// The request's own chance, so that uids and generated names are those that the webhooks were told.
    pub(crate) rng: Option<Rng>,
}

/// What one attempt at a request knows of webhooks.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// Somebody can make calls and try again.
    pub(crate) waits: bool,
    known: Vec<Known>,
    wanted: Option<Wanted>,
}

impl Asking {
    /// The next attempt.
    pub(crate) fn attempt(&mut self) -> Attempt {
        Attempt {
            waits: true,
            known: std::mem::take(&mut self.known),
            wanted: None,
        }
    }

    /// Takes back what an attempt knew; the call that it wants.
    pub(crate) fn end(&mut self, attempt: Attempt) -> Option<Wanted> {
        self.known = attempt.known;
        attempt.wanted
    }

    pub(crate) fn learn(&mut self, wanted: (Question, String), answer: WebhookAnswer) {
        let (question, uid) = wanted;
        self.known.push(Known {
            question,
            uid,
            answer,
        });
    }
}

impl Attempt {
    /// The answer to a question, if it has been asked.
    pub(crate) fn known(&self, question: &Question) -> Option<&Known> {
        self.known.iter().find(|known| known.question == *question)
    }

    /// No more calls are made for this request.
    pub(crate) fn is_spent(&self) -> bool {
        self.known.len() >= limits::WEBHOOK_CALLS
    }

    /// Gives the attempt up for a call.
    pub(crate) fn want(&mut self, wanted: Wanted) {
        self.wanted.get_or_insert(wanted);
    }

    /// Whether the attempt was given up for a call.
    pub(crate) fn given_up(&self) -> bool {
        self.wanted.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, revision: &str) -> Question {
        Question {
            table: "",
            configuration: String::new(),
            hook: String::new(),
            operation: "DELETE",
            namespace: String::new(),
            name: name.to_owned(),
            revision: revision.to_owned(),
        }
    }

    #[test]
    fn an_answer_belongs_to_its_question_alone() {
        let mut asking = Asking::default();
        let mut first = asking.attempt();
        assert!(first.known(&question("a", "1")).is_none() && !first.given_up());
        first.want(Wanted {
            question: question("a", "1"),
            uid: "u".to_owned(),
            call: WebhookCall {
                url: String::new(),
                timeout: Duration::ZERO,
                body: Bytes::new(),
            },
        });
        assert!(first.given_up());
        let wanted = asking.end(first).unwrap();
        asking.learn((wanted.question, wanted.uid), Err(WebhookFault::Refused));
        let second = asking.attempt();
        let known = second.known(&question("a", "1")).unwrap();
        assert_eq!((&*known.uid, &known.answer), ("u", &Err(WebhookFault::Refused)));
        assert!(second.known(&question("a", "2")).is_none());
        assert!(second.known(&question("b", "1")).is_none());
    }
}
