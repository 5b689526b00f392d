//! Synchronous library code beside async tasks.

use std::{fmt, future::Future, pin::Pin, sync::mpsc, thread};

/// How synchronous code runs beside the async tasks.
///
/// libgit2 calls back for its network from the middle of a blocking call. The work therefore runs on a thread of
/// its own and hands every future it needs to the task that started it ([`Caller::block_on`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// The runtime goes on while the work computes: for clusters.
    Threads,
    /// The runtime's thread waits while the work computes and runs while the work waits for the network: at any
    /// time only one of the two moves, so a simulated run is deterministic and virtual time passes only in waits.
    Lockstep,
}

/// The task that started the work is gone; the work should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation cancelled")
    }
}

impl std::error::Error for Cancelled {}

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The way back from blocking work to the async world.
#[derive(Clone)]
pub struct Caller {
    calls: tokio::sync::mpsc::UnboundedSender<Call>,
    /// One token a call: in lockstep the runtime's thread blocks on these.
    turns: mpsc::Sender<()>,
}

impl Caller {
    /// Lets the starting task await `future` and returns what it gave.
    ///
    /// # Errors
    /// [`Cancelled`] when that task was dropped.
    pub fn block_on<F>(&self, future: F) -> Result<F::Output, Cancelled>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (answer, wait) = mpsc::channel();
        let call = Box::pin(async move {
            let _ = answer.send(future.await);
        });
        self.calls.send(call).map_err(|_| Cancelled)?;
        self.turns.send(()).map_err(|_| Cancelled)?;
        wait.recv().map_err(|_| Cancelled)
    }
}

impl Blocking {
    /// Runs `work` on a thread of its own and serves the futures it asks for.
    ///
    /// A panic of the work resumes in the caller.
    pub async fn run<T, W>(self, work: W) -> T
    where
        T: Send + 'static,
        W: FnOnce(&Caller) -> T + Send + 'static,
    {
        let (calls, mut inbox) = tokio::sync::mpsc::unbounded_channel();
        let (turns, turn) = mpsc::channel();
        let runtime = tokio::runtime::Handle::current();
        // The caller lives in the closure, so both channels close when the work ends, by return or by panic.
        let worker = thread::spawn(move || {
            // A virtual clock is the runtime's: outside of it the work would read the machine's.
            let _runtime = runtime.enter();
            work(&Caller { calls, turns })
        });
        loop {
            if self == Self::Lockstep && turn.recv().is_err() {
                break;
            }
            match inbox.recv().await {
                Some(call) => call.await,
                None => break,
            }
        }
        worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Clock;

    #[tokio::test(start_paused = true)]
    async fn virtual_time_passes_only_while_the_work_waits() {
        let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH);
        let slept = Blocking::Lockstep
            .run(move |caller| caller.block_on(async move { clock.sleep(Duration::from_secs(3600)).await }))
            .await;
        assert_eq!(slept, Ok(()));
        assert_eq!(clock.now().as_second(), 3600);
    }

    #[tokio::test(start_paused = true)]
    async fn the_work_reads_the_virtual_time() {
        let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH);
        clock.sleep(Duration::from_secs(3600)).await;
        let now = Blocking::Lockstep.run(move |_| clock.now()).await;
        assert_eq!(now.as_second(), 3600);
    }

    #[tokio::test]
    async fn threads_give_the_value_back() {
        let sum = Blocking::Threads
            .run(|caller| caller.block_on(async { 1 + 1 }))
            .await;
        assert_eq!(sum, Ok(2));
    }
}
