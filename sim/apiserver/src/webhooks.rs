//! Calls of admission webhooks.
//!
//! The core is synchronous and a webhook is somewhere behind a network. So a request that needs a webhook's word is
//! given up at that point, before it has written anything; the call is made; and the request starts again with the
//! answers that are known by then.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;

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

/// A question, the call that asks it, and the answers that were of use before it.
pub(crate) type Wanted = (String, WebhookCall, Vec<Known>);

/// What one attempt at a request knows of webhooks.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// Somebody can make calls and try again.
    pub(crate) waits: bool,
    known: VecDeque<Known>,
    used: Vec<Known>,
    wanted: Option<(String, WebhookCall)>,
}

/// An answer, and which question of the request it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    question: String,
    answer: WebhookAnswer,
}

impl Attempt {
    /// An attempt that has these answers.
    pub(crate) fn with(known: Vec<Known>) -> Self {
        Self {
            waits: true,
            known: known.into(),
            ..Self::default()
        }
    }

    /// The answer to a question, if it has been asked; else the request is to be tried again.
    pub(crate) fn answer(
        &mut self,
        question: &str,
        call: impl FnOnce() -> WebhookCall,
    ) -> Option<WebhookAnswer> {
        if let Some(next) = self.known.pop_front()
            && next.question == question
        {
            self.used.push(next.clone());
            return Some(next.answer);
        }
        // What follows an unexpected question belongs to another course of the request.
        self.known.clear();
        self.wanted = Some((question.to_owned(), call()));
        None
    }

    /// Whether the attempt was given up for a call.
    pub(crate) fn given_up(&self) -> bool {
        self.wanted.is_some()
    }

    /// The call that is wanted.
    pub(crate) fn into_wanted(self) -> Option<Wanted> {
        let (question, call) = self.wanted?;
        Some((question, call, self.used))
    }
}

impl Known {
    pub(crate) fn new(question: String, answer: WebhookAnswer) -> Self {
        Self { question, answer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> WebhookCall {
        WebhookCall {
            url: String::new(),
            timeout: Duration::ZERO,
            body: Bytes::new(),
        }
    }

    #[test]
    fn a_question_is_asked_once() {
        let mut first = Attempt::with(Vec::new());
        assert!(first.answer("a", call).is_none() && first.given_up());
        let (question, _, mut known) = first.into_wanted().unwrap();
        known.push(Known::new(question, Err(WebhookFault::Refused)));
        let mut second = Attempt::with(known);
        assert_eq!(second.answer("a", call), Some(Err(WebhookFault::Refused)));
        assert!(!second.given_up());
        assert!(second.answer("b", call).is_none() && second.given_up());
    }
}
