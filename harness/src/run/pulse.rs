//! Whether a simulated run still moves, and how it is ended when it does not.
//!
//! A day without news is long in real time where the machine is slow, and no reason to despair: virtual time passes.
//! A circle that no virtual time passes in is one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use edges::Clock;
use tokio::sync::watch;

use crate::limits;

/// Shared between a run and who watches over it.
#[derive(Clone)]
pub(crate) struct Pulse {
    beats: Arc<AtomicU64>,
    rests: Arc<AtomicBool>,
    ended: watch::Sender<bool>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            beats: Arc::default(),
            rests: Arc::default(),
            ended: watch::Sender::new(false),
        }
    }
}

impl Pulse {
    /// Says that the run moves.
    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that the run waits for another one, which is watched.
    pub(super) fn rest(&self) {
        self.rests.store(true, Ordering::Relaxed);
    }

    /// Says that it waits no longer.
    pub(super) fn wake(&self) {
        self.beat();
        self.rests.store(false, Ordering::Relaxed);
    }

    /// Whether it waits for another one.
    pub(super) fn is_resting(&self) -> bool {
        self.rests.load(Ordering::Relaxed)
    }

    /// How often it said that it moves.
    pub(super) fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Ends the run as soon as its executor gets to it.
    pub(super) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) {
        // This holds the sender, so the channel stays open.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Beats as virtual time passes, for ever.
    pub(super) async fn follow_time(self) {
        // Waiting goes by tokio's timer on every clock.
        let clock = Clock::system();
        loop {
            clock.sleep(limits::BEAT_EVERY).await;
            self.beat();
        }
    }
}
