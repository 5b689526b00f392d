//! The objects: one global revision, persistent maps, a log of what changed.
//!
//! Everything in here is a persistent structure, so a snapshot is a clone and costs nothing.

use std::{
    ops::Bound,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use imbl::{OrdMap, Vector};
use serde_json::Value;

use crate::{core::stamped, limits};

/// Where an object lies inside its table: `namespace/name`, or the name of a cluster-scoped object.
///
/// One string, because lists come in the order of the storage's keys, where `a-b/x` precedes `a/x`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(Arc<str>);

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        if namespace.is_empty() {
            Self(name.into())
        } else {
            Self(format!("{namespace}/{name}").into())
        }
    }

    pub(crate) fn of(object: &Value) -> Self {
        Self::new(
            manifest::object::namespace(object),
            manifest::object::name(object),
        )
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    pub(crate) fn name(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(_, name)| name)
    }

    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.into())
    }
}

/// The objects of one stored resource.
pub(crate) type Table = OrdMap<Key, Arc<Value>>;

/// One write.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    /// `deployments.apps`: the stored resource.
    pub(crate) table: Arc<str>,
    pub(crate) key: Key,
    pub(crate) old: Option<Arc<Value>>,
    /// `None`: deleted.
    pub(crate) new: Option<Arc<Value>>,
    /// What all watches send of it.
    pub(crate) told: Arc<Told>,
}

/// A stored object as watches send it, made once for all of them.
#[derive(Debug, Default)]
pub(crate) struct Told {
    last: OnceLock<Arc<Value>>,
    json: OnceLock<Bytes>,
}

impl Told {
    /// The last state of an object that is gone.
    pub(crate) fn last(&self, old: &Value, revision: u64) -> Arc<Value> {
        let last = self.last.get_or_init(|| Arc::new(stamped(old, revision)));
        Arc::clone(last)
    }

    /// The JSON of the one object that this is about.
    pub(crate) fn json(&self, object: &Value) -> Bytes {
        self.json
            .get_or_init(|| serde_json::to_vec(object).unwrap_or_default().into())
            .clone()
    }
}

/// All objects and how they came about.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    revision: u64,
    tables: OrdMap<Arc<str>, Table>,
    log: Vector<Event>,
    /// The log starts after this revision.
    floor: u64,
    /// What was before this revision is lost.
    compacted: u64,
}

/// The asked revision is no longer known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted {
    /// The oldest that is.
    pub(crate) floor: u64,
}

impl Store {
    /// An empty store. Its first revision is high enough to be told from the special values 0 and 1.
    pub(crate) fn new() -> Self {
        Self {
            revision: 100,
            tables: OrdMap::new(),
            log: Vector::new(),
            floor: 100,
            compacted: 0,
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn get(&self, table: &str, key: &Key) -> Option<&Arc<Value>> {
        self.tables.get(table)?.get(key)
    }

    pub(crate) fn table(&self, table: &str) -> Table {
        self.tables.get(table).cloned().unwrap_or_default()
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = (&Arc<str>, &Table)> {
        self.tables.iter()
    }

    /// Writes an object, stamped with the new revision, and returns it.
    pub(crate) fn put(&mut self, table: &Arc<str>, key: Key, mut value: Value) -> Arc<Value> {
        self.revision += 1;
        manifest::object::map_at(&mut value, &["metadata"])
            .insert("resourceVersion".into(), self.revision.to_string().into());
        let value = Arc::new(value);
        let old = self
            .tables
            .entry(Arc::clone(table))
            .or_default()
            .insert(key.clone(), Arc::clone(&value));
        self.push(Event {
            revision: self.revision,
            table: Arc::clone(table),
            key,
            old,
            new: Some(Arc::clone(&value)),
            told: Arc::default(),
        });
        value
    }

    /// Removes an object and returns the revision of that.
    pub(crate) fn remove(&mut self, table: &Arc<str>, key: &Key) -> Option<u64> {
        let old = self.tables.get_mut(&**table)?.remove(key)?;
        self.revision += 1;
        self.push(Event {
            revision: self.revision,
            table: Arc::clone(table),
            key: key.clone(),
            old: Some(old),
            new: None,
            told: Arc::default(),
        });
        Some(self.revision)
    }

    fn push(&mut self, event: Event) {
        self.log.push_back(event);
        while self.log.len() > limits::EVENTS {
            if let Some(first) = self.log.pop_front() {
                self.floor = first.revision;
                self.compacted = first.revision;
            }
        }
    }

    /// Forgets the past, as storage and caches do in time.
    pub(crate) fn compact(&mut self) {
        self.log = Vector::new();
        self.floor = self.revision;
        self.compacted = self.revision;
    }

    /// Compacts the storage alone: what the log still holds stays known.
    pub(crate) fn compact_storage(&mut self) {
        self.compacted = self.revision;
    }

    /// The events after `revision`, oldest first.
    pub(crate) fn since(&self, revision: u64) -> Result<impl Iterator<Item = &Event>, Compacted> {
        if revision < self.floor {
            return Err(Compacted { floor: self.floor });
        }
        let start = self.position(revision);
        Ok(self.log.focus().narrow(start..).into_iter())
    }

    /// Events of the log that are not after `revision`.
    fn position(&self, revision: u64) -> usize {
        let (mut low, mut high) = (0, self.log.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self
                .log
                .get(middle)
                .is_some_and(|event| event.revision <= revision)
            {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// A table as it was at `revision`.
    pub(crate) fn table_at(&self, table: &str, revision: u64) -> Result<Table, Compacted> {
        let mut then = self.table(table);
        if revision >= self.revision {
            return Ok(then);
        }
        if revision < self.floor && revision >= self.compacted {
            // Before the first write there was nothing.
            return Ok(Table::new());
        }
        let later: Vec<&Event> = self.since(revision)?.collect();
        for event in later.into_iter().rev().filter(|event| &*event.table == table) {
            match &event.old {
                Some(old) => then.insert(event.key.clone(), Arc::clone(old)),
                None => then.remove(&event.key),
            };
        }
        Ok(then)
    }
}

/// The objects of one namespace, or all.
pub(crate) fn in_namespace<'a>(
    table: &'a Table,
    namespace: &str,
) -> Box<dyn Iterator<Item = (&'a Key, &'a Arc<Value>)> + 'a> {
    if namespace.is_empty() {
        return Box::new(table.iter());
    }
    // `0` follows `/` in the order of bytes.
    let range = (
        Bound::Included(Key(format!("{namespace}/").into())),
        Bound::Excluded(Key(format!("{namespace}0").into())),
    );
    Box::new(table.range(range))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, value: i64) -> Value {
        json!({"metadata": {"name": name, "namespace": "n"}, "value": value})
    }

    #[test]
    fn the_past_can_be_seen() {
        let mut store = Store::new();
        let table: Arc<str> = "things".into();
        let key = Key::new("n", "a");
        store.put(&table, key.clone(), object("a", 1));
        let first = store.revision();
        store.put(&table, key.clone(), object("a", 2));
        store.remove(&table, &key);
        assert_eq!(store.table(&table).len(), 0);
        assert_eq!(store.table_at(&table, first).unwrap()[&key]["value"], 1);
        assert_eq!(store.table_at(&table, 100).unwrap().len(), 0);
        assert_eq!(store.table_at(&table, 1).unwrap().len(), 0);
        assert!(store.since(1).is_err());
        let events = store.since(first).unwrap();
        assert_eq!(events.map(|event| event.revision).collect::<Vec<_>>(), [102, 103]);
        store.compact_storage();
        assert!(store.table_at(&table, 1).is_err());
        assert_eq!(store.table_at(&table, first).unwrap()[&key]["value"], 1);
        store.compact();
        assert!(store.table_at(&table, first).is_err());
        assert!(store.since(first).is_err());
    }

    #[test]
    fn a_snapshot_is_untouched_by_later_writes() {
        let mut store = Store::new();
        let table: Arc<str> = "things".into();
        store.put(&table, Key::new("n", "a"), object("a", 1));
        let before = store.clone();
        store.put(&table, Key::new("n", "b"), object("b", 1));
        assert_eq!(before.table(&table).len(), 1);
        assert_eq!(in_namespace(&store.table(&table), "n").count(), 2);
        assert_eq!(in_namespace(&store.table(&table), "m").count(), 0);
    }
}
