//! What goes wrong with answers on request: they come late, or break off.

use bytes::Bytes;
use edges::{Blocking, Body, Clock, HttpError};
use http::{Request, Response};

use crate::{GitServer, limits::SLOW_ANSWER};

/// Something that goes wrong with every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It takes longer than clients wait.
    Slow,
    /// The connection breaks in the middle of it.
    Truncated,
}

impl GitServer {
    /// Begins or ends a trouble.
    pub fn set_trouble(&self, trouble: Trouble, begins: bool) {
        let mut state = self.state();
        if begins {
            state.trouble.insert(trouble);
        } else {
            state.trouble.remove(&trouble);
        }
    }

    pub(crate) fn has(&self, trouble: Trouble) -> bool {
        self.state().trouble.contains(&trouble)
    }

    /// Answers one request as far as troubles let it; `blocking` says where `git` may be waited for.
    ///
    /// # Errors
    /// As [`GitServer::handle`].
    pub async fn serve(
        &self,
        request: Request<Bytes>,
        blocking: Blocking,
    ) -> Result<Response<Body>, HttpError> {
        if self.has(Trouble::Slow) {
            // Waiting goes by tokio's timer on every clock, so it is virtual where time is.
            Clock::system().sleep(SLOW_ANSWER).await;
        }
        let response = match blocking {
            Blocking::Lockstep => self.handle(&request)?,
            Blocking::Threads => {
                let server = self.clone();
                blocking.run(move |_| server.handle(&request)).await?
            }
        };
        if !self.has(Trouble::Truncated) {
            return Ok(response);
        }
        edges::cut_short(response).await
    }
}
