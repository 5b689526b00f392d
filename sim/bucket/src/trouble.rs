//! What goes wrong with answers on request.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use edges::{Body, Clock, HttpError};
use http::{Request, Response, StatusCode};

use crate::{BucketServer, refusal};

/// How long a slow answer takes: longer than the minute that clients wait by default.
const SLOW_ANSWER: Duration = Duration::from_secs(90);

/// Something that goes wrong with every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nobody listens.
    Down,
    /// It takes longer than clients wait.
    Slow,
    /// The connection breaks in the middle of it.
    Truncated,
    /// 503.
    Busy,
}

pub(crate) type Troubles = BTreeSet<Trouble>;

impl BucketServer {
    /// Begins or ends a trouble.
    pub fn set_trouble(&self, trouble: Trouble, begins: bool) {
        let mut state = self.state();
        if begins {
            state.troubles.insert(trouble);
        } else {
            state.troubles.remove(&trouble);
        }
    }

    fn has(&self, trouble: Trouble) -> bool {
        self.state().troubles.contains(&trouble)
    }

    /// Answers one request as far as troubles let it.
    pub(crate) async fn serve(
        &self,
        request: &Request<Bytes>,
        answer: fn(&Self, &Request<Bytes>) -> Response<Body>,
    ) -> Result<Response<Body>, HttpError> {
        if self.has(Trouble::Down) {
            return Err(HttpError::Refused);
        }
        if self.has(Trouble::Slow) {
            // Waiting goes by tokio's timer on every clock, so it is virtual where time is.
            Clock::system().sleep(SLOW_ANSWER).await;
        }
        self.note(request);
        if self.has(Trouble::Busy) {
            return Ok(refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                "SlowDown",
                "Please reduce your request rate.",
            ));
        }
        let response = answer(self, request);
        if !self.has(Trouble::Truncated) {
            return Ok(response);
        }
        edges::cut_short(response).await
    }
}
