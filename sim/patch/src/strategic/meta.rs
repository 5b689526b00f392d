//! What a type says of how its members merge.

use super::{Failure, Merger};
use kube_schema::{Map as MapType, Node, Patch, Scalar, TypeId};

/// What a struct says of one of its members.
pub(super) struct Meta<'a> {
    /// The type of the member, or of its items.
    pub(super) ty: TypeId,
    patch: Option<&'a Patch>,
}

impl Meta<'_> {
    pub(super) fn merges(&self) -> bool {
        self.patch.is_some_and(|patch| patch.merge)
    }

    pub(super) fn replaces(&self) -> bool {
        self.patch
            .is_some_and(|patch| !patch.merge && !patch.retain_keys && patch.key.is_none())
    }

    pub(super) fn key(&self) -> &str {
        self.patch
            .and_then(|patch| patch.key.as_deref())
            .unwrap_or_default()
    }
}

impl<'a> Merger<'a> {
    fn name_of(&self, ty: TypeId) -> &'a str {
        let spelling = self.schema.spelling(ty).unwrap_or_default();
        spelling.rsplit('.').next().unwrap_or_default()
    }

    /// The kind of the Go type.
    pub(super) fn kind_of(&self, ty: TypeId) -> &'static str {
        match self.schema.node(ty) {
            Node::List(_) => "slice",
            Node::Map(MapType { values: Some(_), .. }) => "map",
            Node::Map(_)
            | Node::Any
            | Node::Scalar(Scalar::IntOrString | Scalar::Quantity | Scalar::Untyped) => "struct",
            Node::Scalar(Scalar::String) => "string",
            Node::Scalar(Scalar::Boolean) => "bool",
            Node::Scalar(Scalar::Integer) => "int64",
            Node::Scalar(Scalar::Number) => "float64",
        }
    }

    pub(super) fn of_struct(&self, ty: TypeId, name: &str) -> Result<Meta<'a>, Failure> {
        let kind = self.kind_of(ty);
        if kind != "struct" {
            return Err(Failure::Other(format!(
                "merging an object in json but data type is not struct, instead is: {kind}"
            )));
        }
        let field = match self.schema.node(ty) {
            Node::Map(map) => map.fields.get(name),
            _ => None,
        };
        let Some(field) = field else {
            let (owner, name) = (self.name_of(ty), kube_schema::gotext::quote(name));
            return Err(Failure::Other(format!(
                "unable to find api field in struct {owner} for the json field {name}"
            )));
        };
        let patch = match self.schema.node(field.ty) {
            Node::List(list) => list.patch.as_ref(),
            _ => field.patch.as_ref(),
        };
        Ok(Meta { ty: field.ty, patch })
    }

    pub(super) fn of_list(&self, ty: TypeId, name: &str) -> Result<Meta<'a>, Failure> {
        let meta = self.of_struct(ty, name)?;
        match self.schema.node(meta.ty) {
            Node::List(list) if matches!(self.schema.node(list.items), Node::List(_)) => {
                Err(Failure::Other("unexpected slice of slice".to_owned()))
            }
            Node::List(list) => Ok(Meta {
                ty: list.items,
                ..meta
            }),
            _ => Err(Failure::Other(format!(
                "expected slice or array type, but got: {}",
                self.kind_of(ty)
            ))),
        }
    }
}
