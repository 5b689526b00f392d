//! Runs a reconciler: watches, queue, workers.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use edges::Edges;
use futures::{FutureExt, StreamExt, stream::SelectAll};
use kube::{Resource, discovery::ApiResource};
use manifest::Key;
use tokio::{
    sync::watch::{Sender, channel},
    task::JoinSet,
    time::Instant,
};

use crate::{
    Change, Limits, Metrics, Next, Reconciler, Recorder, Watch,
    events::forward,
    queue::Queue,
    shell::{Outcome, Shell},
    watch::{self, Store},
};

/// How a controller is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How many objects are worked on at once.
    pub concurrent: usize,
    /// Bounds of the back-off.
    pub limits: Limits,
    /// Share of an interval that is left to chance, in percent.
    pub jitter_percentage: u8,
    /// The one namespace that is watched; all when absent.
    pub namespace: Option<String>,
    /// Labels that the controller's own objects must have.
    pub labels: Option<String>,
    /// Where events are posted.
    pub events: Option<EventReceiver>,
    /// What is measured.
    pub metrics: Metrics,
}

/// Who delivers events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventReceiver {
    /// The URL.
    pub address: String,
    /// How this process calls itself.
    pub instance: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrent: 4,
            limits: Limits::default(),
            jitter_percentage: 5,
            namespace: None,
            labels: None,
            events: None,
            metrics: Metrics::default(),
        }
    }
}

/// Reconciles objects until it is dropped.
pub async fn run_controller<R: Reconciler>(
    edges: &Edges,
    reconciler: Arc<R>,
    options: &Options,
    watches: Vec<Watch>,
) {
    let mut recorder = Recorder::new(edges.kube.clone(), edges.clock, R::CONTROLLER);
    let mut posting = futures::future::pending().boxed();
    if let Some(receiver) = &options.events {
        let (outbox, post) = forward::open(edges.http.clone(), edges.clock, receiver.address.clone());
        recorder = recorder.forwarding(outbox, receiver.instance.clone());
        posting = post.boxed();
    }
    let shell = Arc::new(Shell {
        client: edges.kube.clone(),
        clock: edges.clock,
        recorder: Arc::new(recorder),
        metrics: options.metrics.clone(),
        reconciler,
    });
    let mut rng = edges.seed.derive(R::CONTROLLER).derive("jitter").rng();
    let mut sources = Sources::open::<R>(edges, options, watches);
    let mut queue = Queue::new(options.limits);
    let mut calls: BTreeMap<Key, Sender<Option<String>>> = BTreeMap::new();
    let mut workers: JoinSet<(Key, Option<Outcome>)> = JoinSet::new();
    loop {
        while workers.len() < options.concurrent.max(1) {
            let Some(key) = queue.pop(Instant::now()) else {
                break;
            };
            let shell = Arc::clone(&shell);
            let (call, called) = channel(None);
            calls.insert(key.clone(), call);
            workers.spawn(async move {
                let outcome = AssertUnwindSafe(shell.pass(&key, called)).catch_unwind().await;
                (key, outcome.ok())
            });
        }
        let full = workers.len() >= options.concurrent.max(1);
        let deadline = queue.deadline().filter(|_| !full);
        tokio::select! {
            biased;
            Some(joined) = workers.join_next() => if let Ok((key, outcome)) = joined {
                // A pass that panicked is tried again, as any other that broke off.
                let next = outcome.map_or(Next::Backoff, |outcome| outcome.next(options.jitter_percentage, &mut rng));
                calls.remove(&key);
                queue.done(key, next, Instant::now());
            },
            Some(Wanted { keys, by }) = sources.next() => for key in keys {
                if queue.is_active(&key) && let Some(call) = calls.get(&key) {
                    call.send_replace(Some(by.clone().unwrap_or_else(|| format!("{}/{key}", R::Object::kind(&())))));
                }
                queue.add(key);
            },
            () = until(edges, deadline) => {}
            () = &mut posting => posting = futures::future::pending().boxed(),
        }
    }
}

/// Waits for the deadline, for ever if there is none.
async fn until(edges: &Edges, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            // Timers tick in milliseconds; rounding up keeps the loop from spinning below that.
            edges.clock.sleep(left.max(Duration::from_millis(1))).await;
        }
        None => futures::future::pending().await,
    }
}

/// Passes that an event calls for.
struct Wanted {
    keys: Vec<Key>,
    /// Whose change it was, as `Kind/namespace/name`; that of the object itself when absent.
    by: Option<String>,
}

/// All watches of a controller.
struct Sources {
    events: SelectAll<futures::stream::BoxStream<'static, (usize, Event)>>,
    primary: Store,
    others: Vec<(Watch, Store)>,
}

type Event = kube::runtime::watcher::Event<kube::api::DynamicObject>;

impl Sources {
    fn open<R: Reconciler>(edges: &Edges, options: &Options, watches: Vec<Watch>) -> Self {
        let open = |index: usize, resource: &ApiResource, labels: Option<&str>| {
            let namespace = options.namespace.as_deref();
            watch::events(edges.kube.clone(), edges.clock, resource, namespace, labels)
                .map(move |event| (index, event))
                .boxed()
        };
        let mut events = SelectAll::new();
        events.push(open(
            0,
            &ApiResource::erase::<R::Object>(&()),
            options.labels.as_deref(),
        ));
        for (index, watch) in watches.iter().enumerate() {
            events.push(open(index + 1, &watch.resource, watch.labels.as_deref()));
        }
        Self {
            events,
            primary: Store::default(),
            others: watches
                .into_iter()
                .map(|watch| (watch, Store::default()))
                .collect(),
        }
    }

    /// The keys that the next event calls for; none if it calls for nothing.
    async fn next(&mut self) -> Option<Wanted> {
        let (index, event) = self.events.next().await?;
        let Some((watch, store)) = index.checked_sub(1).and_then(|other| self.others.get_mut(other)) else {
            let seen = self.primary.take(event).into_iter();
            let called = seen.filter(|seen| match &seen.new {
                Some(new) => watch::calls_for_pass(seen.old.as_deref(), new),
                None => false,
            });
            let keys = called.map(|seen| seen.key).collect();
            return Some(Wanted { keys, by: None });
        };
        let mut keys = Vec::new();
        let mut by = None;
        for seen in store.take(event) {
            if let Some(new) = &seen.new {
                let change = Change {
                    old: seen.old.as_deref(),
                    new,
                };
                keys.extend((watch.map)(&change, self.primary.objects()));
                by = Some(format!("{}/{}", watch.resource.kind, seen.key));
            }
        }
        Some(Wanted { keys, by })
    }
}
