//! The shapes of Kubernetes objects: built-in kinds of one Kubernetes version, and custom resources.
//!
//! One model serves the typed merge of server-side apply, strategic merge patches, field validation and pruning.
//! Nodes live in an arena and refer to each other by [`TypeId`], so a recursive schema is a cycle of numbers.

mod builtin;
pub mod codec;
mod convert;
mod decode;
mod document;
pub mod gotext;
mod keys;
mod leaf;
pub mod limits;
mod prune;
mod structural;

pub use builtin::{Builtin, Kinds, builtin, minors};
pub use convert::convert;
pub use decode::{Decoded, decode, in_order, quote, unknown_fields};
pub use document::{Document, SyntaxError, read_json};
pub use prune::prune;
pub use structural::{StructuralError, structural, untyped};

use std::collections::{BTreeMap, BTreeSet};

/// Index of a node in its [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u32);

/// What a value may look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A leaf.
    Scalar(Scalar),
    /// A list.
    List(List),
    /// A map or struct.
    Map(Map),
    /// Anything: `x-kubernetes-preserve-unknown-fields` without a structure. Lists are atomic, maps granular.
    Any,
}

/// Kinds of leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// `type: string`.
    String,
    /// `type: integer`.
    Integer,
    /// `type: number`.
    Number,
    /// `type: boolean`.
    Boolean,
    /// `IntOrString`.
    IntOrString,
    /// A quantity: string or number, equal by value.
    Quantity,
    /// A leaf of any type.
    Untyped,
}

/// How a list is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Its items.
    pub items: TypeId,
    /// `x-kubernetes-list-type`.
    pub kind: ListKind,
    /// `x-kubernetes-patch-strategy` and `-merge-key`, of built-in kinds only.
    pub patch: Option<Patch>,
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListKind {
    /// Replaced as a whole (the default).
    Atomic,
    /// A set of scalars.
    Set,
    /// Items identified by these members, in this order.
    Map(Vec<String>),
}

/// `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// `merge`.
    pub merge: bool,
    /// `retainKeys`.
    pub retain_keys: bool,
    /// The merge key, if items are maps.
    pub key: Option<String>,
}

/// A struct (declared fields), a map (any keys), or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Map {
    /// Declared members.
    pub fields: BTreeMap<String, Field>,
    /// The type of members that are not declared; `None` where there may be none.
    pub values: Option<TypeId>,
    /// `x-kubernetes-preserve-unknown-fields` on a struct with declared members.
    pub preserve_unknown: bool,
    /// `x-kubernetes-map-type: atomic`.
    pub atomic: bool,
    /// `x-kubernetes-embedded-resource`.
    pub embedded: bool,
}

/// A declared member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its type.
    pub ty: TypeId,
    /// The default that merging by keys needs (`protocol: TCP`), or a custom resource's `default`.
    pub default: Option<serde_json::Value>,
    /// `nullable`.
    pub nullable: bool,
    /// Listed in `required`.
    pub required: bool,
    /// `x-kubernetes-patch-strategy` of a struct-valued member (`retainKeys`, `replace` as neither).
    pub patch: Option<Patch>,
}

/// An arena of nodes.
///
/// Beside the nodes stand facts that only some readers need: how the Go type of a built-in node is spelt, in which
/// order its members are declared, and which maps keep undeclared members while merging but lose them to pruning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    nodes: Vec<Node>,
    spellings: BTreeMap<TypeId, String>,
    orders: BTreeMap<TypeId, Vec<u16>>,
    pruned: BTreeSet<TypeId>,
    nullable: BTreeSet<TypeId>,
}

impl Schema {
    /// The node with this index.
    pub fn node(&self, id: TypeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds a node.
    pub fn push(&mut self, node: Node) -> TypeId {
        self.nodes.push(node);
        TypeId(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
    }

    /// Replaces a node, for cycles: push a stand-in first, then set it.
    pub fn set(&mut self, id: TypeId, node: Node) {
        self.nodes[id.0 as usize] = node;
    }

    /// How Go spells the type of a built-in node where its shape does not say so: `v1.PodSpec`, `int32`.
    pub fn spelling(&self, id: TypeId) -> Option<&str> {
        self.spellings.get(&id).map(String::as_str)
    }

    /// Notes a spelling.
    pub fn spell(&mut self, id: TypeId, spelling: &str) {
        self.spellings.insert(id, spelling.to_owned());
    }

    /// The declared members of a struct in the order of declaration; by name where no order is known.
    pub fn members(&self, id: TypeId) -> Vec<(&str, &Field)> {
        let Node::Map(map) = self.node(id) else {
            return Vec::new();
        };
        let sorted: Vec<_> = map
            .fields
            .iter()
            .map(|(name, field)| (name.as_str(), field))
            .collect();
        match self.orders.get(&id) {
            Some(order) => order
                .iter()
                .filter_map(|&at| sorted.get(usize::from(at)).copied())
                .collect(),
            None => sorted,
        }
    }

    /// Notes the order of declaration: places in the sorted list of members.
    pub fn order(&mut self, id: TypeId, order: Vec<u16>) {
        self.orders.insert(id, order);
    }

    /// Whether undeclared members of this map are dropped by pruning although merging would take them: a custom
    /// resource's `type: object` without members, or a struct inside `x-kubernetes-preserve-unknown-fields`.
    pub fn is_pruned(&self, id: TypeId) -> bool {
        self.pruned.contains(&id)
    }

    /// Marks such a map.
    pub fn prune(&mut self, id: TypeId) {
        self.pruned.insert(id);
    }

    /// Whether undeclared members of this type may be `null`: a custom resource's `additionalProperties` with
    /// `nullable`. Of declared members [`Field::nullable`] says it.
    pub fn is_nullable_value(&self, id: TypeId) -> bool {
        self.nullable.contains(&id)
    }

    /// Marks such a type.
    pub fn allow_null_value(&mut self, id: TypeId) {
        self.nullable.insert(id);
    }

    /// Copies a node of another schema, and all it refers to, into this one.
    pub fn graft(&mut self, from: &Schema, id: TypeId) -> TypeId {
        self.graft_known(from, id, &mut BTreeMap::new())
    }

    fn graft_known(&mut self, from: &Schema, id: TypeId, known: &mut BTreeMap<TypeId, TypeId>) -> TypeId {
        if let Some(&copy) = known.get(&id) {
            return copy;
        }
        let copy = self.push(Node::Any);
        known.insert(id, copy);
        let mut node = from.node(id).clone();
        match &mut node {
            Node::List(list) => list.items = self.graft_known(from, list.items, known),
            Node::Map(map) => {
                for field in map.fields.values_mut() {
                    field.ty = self.graft_known(from, field.ty, known);
                }
                map.values = map.values.map(|values| self.graft_known(from, values, known));
            }
            Node::Scalar(_) | Node::Any => {}
        }
        self.set(copy, node);
        if let Some(spelling) = from.spelling(id) {
            self.spell(copy, spelling);
        }
        if let Some(order) = from.orders.get(&id) {
            self.order(copy, order.clone());
        }
        if from.is_pruned(id) {
            self.prune(copy);
        }
        copy
    }
}
