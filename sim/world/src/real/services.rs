//! Services as listening sockets: each port of each Service leads to a ready pod.

use std::{collections::BTreeMap, time::Duration};

use apiserver::Changes;
use edges::Clock;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use super::names::Front;
use crate::Network;

/// How long changes are gathered before the sockets follow.
const GATHER: Duration = Duration::from_millis(5);

/// Opens and closes the sockets as Services and pods come and go. Runs inside the cluster's network.
pub(crate) async fn serve(network: Network, mut changes: Changes, clock: Clock) {
    let mut partings = network.partings();
    let mut open: BTreeMap<Front, AbortHandle> = BTreeMap::new();
    let mut fronts = JoinSet::new();
    loop {
        let wanted = network.fronts();
        open.retain(|front, task| {
            let stays = wanted.contains(front);
            if !stays {
                task.abort();
            }
            stays
        });
        for front in wanted {
            // An address that cannot be bound belongs to the world itself, such as the API server's.
            if !open.contains_key(&front)
                && let Ok(listener) = TcpListener::bind((front.address, front.port)).await
            {
                let task = fronts.spawn(accept(listener, network.clone(), front.clone()));
                open.insert(front, task);
            }
        }
        loop {
            let change = tokio::select! {
                biased;
                Ok(()) = partings.changed() => break,
                change = changes.next() => change,
            };
            if matches!(change.gvr.resource.as_str(), "services" | "pods") {
                break;
            }
        }
        clock.sleep(GATHER).await;
        while changes.try_next().is_some() {}
        while fronts.try_join_next().is_some() {}
    }
}

async fn accept(listener: TcpListener, network: Network, front: Front) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((mut inside, _)) = listener.accept().await else {
            continue;
        };
        let Ok((address, port)) = network.endpoint(&front.name, &front.namespace, &front.name, front.port)
        else {
            continue;
        };
        connections.spawn(async move {
            // Who connected sees the end of the connection; there is nobody else to tell.
            if let Ok(mut pod) = TcpStream::connect((address.as_str(), port)).await {
                let _ = copy_bidirectional(&mut inside, &mut pod).await;
            }
        });
    }
}
