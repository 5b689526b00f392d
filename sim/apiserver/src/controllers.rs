//! The controllers that run inside the server, right after each write.
//!
//! They are the ones without which an API server is no cluster: the garbage collector, the namespace controller, the
//! ServiceAccount and root CA publishers, the aggregation of ClusterRoles, and the cleaning up behind a deleted
//! CustomResourceDefinition. Each looks at the events since it last ran and acts under its genuine identity, until
//! nothing moves; all of it happens at the instant of the write that caused it.
//!
//! DIFFERENCE: the genuine controllers run beside the server, so a client may see the states in between for some
//! milliseconds.

mod accounts;
mod act;
mod aggregation;
mod collector;
mod definitions;
mod flows;
mod index;
mod namespaces;
mod secrets;

use std::collections::BTreeSet;

use jiff::Timestamp;
use manifest::object;
use serde_json::Value;

use crate::{
    admission::quota,
    core::Core,
    limits, names,
    store::{Event, Key, in_namespace},
};

pub(crate) use act::Actor;
pub(crate) use index::{Index, Place};

const CONFIG_MAPS: &str = "configmaps";
const ROLES: &str = "clusterroles.rbac.authorization.k8s.io";

/// Which controllers of kube-controller-manager run inside the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Controllers {
    /// None: an API server and its storage.
    #[default]
    None,
    /// Those that furnish what other requests expect to be there: the ServiceAccount and the root CA of each namespace,
    /// and the rules of aggregated ClusterRoles. Nothing is collected, no namespace is finalized.
    Furnishing,
    /// The garbage collector and the namespace controller too.
    All,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    /// An object whose owners may be gone.
    Dependent(Place),
    /// An object that waits for its dependents.
    Owner(Place),
    /// A namespace that may want its ServiceAccount and root CA.
    Furnish(String),
    /// A namespace that is being deleted.
    Empty(String),
    /// A namespace whose quotas may count something else now.
    Count(String),
    /// A definition that waits for its names, or for its end.
    Definition(String),
    /// ClusterRoles that are made of others.
    Aggregate,
    /// A Secret that asks for a ServiceAccount's token.
    Token(Key),
    /// A FlowSchema that says whether its priority level exists.
    Flow(String),
}

/// Lets every controller see what was written, until nothing moves.
pub(crate) fn settle(core: &mut Core, now: Timestamp) {
    if core.settling {
        return;
    }
    core.settling = true;
    let mut tasks = BTreeSet::new();
    for _ in 0..limits::CONTROLLER_ROUNDS {
        observe(core, &mut tasks);
        let Some(task) = tasks.pop_first() else { break };
        run(core, now, &task);
    }
    core.settling = false;
}

/// Lets the controllers act on what has become due.
pub(crate) fn wake(core: &mut Core, now: Timestamp) {
    let due: Vec<String> = core
        .state
        .waiting
        .iter()
        .filter(|(_, at)| **at <= now)
        .map(|(name, _)| name.clone())
        .collect();
    if due.is_empty() || core.settling {
        return;
    }
    core.settling = true;
    for name in due {
        run(core, now, &Task::Empty(name));
    }
    core.settling = false;
    settle(core, now);
}

fn run(core: &mut Core, now: Timestamp, task: &Task) {
    match task {
        Task::Definition(name) => definitions::clean_up(core, now, name),
        Task::Flow(name) => flows::tell(core, now, name),
        // The rest belongs to kube-controller-manager.
        _ if core.controllers == Controllers::None => {}
        Task::Furnish(name) => accounts::furnish(core, now, name),
        Task::Aggregate => aggregation::aggregate(core, now),
        Task::Token(key) => secrets::fill(core, now, key),
        _ if core.controllers != Controllers::All => {}
        Task::Dependent(place) => collector::judge(core, now, place),
        Task::Owner(place) => collector::release(core, now, place),
        Task::Empty(name) => namespaces::empty(core, now, name),
        Task::Count(name) => quota::recount(core, now, name),
    }
}

/// Takes the new events into the index and notes what they call for.
fn observe(core: &mut Core, tasks: &mut BTreeSet<Task>) {
    let Ok(events) = core.state.store.since(core.state.settled) else {
        core.state.settled = core.revision();
        return;
    };
    let events: Vec<Event> = events.cloned().collect();
    core.state.settled = core.revision();
    for event in &events {
        core.state.index.take(event);
    }
    for event in &events {
        note(core, event, tasks);
        count(core, event, tasks);
    }
}

/// What happens in a namespace with quotas may count there. Of most kinds only the number of objects does.
fn count(core: &Core, event: &Event, tasks: &mut BTreeSet<Task>) {
    const WEIGHED: [&str; 4] = ["persistentvolumeclaims", "pods", "resourcequotas", "services"];
    let namespace = event.key.namespace();
    let changed = event.old.is_some() && event.new.is_some();
    if namespace.is_empty()
        || core.controllers != Controllers::All
        || changed && !WEIGHED.contains(&&*event.table)
    {
        return;
    }
    let quotas = core.table(names::QUOTAS);
    if in_namespace(&quotas, namespace).next().is_some() {
        tasks.insert(Task::Count(namespace.to_owned()));
    }
}

/// What an event means to those who own the object, and to those it owns.
fn owned(core: &Core, event: &Event, state: &Value, tasks: &mut BTreeSet<Task>) {
    match &event.new {
        Some(new) => {
            let place = Place {
                table: event.table.clone(),
                key: event.key.clone(),
            };
            if !index::owners(new).is_empty() {
                tasks.insert(Task::Dependent(place.clone()));
            }
            if !object::deletion_timestamp(state).is_empty() && collector::waits(new) {
                tasks.insert(Task::Owner(place));
            }
        }
        None => {
            tasks.extend(
                core.state
                    .index
                    .dependents(object::uid(state))
                    .cloned()
                    .map(Task::Dependent),
            );
            for uid in index::owners(state) {
                tasks.extend(core.state.index.place(&uid).cloned().map(Task::Owner));
            }
        }
    }
}

fn note(core: &Core, event: &Event, tasks: &mut BTreeSet<Task>) {
    let Some(state) = event.new.as_ref().or(event.old.as_ref()) else {
        return;
    };
    owned(core, event, state, tasks);
    note_by_table(core, event, state, tasks);
    if event.new.is_some() {
        return;
    }
    // A namespace or a definition that goes may have waited for this.
    let going = |table: &str, name: &str| {
        core.stored(table, &Key::new("", name))
            .is_some_and(|own| !object::deletion_timestamp(&own).is_empty())
    };
    let namespace = event.key.namespace();
    if !namespace.is_empty() && going(names::NAMESPACES, namespace) {
        tasks.insert(Task::Empty(namespace.to_owned()));
    }
    if event.table.contains('.') && going(names::DEFINITIONS, &event.table) {
        tasks.insert(Task::Definition(event.table.to_string()));
    }
}

/// What a write calls for because of what it is about.
fn note_by_table(core: &Core, event: &Event, state: &Value, tasks: &mut BTreeSet<Task>) {
    let deleting = !object::deletion_timestamp(state).is_empty();
    match &*event.table {
        names::NAMESPACES if deleting && event.new.is_some() => {
            tasks.insert(Task::Empty(event.key.name().to_owned()));
        }
        names::NAMESPACES if event.new.is_some() => {
            tasks.insert(Task::Furnish(event.key.name().to_owned()));
        }
        names::DEFINITIONS if event.new.is_some() => {
            tasks.insert(Task::Definition(event.key.name().to_owned()));
        }
        names::DEFINITIONS => {
            tasks.extend(
                definitions::of_group(core, state)
                    .into_iter()
                    .map(Task::Definition),
            );
        }
        ROLES => {
            tasks.insert(Task::Aggregate);
        }
        secrets::SECRETS if event.new.as_deref().is_some_and(secrets::asks) => {
            tasks.insert(Task::Token(event.key.clone()));
        }
        names::SERVICE_ACCOUNTS => {
            let waiting = secrets::of_namespace(core, event.key.namespace());
            tasks.extend(waiting.into_iter().map(Task::Token));
            if event.new.is_none() && event.key.name() == accounts::DEFAULT {
                tasks.insert(Task::Furnish(event.key.namespace().to_owned()));
            }
        }
        CONFIG_MAPS if event.key.name() == accounts::ROOT_CA => {
            tasks.insert(Task::Furnish(event.key.namespace().to_owned()));
        }
        flows::SCHEMAS if event.new.is_some() => {
            tasks.insert(Task::Flow(event.key.name().to_owned()));
        }
        flows::LEVELS => {
            let schemas = core.table(flows::SCHEMAS);
            tasks.extend(schemas.keys().map(|key| Task::Flow(key.name().to_owned())));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use edges::Seed;
    use serde_json::json;

    use super::*;

    fn core() -> Core {
        let mut core = Core::new("1.36", Controllers::All, Seed(1).derive("test").rng());
        put(&mut core, names::NAMESPACES, &json!({"metadata": {"name": "n"}}));
        core
    }

    fn put(core: &mut Core, table: &str, object: &Value) {
        let resource = core.resource_of_table(table).unwrap();
        core.put(&resource, Key::of(object), object.clone());
    }

    /// What the writes of `act` call for.
    fn noted(core: &mut Core, act: impl FnOnce(&mut Core)) -> Vec<Task> {
        core.state.settled = core.revision();
        act(core);
        let mut tasks = BTreeSet::new();
        observe(core, &mut tasks);
        tasks.into_iter().collect()
    }

    #[test]
    fn what_goes_from_a_living_namespace_calls_for_nothing() {
        let mut core = core();
        let map = json!({"metadata": {"name": "a", "namespace": "n"}});
        put(&mut core, CONFIG_MAPS, &map);
        let resource = core.resource_of_table(CONFIG_MAPS).unwrap();
        let gone = noted(&mut core, |core| {
            core.remove(&resource, &Key::of(&map));
        });
        assert_eq!(gone, []);
        put(&mut core, CONFIG_MAPS, &map);
        let going = json!({"metadata": {"name": "n", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
        put(&mut core, names::NAMESPACES, &going);
        let gone = noted(&mut core, |core| {
            core.remove(&resource, &Key::of(&map));
        });
        assert_eq!(gone, [Task::Empty("n".to_owned())]);
    }

    #[test]
    fn quotas_are_counted_when_their_count_may_move() {
        let mut core = core();
        put(
            &mut core,
            names::QUOTAS,
            &json!({"metadata": {"name": "q", "namespace": "n"}}),
        );
        let map = |value: &str| json!({"metadata": {"name": "a", "namespace": "n"}, "data": {"k": value}});
        let made = noted(&mut core, |core| put(core, CONFIG_MAPS, &map("1")));
        assert_eq!(made, [Task::Count("n".to_owned())]);
        let changed = noted(&mut core, |core| put(core, CONFIG_MAPS, &map("2")));
        assert_eq!(changed, []);
        let claim = json!({"metadata": {"name": "c", "namespace": "n"}});
        put(&mut core, "persistentvolumeclaims", &claim);
        let changed = noted(&mut core, |core| put(core, "persistentvolumeclaims", &claim));
        assert_eq!(changed, [Task::Count("n".to_owned())]);
    }

    #[test]
    fn nobody_waits_for_a_namespace_that_is_gone() {
        let mut core = core();
        core.state
            .waiting
            .insert("gone".to_owned(), Timestamp::UNIX_EPOCH);
        wake(&mut core, Timestamp::UNIX_EPOCH);
        assert!(core.state.waiting.is_empty());
    }

    #[test]
    fn a_secret_gets_the_authority_that_the_server_has() {
        let mut core = core();
        core.ca = Some("PEM".to_owned());
        put(
            &mut core,
            names::SERVICE_ACCOUNTS,
            &json!({"metadata": {"name": "a", "namespace": "n", "uid": "u"}}),
        );
        let secret = json!({
            "metadata": {"name": "s", "namespace": "n", "annotations": {"kubernetes.io/service-account.name": "a"}},
            "type": "kubernetes.io/service-account-token",
        });
        put(&mut core, secrets::SECRETS, &secret);
        crate::bootstrap::policy(&mut core, Timestamp::UNIX_EPOCH);
        settle(&mut core, Timestamp::UNIX_EPOCH);
        let filled = core.stored(secrets::SECRETS, &Key::of(&secret)).unwrap();
        assert_eq!(filled["data"]["ca.crt"], "UEVN");
    }
}
