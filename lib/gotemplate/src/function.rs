//! Functions and methods: their Go types and bodies.

use std::rc::Rc;

use crate::{error::Error, exec::Run, value::Value};

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`
    Any,
    /// `string`
    Text,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `uint32`
    Uint32,
    /// `float64`
    Float,
    /// `map[string]interface {}`
    Map,
    /// `[]interface {}`
    List,
    /// A type of an object, by its name.
    Object(&'static str),
}

impl Type {
    /// As `%s` of Go's reflection prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint32 => "uint32",
            Self::Float => "float64",
            Self::Map => "map[string]interface {}",
            Self::List => "[]interface {}",
            Self::Object(name) => name,
        }
    }

    /// Whether nil is a value of the type.
    pub(crate) fn takes_nil(self) -> bool {
        matches!(self, Self::Any | Self::Map | Self::List)
    }

    /// Whether a value can be passed as it is.
    pub(crate) fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _)
            | (Self::Text, Value::Text(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::Int, Value::Int(_))
            | (Self::Int64, Value::Int64(_))
            | (Self::Float, Value::Float(_)) => true,
            // A named map or slice type is assignable to the unnamed one with the same elements.
            (Self::Map, Value::Map(map)) => map.kind().element == crate::value::Element::Any,
            (Self::List, Value::List(list)) => list.kind.element == crate::value::Element::Any,
            (Self::Object(name), Value::Object(object)) => object.type_name() == name,
            _ => false,
        }
    }
}

/// What a function does with its arguments, which have the types of its parameters.
pub type Body = fn(&mut Run<'_>, &[Value]) -> Result<Value, Error>;

type Closure = Rc<dyn Fn(&mut Run<'_>, &[Value]) -> Result<Value, Error>>;

#[derive(Clone)]
enum Code {
    Native(Body),
    Closure(Closure),
}

/// A function that templates can call.
#[derive(Clone)]
pub struct Function {
    /// The types of its parameters; of a variadic one the last is that of the rest.
    pub params: &'static [Type],
    /// Whether the last parameter may come any number of times.
    pub variadic: bool,
    code: Code,
}

impl Function {
    /// A function that needs nothing but its arguments.
    pub const fn native(params: &'static [Type], variadic: bool, body: Body) -> Self {
        Self {
            params,
            variadic,
            code: Code::Native(body),
        }
    }

    /// A method: a function that knows its receiver.
    pub fn method(
        params: &'static [Type],
        body: impl Fn(&mut Run<'_>, &[Value]) -> Result<Value, Error> + 'static,
    ) -> Self {
        Self {
            params,
            variadic: false,
            code: Code::Closure(Rc::new(body)),
        }
    }

    /// A method without parameters that cannot fail.
    pub fn getter(body: impl Fn() -> Value + 'static) -> Self {
        Self::method(&[], move |_, _| Ok(body()))
    }

    pub(crate) fn call(&self, run: &mut Run<'_>, args: &[Value]) -> Result<Value, Error> {
        match &self.code {
            Code::Native(body) => body(run, args),
            Code::Closure(body) => body(run, args),
        }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        "func"
    }

    /// The type of an argument.
    pub(crate) fn param(&self, index: usize) -> Type {
        let last = self.params.len().saturating_sub(1);
        self.params.get(index.min(last)).copied().unwrap_or(Type::Any)
    }
}
