//! Types, and how they fit each other.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::decl::Decl;

/// A type.
#[derive(Debug, Clone)]
pub enum Type {
    /// Anything; checked when evaluated.
    Dyn,
    /// Of an expression that has an error.
    Error,
    /// `null`.
    Null,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `uint`.
    Uint,
    /// `double`.
    Double,
    /// `string`.
    String,
    /// `bytes`.
    Bytes,
    /// `google.protobuf.Duration`.
    Duration,
    /// `google.protobuf.Timestamp`.
    Timestamp,
    /// `list(T)`.
    List(Arc<Self>),
    /// `map(K, V)`.
    Map(Arc<Self>, Arc<Self>),
    /// `optional_type(T)`.
    Optional(Arc<Self>),
    /// The type of a type.
    TypeOf(Arc<Self>),
    /// An object with known members.
    Object(Arc<Decl>),
    /// A type of a library, which only its functions look into.
    Opaque(&'static str),
    /// A parameter of a signature.
    Param(&'static str),
    /// A type not known yet.
    Var(u32),
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn => f.write_str("dyn"),
            Self::Error => f.write_str("!error!"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Duration => f.write_str("duration"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::List(item) => write!(f, "list({item})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Optional(inner) => write!(f, "optional_type({inner})"),
            Self::TypeOf(inner) => write!(f, "type({inner})"),
            Self::Object(decl) => f.write_str(&decl.name),
            Self::Opaque(name) | Self::Param(name) => f.write_str(name),
            Self::Var(number) => write!(f, "_var{number}"),
        }
    }
}

impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(own), Self::List(other))
            | (Self::Optional(own), Self::Optional(other))
            | (Self::TypeOf(own), Self::TypeOf(other)) => own == other,
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                key == other_key && value == other_value
            }
            (Self::Object(own), Self::Object(other)) => Arc::ptr_eq(own, other) || own.name == other.name,
            (Self::Opaque(own), Self::Opaque(other)) | (Self::Param(own), Self::Param(other)) => own == other,
            (Self::Var(own), Self::Var(other)) => own == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other) && self.is_plain(),
        }
    }
}

impl Type {
    fn is_plain(&self) -> bool {
        !matches!(
            self,
            Self::List(_)
                | Self::Optional(_)
                | Self::TypeOf(_)
                | Self::Map(..)
                | Self::Object(_)
                | Self::Opaque(_)
                | Self::Param(_)
                | Self::Var(_)
        )
    }

    /// `list(item)`.
    #[must_use]
    pub fn list(item: Self) -> Self {
        Self::List(Arc::new(item))
    }

    /// `map(key, value)`.
    #[must_use]
    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    /// `optional_type(inner)`.
    #[must_use]
    pub fn optional(inner: Self) -> Self {
        Self::Optional(Arc::new(inner))
    }

    pub(crate) fn loose(&self) -> bool {
        matches!(self, Self::Dyn | Self::Error)
    }

    /// Types whose values may be null in a comparison.
    fn nullable(&self) -> bool {
        matches!(
            self,
            Self::Object(_) | Self::Opaque(_) | Self::Optional(_) | Self::Duration | Self::Timestamp
        )
    }
}

/// What is known of the type variables.
#[derive(Debug, Default, Clone)]
pub(crate) struct Bindings {
    map: BTreeMap<u32, Type>,
    last: u32,
}

impl Bindings {
    pub(crate) fn fresh(&mut self) -> Type {
        self.last += 1;
        Type::Var(self.last)
    }

    /// The type with its variables replaced; those that are free become `dyn` at the end.
    pub(crate) fn resolve(&self, given: &Type, finally: bool) -> Type {
        match given {
            Type::Var(number) => match self.map.get(number) {
                Some(bound) => self.resolve(bound, finally),
                None if finally => Type::Dyn,
                None => given.clone(),
            },
            Type::List(item) => Type::list(self.resolve(item, finally)),
            Type::Map(key, value) => Type::map(self.resolve(key, finally), self.resolve(value, finally)),
            Type::Optional(inner) => Type::optional(self.resolve(inner, finally)),
            Type::TypeOf(inner) => Type::TypeOf(Arc::new(self.resolve(inner, finally))),
            other => other.clone(),
        }
    }

    /// Whether all of one list fit the other; binds variables only if they do.
    pub(crate) fn fit_all(&mut self, given: &[Type], wanted: &[Type]) -> bool {
        if given.len() != wanted.len() {
            return false;
        }
        let saved = self.map.clone();
        let fits = given
            .iter()
            .zip(wanted)
            .all(|(given, wanted)| self.assignable(given, wanted));
        if !fits {
            self.map = saved;
        }
        fits
    }

    pub(crate) fn fit(&mut self, given: &Type, wanted: &Type) -> bool {
        self.fit_all(std::slice::from_ref(given), std::slice::from_ref(wanted))
    }

    fn occurs(&self, number: u32, within: &Type) -> bool {
        match self.resolve(within, false) {
            Type::Var(own) => own == number,
            Type::List(inner) | Type::Optional(inner) | Type::TypeOf(inner) => self.occurs(number, &inner),
            Type::Map(key, value) => self.occurs(number, &key) || self.occurs(number, &value),
            _ => false,
        }
    }

    /// Binds a variable, or widens what it is bound to.
    fn bind(&mut self, number: u32, given: &Type) -> bool {
        if matches!(given, Type::Var(own) if *own == number) {
            return true;
        }
        match self.map.get(&number).cloned() {
            Some(bound) => {
                if !self.assignable(given, &bound) {
                    return false;
                }
                if given.loose() && !matches!(bound, Type::Dyn) {
                    self.map.insert(number, Type::Dyn);
                }
                true
            }
            None if self.occurs(number, given) => false,
            None => {
                self.map.insert(number, given.clone());
                true
            }
        }
    }

    fn assignable(&mut self, given: &Type, wanted: &Type) -> bool {
        match (given, wanted) {
            (_, Type::Var(number)) => self.bind(*number, given),
            (Type::Var(number), _) => self.bind(*number, wanted),
            (own, other) if own.loose() || other.loose() => true,
            (Type::Null, other) if other.nullable() => true,
            (own, Type::Null) if own.nullable() => true,
            (Type::List(own), Type::List(other)) | (Type::Optional(own), Type::Optional(other)) => {
                self.assignable(own, other)
            }
            (Type::Map(key, value), Type::Map(other_key, other_value)) => {
                self.assignable(key, other_key) && self.assignable(value, other_value)
            }
            (Type::TypeOf(_), Type::TypeOf(_)) => true,
            (own, other) => own == other,
        }
    }
}
