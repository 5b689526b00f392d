//! Real components that run as tasks in the place of a pod's containers.

use std::collections::BTreeMap;

use tokio::task::{AbortHandle, JoinSet};

use crate::Process;

/// The running processes, by pod uid.
#[derive(Default)]
pub(crate) struct Processes {
    tasks: JoinSet<(String, i32)>,
    handles: BTreeMap<String, AbortHandle>,
}

impl Processes {
    pub(crate) fn start(&mut self, uid: &str, process: Process) {
        let owner = uid.to_owned();
        let handle = self.tasks.spawn(async move { (owner, process.await) });
        self.handles.insert(uid.to_owned(), handle);
    }

    pub(crate) fn kill(&mut self, uid: &str) {
        if let Some(handle) = self.handles.remove(uid) {
            handle.abort();
        }
    }

    /// The next process that ends by itself: its pod and its exit code. A panic counts as exit code 2, as a Go
    /// program's does. Never resolves while none runs.
    pub(crate) async fn next_exit(&mut self) -> (String, i32) {
        loop {
            match self.tasks.join_next_with_id().await {
                None => std::future::pending().await,
                Some(Ok((_, (uid, code)))) => {
                    if self.handles.remove(&uid).is_some() {
                        return (uid, code);
                    }
                }
                Some(Err(error)) => {
                    let id = error.id();
                    let found = self.handles.iter().find(|(_, handle)| handle.id() == id);
                    if let Some(uid) = found.map(|(uid, _)| uid.clone()) {
                        self.handles.remove(&uid);
                        return (uid, 2);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_killed_process_reports_nothing_and_a_panic_exits_with_two() {
        let mut all = Processes::default();
        all.start("killed", Box::pin(std::future::pending()));
        all.kill("killed");
        all.start("broken", Box::pin(async { panic!("on purpose") }));
        assert_eq!(all.next_exit().await, ("broken".to_owned(), 2));
    }
}
