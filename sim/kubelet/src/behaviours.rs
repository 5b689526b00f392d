//! What a scenario wants of nodes and pods: to be slow, to crash, to vanish.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

/// Which pods are meant. A member that is absent or empty leaves the choice open; the default selects every pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// The pod's namespace.
    pub namespace: Option<String>,
    /// The pod's own name.
    pub name: Option<String>,
    /// Labels that the pod has.
    pub labels: BTreeMap<String, String>,
    /// Kind and name of a workload above the pod: its controller (`ReplicaSet`), or that one's (`Deployment`).
    pub owner: Option<(String, String)>,
    /// How the image of one of its containers begins.
    pub image: Option<String>,
}

/// What pods do instead of becoming ready after the usual time.
///
/// Containers are restarted as their `restartPolicy` says: the first time at once, then after 10 seconds, doubled with
/// each restart up to five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// They become ready after this time.
    ReadyAfter(Duration),
    /// They run, but their readiness probe fails.
    NeverReady,
    /// Their processes end with this code, so long after each start.
    CrashLoop {
        /// The exit code; zero is a process that ends though it should stay.
        exit_code: i32,
        /// From the start to the end.
        after: Duration,
    },
    /// Their image cannot be pulled: `ErrImagePull`, `ImagePullBackOff`. Pods that run stay unharmed.
    ImagePullFailure,
    /// Their processes are killed for want of memory, so long after each start: `OOMKilled`, exit code 137.
    OutOfMemory {
        /// From the start to the end.
        after: Duration,
    },
}

/// The behaviours in force. Clones share them; every change takes effect at once.
#[derive(Debug, Clone)]
pub struct Behaviours(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    revision: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<(Selector, Behaviour)>,
    lost: BTreeSet<String>,
}

impl Default for Behaviours {
    fn default() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            revision: watch::Sender::new(0),
        }))
    }
}

impl Behaviours {
    /// Makes the selected pods behave so, until [`Behaviours::heal`] is called with the same selector. Of several
    /// rules that select a pod the newest counts.
    pub fn set(&self, selector: Selector, behaviour: Behaviour) {
        let mut state = self.lock();
        state.rules.retain(|(known, _)| *known != selector);
        state.rules.push((selector, behaviour));
        self.announce(state);
    }

    /// Takes back what was asked for with this selector; whether there was something.
    pub fn heal(&self, selector: &Selector) -> bool {
        let mut state = self.lock();
        let before = state.rules.len();
        state.rules.retain(|(known, _)| known != selector);
        let healed = state.rules.len() < before;
        self.announce(state);
        healed
    }

    /// Takes everything back: every pod behaves as usual, every node is there.
    pub fn heal_all(&self) {
        let mut state = self.lock();
        *state = State::default();
        self.announce(state);
    }

    /// Cuts a node off: its kubelet falls silent and its processes die. After 50 seconds the node is `NotReady`, and
    /// its pods are not ready; 300 seconds later, or as their tolerations say, they are deleted, but stay `Terminating`.
    pub fn lose_node(&self, name: &str) {
        let mut state = self.lock();
        state.lost.insert(name.to_owned());
        self.announce(state);
    }

    /// Brings a lost node back; whether it was lost.
    pub fn restore_node(&self, name: &str) -> bool {
        let mut state = self.lock();
        let restored = state.lost.remove(name);
        self.announce(state);
        restored
    }

    /// What a pod shall do.
    pub(crate) fn of(&self, pod: &Subject<'_>) -> Option<Behaviour> {
        let state = self.lock();
        let mut rules = state.rules.iter().rev();
        rules
            .find(|(selector, _)| selector.matches(pod))
            .map(|(_, behaviour)| *behaviour)
    }

    pub(crate) fn is_lost(&self, node: &str) -> bool {
        self.lock().lost.contains(node)
    }

    /// Waits for the next change.
    pub(crate) async fn changed(&self, seen: &mut watch::Receiver<u64>) {
        if seen.changed().await.is_err() {
            std::future::pending().await
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.0.revision.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.0.revision.send_modify(|revision| *revision += 1);
    }
}

/// A pod as selectors look at it.
pub(crate) struct Subject<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) labels: BTreeMap<&'a str, &'a str>,
    /// Kinds and names of the workloads above it.
    pub(crate) owners: Vec<(String, String)>,
    pub(crate) images: Vec<&'a str>,
}

impl Selector {
    fn matches(&self, pod: &Subject<'_>) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        is(&self.namespace, pod.namespace)
            && is(&self.name, pod.name)
            && self
                .labels
                .iter()
                .all(|(key, value)| pod.labels.get(key.as_str()) == Some(&value.as_str()))
            && self.owner.as_ref().is_none_or(|owner| pod.owners.contains(owner))
            && self
                .image
                .as_ref()
                .is_none_or(|prefix| pod.images.iter().any(|image| image.starts_with(prefix.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject<'static> {
        Subject {
            namespace: "apps",
            name: "web-1",
            labels: BTreeMap::from([("app", "web")]),
            owners: vec![("Deployment".to_owned(), "web".to_owned())],
            images: vec!["registry.example/web:1"],
        }
    }

    #[test]
    fn selectors_choose_by_each_of_their_members() {
        let pod = subject();
        assert!(Selector::default().matches(&pod));
        let owner = |name: &str| Selector {
            owner: Some(("Deployment".to_owned(), name.to_owned())),
            ..Selector::default()
        };
        assert!(owner("web").matches(&pod));
        assert!(!owner("db").matches(&pod));
        let image = |text: &str| Selector {
            image: Some(text.to_owned()),
            ..Selector::default()
        };
        assert!(image("registry.example/").matches(&pod));
        assert!(!image("other/").matches(&pod));
    }

    #[test]
    fn the_newest_rule_counts_until_it_is_healed() {
        let all = Behaviours::default();
        let broad = Selector::default();
        let narrow = Selector {
            namespace: Some("apps".to_owned()),
            ..Selector::default()
        };
        all.set(broad, Behaviour::NeverReady);
        all.set(narrow.clone(), Behaviour::ImagePullFailure);
        assert_eq!(all.of(&subject()), Some(Behaviour::ImagePullFailure));
        assert!(all.heal(&narrow));
        assert!(!all.heal(&narrow));
        assert_eq!(all.of(&subject()), Some(Behaviour::NeverReady));
        all.heal_all();
        assert_eq!(all.of(&subject()), None);
    }
}
