//! The watches of a case.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use crate::{core::Core, dispatch::Reply, registry::Playing};

/// What a step that opens a watch got.
pub(super) enum Open {
    Watch {
        playing: Box<Playing>,
        opened: Timestamp,
    },
    /// No watch: its whole answer, as long as nobody read it.
    Answer(Option<Value>),
}

impl Open {
    pub(super) fn new(reply: &Reply, opened: Timestamp) -> Self {
        match reply {
            Reply::Watch { plan, .. } => Self::Watch {
                playing: Box::new(Playing::new((**plan).clone())),
                opened,
            },
            Reply::Object {
                code: 200, object, ..
            } => Self::Answer(Some(Value::clone(&Arc::clone(object)))),
            Reply::Object { .. } | Reply::Raw { .. } => Self::Answer(None),
        }
    }

    pub(super) fn look(&mut self, core: &Core, now: Timestamp) {
        if let Self::Watch { playing, opened } = self
            && !playing.is_over()
        {
            let passed = now.duration_since(*opened);
            playing.advance(Duration::try_from(passed).unwrap_or_default(), core);
        }
    }

    /// The events so far.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<Value> {
        match self {
            Self::Watch { playing, .. } => std::iter::from_fn(|| playing.next(now))
                .map(|sent| sent.value())
                .collect(),
            Self::Answer(body) => body.take().into_iter().collect(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Watch { playing, .. } => playing.is_over(),
            Self::Answer(_) => true,
        }
    }
}
