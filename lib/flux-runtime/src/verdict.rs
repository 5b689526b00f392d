//! How a pass ends: [`Done`] or [`Failure`].

use std::{error::Error as StdError, fmt, time::Duration};

use flux_api::Reason;

/// What a failure means for the next pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Only the user can change it; nothing is tried again.
    Stalled,
    /// Something else must happen first; looked at again after this long.
    Waiting(Duration),
    /// Tried again, as the controller's [`RetryPolicy`](crate::RetryPolicy) says.
    Retry,
}

/// Which event a failure makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announce {
    /// A Warning with the failure's message; for `Waiting` a Normal one.
    Default,
    /// None.
    Silent,
    /// A Normal event with this text.
    Normal(String),
    /// A Warning with this text.
    Warning(String),
}

/// Why a pass did not reach its end.
#[derive(Debug)]
pub struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    disposition: Disposition,
    reason: Reason,
    cause: Box<dyn StdError + Send + Sync>,
    announce: Announce,
    backoff: bool,
    unobserved: bool,
    observed: bool,
    stalled_as: Option<(Reason, String)>,
    under_way: UnderWay,
}

/// What becomes of Reconciling after a failure that is not final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnderWay {
    /// What was under way is what is tried again.
    Kept,
    /// This is what is tried again.
    Now(String),
    /// Nothing is.
    Over,
}

impl Failure {
    /// A failure of these parts. `cause` is an error or a text.
    pub fn new(
        disposition: Disposition,
        reason: Reason,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Inner {
            disposition,
            reason,
            cause: cause.into(),
            announce: Announce::Default,
            backoff: false,
            unobserved: false,
            observed: false,
            stalled_as: None,
            under_way: UnderWay::Kept,
        }))
    }

    /// A failure that only the user can repair.
    pub fn stalled(reason: Reason, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Disposition::Stalled, reason, cause)
    }

    /// A failure that waits for something else.
    pub fn waiting(
        after: Duration,
        reason: Reason,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::new(Disposition::Waiting(after), reason, cause)
    }

    /// A failure that is tried again.
    pub fn retry(reason: Reason, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Disposition::Retry, reason, cause)
    }

    /// Without an event.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.0.announce = Announce::Silent;
        self
    }

    /// With this event instead of the usual one.
    #[must_use]
    pub fn announce(mut self, announce: Announce) -> Self {
        self.0.announce = announce;
        self
    }

    /// Retried with exponential back-off, whatever the controller's policy.
    #[must_use]
    pub fn with_backoff(mut self) -> Self {
        self.0.backoff = true;
        self
    }

    /// Stalled, yet `observedGeneration` does not advance.
    #[must_use]
    pub fn unobserved(mut self) -> Self {
        self.0.unobserved = true;
        self
    }

    /// Not final, yet `observedGeneration` advances.
    #[must_use]
    pub fn observed(mut self) -> Self {
        self.0.observed = true;
        self
    }

    /// Stalled says this, where Ready says what the failure says.
    #[must_use]
    pub fn stalled_as(mut self, reason: Reason, message: impl Into<String>) -> Self {
        self.0.stalled_as = Some((reason, message.into()));
        self
    }

    /// Reconciling says this of the next try.
    #[must_use]
    pub fn retrying(mut self, message: impl Into<String>) -> Self {
        self.0.under_way = UnderWay::Now(message.into());
        self
    }

    /// Nothing is under way until the next pass.
    #[must_use]
    pub fn at_rest(mut self) -> Self {
        self.0.under_way = UnderWay::Over;
        self
    }

    /// What it means for the next pass.
    pub fn disposition(&self) -> Disposition {
        self.0.disposition
    }

    /// The reason for conditions and events.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// The message for conditions and events.
    pub fn message(&self) -> String {
        self.0.cause.to_string()
    }

    pub(crate) fn announced(&self) -> &Announce {
        &self.0.announce
    }

    pub(crate) fn backs_off(&self) -> bool {
        self.0.backoff
    }

    /// Whether the generation counts as observed.
    pub(crate) fn observes(&self) -> bool {
        match self.0.disposition {
            Disposition::Stalled => !self.0.unobserved,
            Disposition::Waiting(_) | Disposition::Retry => self.0.observed,
        }
    }

    /// What Stalled says.
    pub(crate) fn stall(&self) -> (Reason, String) {
        let own = || (self.0.reason, self.message());
        self.0.stalled_as.clone().unwrap_or_else(own)
    }

    pub(crate) fn under_way(&self) -> &UnderWay {
        &self.0.under_way
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.reason, self.0.cause)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0.cause)
    }
}

/// Makes a failure of an error.
pub trait OrFail<T> {
    /// The value, or a failure of these parts.
    ///
    /// # Errors
    /// A [`Failure`] caused by the error.
    fn or_fail(self, disposition: Disposition, reason: Reason) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> OrFail<T> for Result<T, E> {
    fn or_fail(self, disposition: Disposition, reason: Reason) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(disposition, reason, error))
    }
}

/// The pass reached its end: Ready becomes True.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub(crate) reason: Reason,
    pub(crate) message: String,
    pub(crate) event: Option<String>,
    pub(crate) annotations: Vec<(String, String)>,
}

impl Done {
    /// With the reason and message of the Ready condition.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            event: None,
            annotations: Vec::new(),
        }
    }

    /// Also makes a Normal event, with the reason of Ready.
    #[must_use]
    pub fn event(mut self, message: impl Into<String>) -> Self {
        self.event = Some(message.into());
        self
    }

    /// Adds metadata to that event; the key is qualified with the API group.
    #[must_use]
    pub fn annotate(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.push((key.into(), value.into()));
        self
    }
}
