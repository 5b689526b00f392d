//! Values as Go's templates see them: typed, with maps that are shared and change.

use std::{
    any::Any,
    cell::{Ref, RefCell},
    collections::BTreeMap,
    fmt,
    rc::Rc,
};

use crate::function::Function;

/// Text: bytes that are mostly UTF-8, as in Go.
pub type Text = Rc<[u8]>;

/// A value with its Go type.
#[derive(Clone, Default)]
pub enum Value {
    /// Nothing: an untyped nil.
    #[default]
    Nil,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `int64`
    Int64(i64),
    /// `uint8`, which is what indexing a text yields
    Uint8(u8),
    /// `float64`
    Float(f64),
    /// `string`
    Text(Text),
    /// `[]uint8`
    Bytes(Rc<[u8]>),
    /// A slice.
    List(List),
    /// A map with text keys.
    Map(Map),
    /// A value with methods or fields of its own.
    Object(Rc<dyn Object>),
    /// A function.
    Function(Rc<Function>),
}

/// What the elements of a map or slice are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `interface {}`
    Any,
    /// `string`
    Text,
    /// `int`
    Int,
    /// `[]uint8`
    Bytes,
    /// `[]interface {}`
    List,
}

/// The type of a slice.
#[derive(Debug)]
pub struct ListType {
    /// As `%T` prints it.
    pub name: &'static str,
    /// What it holds.
    pub element: Element,
    /// Its methods by name.
    pub methods: fn(&List, &str) -> Option<Function>,
}

/// The type of a map.
#[derive(Debug)]
pub struct MapType {
    /// As `%T` prints it.
    pub name: &'static str,
    /// What it holds.
    pub element: Element,
    /// Its methods by name.
    pub methods: fn(&Map, &str) -> Option<Function>,
}

fn no_list_methods(_: &List, _: &str) -> Option<Function> {
    None
}

fn no_map_methods(_: &Map, _: &str) -> Option<Function> {
    None
}

/// `[]interface {}`
pub static LIST: ListType = ListType {
    name: "[]interface {}",
    element: Element::Any,
    methods: no_list_methods,
};
/// `[]string`
pub static TEXTS: ListType = ListType {
    name: "[]string",
    element: Element::Text,
    methods: no_list_methods,
};
/// `[]int`
pub(crate) static INTS: ListType = ListType {
    name: "[]int",
    element: Element::Int,
    methods: no_list_methods,
};
/// `[][]interface {}`
pub(crate) static LISTS: ListType = ListType {
    name: "[][]interface {}",
    element: Element::List,
    methods: no_list_methods,
};
/// `map[string]interface {}`
pub static MAP: MapType = MapType {
    name: "map[string]interface {}",
    element: Element::Any,
    methods: no_map_methods,
};
/// `map[string]string`
pub static TEXT_MAP: MapType = MapType {
    name: "map[string]string",
    element: Element::Text,
    methods: no_map_methods,
};

/// A slice; its elements never change.
#[derive(Clone)]
pub struct List {
    /// Its type.
    pub kind: &'static ListType,
    /// Whether it is a nil slice, which is empty and prints as null in JSON.
    pub nil: bool,
    items: Rc<Vec<Value>>,
}

impl List {
    /// A slice of a type.
    pub fn new(kind: &'static ListType, items: Vec<Value>) -> Self {
        Self {
            kind,
            nil: false,
            items: Rc::new(items),
        }
    }

    /// A nil slice of a type.
    pub fn nil(kind: &'static ListType) -> Self {
        Self {
            kind,
            nil: true,
            items: Rc::default(),
        }
    }

    /// Its elements.
    pub fn items(&self) -> &[Value] {
        &self.items
    }
}

/// A map; its clones are the same map.
#[derive(Clone)]
pub struct Map {
    kind: &'static MapType,
    entries: Rc<RefCell<BTreeMap<Text, Value>>>,
}

impl Default for Map {
    fn default() -> Self {
        Self::new(&MAP)
    }
}

impl Map {
    /// An empty map of a type.
    pub fn new(kind: &'static MapType) -> Self {
        Self::with(kind, BTreeMap::new())
    }

    /// A map of a type.
    pub fn with(kind: &'static MapType, entries: BTreeMap<Text, Value>) -> Self {
        Self {
            kind,
            entries: Rc::new(RefCell::new(entries)),
        }
    }

    /// Its type.
    pub fn kind(&self) -> &'static MapType {
        self.kind
    }

    /// What it holds now; to be let go before anything changes it.
    pub fn entries(&self) -> Ref<'_, BTreeMap<Text, Value>> {
        self.entries.borrow()
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries().get(key).cloned()
    }

    /// Sets a key.
    pub fn set(&self, key: impl Into<Text>, value: Value) {
        self.entries.borrow_mut().insert(key.into(), value);
    }

    /// Sets a key that is text of ours.
    pub fn put(&self, key: &str, value: impl Into<Value>) {
        self.set(key.as_bytes(), value.into());
    }

    /// Removes a key.
    pub fn remove(&self, key: &[u8]) {
        self.entries.borrow_mut().remove(key);
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Its entries as they are now.
    pub fn snapshot(&self) -> Vec<(Text, Value)> {
        self.entries()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Whether two are the same map.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.entries, &other.entries)
    }

    /// A copy of its entries under another type.
    pub fn copied_as(&self, kind: &'static MapType) -> Self {
        Self::with(kind, self.entries().clone())
    }

    /// The same map under another type.
    pub fn viewed_as(&self, kind: &'static MapType) -> Self {
        Self {
            kind,
            entries: self.entries.clone(),
        }
    }
}

/// A Go struct, or a pointer to one.
pub trait Object {
    /// Its type as `%T` prints it.
    fn type_name(&self) -> &'static str;
    /// Whether it is a pointer.
    fn is_pointer(&self) -> bool {
        false
    }
    /// A field by name.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }
    /// A method by name.
    fn method(&self, _name: &str) -> Option<Function> {
        None
    }
    /// What its `String` method says, if it has one.
    fn shown(&self) -> Option<String> {
        None
    }
    /// Its exported fields in their order, with the names that JSON gives them.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
    /// What its `MarshalJSON` says, as a value.
    fn json(&self) -> Option<Value> {
        None
    }
    /// Itself, to be recognized by functions that know its type.
    fn as_any(&self) -> &dyn Any;
}

impl Value {
    /// A value out of JSON, whose numbers all are floats.
    pub fn from_json(json: &serde_json::Value) -> Self {
        crate::sprig::from_json(json, false)
    }

    /// A value out of JSON, whose whole numbers without a point are `int64`.
    pub fn from_json_with_integers(json: &serde_json::Value) -> Self {
        crate::sprig::from_json(json, true)
    }

    /// The value as `toYaml` prints it.
    ///
    /// # Errors
    /// If it holds what YAML has no form for.
    pub fn to_yaml(&self) -> Result<String, crate::error::Error> {
        crate::sprig::to_yaml(self)
    }

    /// A text.
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Text(text.as_ref().into())
    }

    /// A `[]interface {}`.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(&LIST, items))
    }

    /// A `[]string`.
    pub fn texts(items: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        Self::List(List::new(&TEXTS, items.into_iter().map(Self::text).collect()))
    }

    /// The type as `%T` prints it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Uint8(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::List(list) => list.kind.name,
            Self::Map(map) => map.kind().name,
            Self::Object(object) => object.type_name(),
            Self::Function(function) => function.type_name(),
        }
    }

    /// The kind as Go's reflection names it.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Bytes(_) | Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Object(object) if object.is_pointer() => "ptr",
            Self::Object(_) => "struct",
            Self::Function(_) => "func",
            _ => self.type_name(),
        }
    }

    /// Whether it is not the zero value of its type; structs always are true.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Object(_) | Self::Function(_) => true,
            _ => !self.is_empty(),
        }
    }

    /// Whether it is the zero value of its type.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::Bool(value) => !value,
            Self::Int(value) | Self::Int64(value) => *value == 0,
            Self::Uint8(value) => *value == 0,
            Self::Float(value) => *value == 0.0,
            Self::Text(bytes) | Self::Bytes(bytes) => bytes.is_empty(),
            Self::List(list) => list.items().is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::Object(_) | Self::Function(_) => false,
        }
    }

    /// An integer of any width.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) | Self::Int64(value) => Some(*value),
            Self::Uint8(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    /// The bytes of a text.
    pub fn as_text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a slice, bytes among them.
    pub fn elements(&self) -> Option<Vec<Self>> {
        match self {
            Self::List(list) => Some(list.items().to_vec()),
            Self::Bytes(bytes) => Some(bytes.iter().map(|byte| Self::Uint8(*byte)).collect()),
            _ => None,
        }
    }
}

impl Element {
    /// Go's zero value of the type.
    pub(crate) fn zero(self) -> Value {
        match self {
            Self::Any => Value::Nil,
            Self::Text => Value::text(""),
            Self::Int => Value::Int(0),
            Self::Bytes => Value::Bytes(Rc::new([])),
            Self::List => Value::List(List::nil(&LIST)),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::text(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::text(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Text(value.into())
    }
}

impl From<Map> for Value {
    fn from(value: Map) -> Self {
        Self::Map(value)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&crate::format::sprint(
            std::slice::from_ref(self),
        )))
    }
}
