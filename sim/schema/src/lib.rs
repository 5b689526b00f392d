//! The shapes of Kubernetes objects: built-in kinds of one Kubernetes version, and custom resources.
//!
//! One model serves the typed merge of server-side apply, strategic merge patches, field validation and pruning.
//! Nodes live in an arena and refer to each other by [`TypeId`], so a recursive schema is a cycle of numbers.

use std::collections::BTreeMap;

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    nodes: Vec<Node>,
}

impl Schema {
    /// The node with this index.
    pub fn node(&self, id: TypeId) -> &Node {
        &self.nodes[id.0 as usize]
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
}
