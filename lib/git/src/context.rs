//! What libgit2's callbacks know of the call they serve.
//!
//! A transport is registered for the whole process and its factory gets no more than the address, while many worlds
//! run in one test process. Every checkout runs on a thread of its own, so its context is a thread-local set around
//! the calls to libgit2.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, PoisonError},
};

use edges::{Caller, HttpClient, Net, Proxy};
use http::HeaderValue;

use crate::{SshKey, TransportError};

/// How a checkout's requests are sent.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) http: HttpClient,
    pub(crate) caller: Caller,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) net: Net,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) ssh: Option<Arc<SshKey>>,
    /// Who the client says it is over SSH.
    pub(crate) username: String,
    /// libgit2 hands on no more than the text of an error; the error itself waits here.
    pub(crate) failure: Arc<Mutex<Option<TransportError>>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

impl Context {
    /// Runs `work` with this context in force on this thread.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        /// Takes the context away again, also when the work panics.
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                CURRENT.with(|it| it.replace(None));
            }
        }
        CURRENT.with(|it| it.replace(Some(self.clone())));
        let _leave = Leave;
        work()
    }

    pub(crate) fn current() -> Option<Self> {
        CURRENT.with(|it| it.borrow().clone())
    }

    /// The error behind libgit2's.
    pub(crate) fn take_failure(&self) -> Option<TransportError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn fail(&self, error: TransportError) -> std::io::Error {
        let text = error.to_string();
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        std::io::Error::other(text)
    }
}
