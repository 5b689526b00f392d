//! The logs of the extension's pods, followed through the API as `kubectl logs --follow` does.

use std::{collections::BTreeSet, time::Duration};

use edges::Clock;
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{ListParams, LogParams},
};
use tokio::task::JoinSet;

use super::super::{Logs, NAMESPACE};
/// One run of a container: the pod's uid, the container's name and how often it was restarted.
type Run = (String, String, i32);

/// Collects what the extension's containers write from now on, until the answer is dropped.
pub(in crate::target) fn follow_logs(client: Client, clock: Clock, logs: Logs) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let pods: Api<Pod> = Api::namespaced(client, NAMESPACE);
        let begin = clock.now();
        let mut known: BTreeSet<Run> = BTreeSet::new();
        let mut readers = JoinSet::new();
        loop {
            // A list that fails is asked for again: an API that is not there at all is noticed elsewhere.
            let found = pods.list(&ListParams::default()).await;
            for (pod, run) in found.iter().flatten().flat_map(running) {
                if !known.insert(run.clone()) {
                    continue;
                }
                let params = LogParams {
                    container: Some(run.1),
                    follow: true,
                    since_time: begin.to_string().parse().ok(),
                    ..LogParams::default()
                };
                readers.spawn(read(pods.clone(), pod, params, logs.clone()));
            }
            while readers.try_join_next().is_some() {}
            clock.sleep(LOOK_EVERY).await;
        }
    });
    tasks
}

/// How often the pods are looked at: a container that starts anew is followed from its first line on anyway.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The containers of a pod that run, with the pod's name.
fn running(pod: &Pod) -> Vec<(String, Run)> {
    let (Some(name), Some(uid)) = (&pod.metadata.name, &pod.metadata.uid) else {
        return Vec::new();
    };
    let statuses = pod
        .status
        .iter()
        .filter_map(|status| status.container_statuses.as_ref());
    statuses
        .flatten()
        .filter(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()))
        .map(|status| {
            let run = (uid.clone(), status.name.clone(), status.restart_count);
            (name.clone(), run)
        })
        .collect()
}

async fn read(pods: Api<Pod>, name: String, params: LogParams, logs: Logs) {
    match pods.log_stream(&name, &params).await {
        Ok(stream) => {
            let mut lines = stream.lines();
            while let Ok(Some(line)) = lines.try_next().await {
                logs.add(&line);
            }
        }
        Err(error) => logs.miss(&format!("{name}: {error}")),
    }
}
