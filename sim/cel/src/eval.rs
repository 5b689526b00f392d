//! Evaluates checked expressions.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    ast::{Call, Expr, Fold, Kind, Literal, Select},
    functions, operators,
    value::{Key, Value},
};

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The expression failed, in the words of the genuine evaluator.
    Error(String),
    /// It cost more than it may.
    Budget,
}

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Self::Error(text.to_owned())
    }
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self::Error(text)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Error(text) => f.write_str(text),
            Self::Budget => f.write_str("operation cancelled: actual cost limit exceeded"),
        }
    }
}

pub(crate) type Outcome = Result<Value, Fault>;

pub(crate) fn no_overload() -> Fault {
    "no such overload".into()
}

/// Looks variables up when they are first needed.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<Outcome>;

pub(crate) struct Evaluator<'a> {
    pub(crate) lookup: Lookup<'a>,
    pub(crate) limit: u64,
    pub(crate) cost: u64,
    scopes: Vec<(Arc<str>, Outcome)>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(lookup: Lookup<'a>, limit: u64) -> Self {
        Self {
            lookup,
            limit,
            cost: 0,
            scopes: Vec::new(),
        }
    }

    pub(crate) fn charge(&mut self, cost: u64) -> Result<(), Fault> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > self.limit {
            return Err(Fault::Budget);
        }
        Ok(())
    }

    pub(crate) fn expr(&mut self, expr: &Expr) -> Outcome {
        match &expr.kind {
            Kind::Literal(literal) => Ok(constant(literal)),
            Kind::Ident(name) => {
                self.charge(1)?;
                self.ident(name)
            }
            Kind::Select(select) => self.select(select),
            Kind::Call(call) => self.call(call),
            Kind::List(elements) => {
                self.charge(10)?;
                let mut items = Vec::with_capacity(elements.len());
                for element in elements {
                    let value = self.expr(&element.value)?;
                    match value {
                        Value::Optional(inner) if element.optional => {
                            items.extend(inner.map(|inner| (*inner).clone()));
                        }
                        value => items.push(value),
                    }
                }
                Ok(Value::list(items))
            }
            Kind::Map(entries) => {
                self.charge(30)?;
                let mut map = BTreeMap::new();
                for entry in entries {
                    let key = self.expr(&entry.key)?;
                    let key = key.key().ok_or("unsupported key type")?;
                    let value = match self.expr(&entry.value)? {
                        Value::Optional(None) if entry.optional => continue,
                        Value::Optional(Some(inner)) if entry.optional => (*inner).clone(),
                        value => value,
                    };
                    if map.insert(key.clone(), value).is_some() {
                        let shown = operators::plain(&key.value());
                        return Err(format!("Failed with repeated key: {shown}").into());
                    }
                }
                Ok(Value::Map(Arc::new(map)))
            }
            Kind::Fold(fold) => self.fold(fold),
            Kind::Broken => Err(no_overload()),
        }
    }

    fn ident(&mut self, name: &str) -> Outcome {
        if let Some((_, value)) = self.scopes.iter().rev().find(|(own, _)| &**own == name) {
            return value.clone();
        }
        if let Some(value) = (self.lookup)(name) {
            return value;
        }
        let known = match name {
            "list" | "map" | "type" | "null_type" | "bool" | "int" | "uint" | "double" | "string"
            | "bytes" | "optional_type" => true,
            other => other.contains('.'),
        };
        if known {
            Ok(Value::Type(name.into()))
        } else {
            Err(format!("no such attribute(s): {name}").into())
        }
    }

    fn select(&mut self, select: &Select) -> Outcome {
        let operand = self.expr(&select.operand)?;
        if select.test {
            return Ok(Value::Bool(match &operand {
                Value::Optional(None) => false,
                Value::Optional(Some(inner)) => member(inner, &select.field)?.is_some(),
                other => member(other, &select.field)?.is_some(),
            }));
        }
        self.charge(1)?;
        match &operand {
            Value::Optional(_) => optional_member(&operand, &select.field),
            other => member(other, &select.field)?
                .ok_or_else(|| Fault::Error(format!("no such key: {}", select.field))),
        }
    }

    fn call(&mut self, call: &Call) -> Outcome {
        match (&*call.function, call.args.as_slice()) {
            ("_&&_", [left, right]) => self.logic(left, right, false),
            ("_||_", [left, right]) => self.logic(left, right, true),
            ("_?_:_", [condition, then, otherwise]) => match self.expr(condition)? {
                Value::Bool(true) => self.expr(then),
                Value::Bool(false) => self.expr(otherwise),
                _ => Err(no_overload()),
            },
            ("@not_strictly_false", [arg]) => match self.expr(arg) {
                Ok(Value::Bool(false)) => Ok(Value::Bool(false)),
                Err(Fault::Budget) => Err(Fault::Budget),
                _ => Ok(Value::Bool(true)),
            },
            ("_?._", [operand, key]) => {
                let operand = self.expr(operand)?;
                self.charge(1)?;
                match &key.kind {
                    Kind::Literal(Literal::String(field)) => optional_member(&operand, field),
                    _ => Err(no_overload()),
                }
            }
            ("or" | "orValue", [other]) => {
                let Some(target) = &call.target else {
                    return Err(no_overload());
                };
                self.charge(1)?;
                match self.expr(target)? {
                    Value::Optional(None) => self.expr(other),
                    Value::Optional(Some(inner)) if &*call.function == "orValue" => Ok((*inner).clone()),
                    whole @ Value::Optional(_) => Ok(whole),
                    _ => Err(no_overload()),
                }
            }
            _ => {
                let mut args = Vec::with_capacity(call.args.len() + 1);
                for arg in call.target.iter().chain(&call.args) {
                    args.push(self.expr(arg)?);
                }
                self.charge(functions::cost(&call.function, &args))?;
                functions::call(&call.function, call.target.is_some(), &args)
            }
        }
    }

    /// `&&` and `||`: the one value that decides wins over an error on the other side.
    fn logic(&mut self, left: &Expr, right: &Expr, decides: bool) -> Outcome {
        let left = self.expr(left);
        if left == Err(Fault::Budget) || left == Ok(Value::Bool(decides)) {
            return left;
        }
        let right = self.expr(right);
        if right == Err(Fault::Budget) || right == Ok(Value::Bool(decides)) {
            return right;
        }
        match (left?, right?) {
            (Value::Bool(_), Value::Bool(_)) => Ok(Value::Bool(!decides)),
            _ => Err(no_overload()),
        }
    }

    fn fold(&mut self, fold: &Fold) -> Outcome {
        let range = self.expr(&fold.range)?;
        let init = self.expr(&fold.init);
        let depth = self.scopes.len();
        self.scopes.push((Arc::clone(&fold.accu), init));
        let outcome = self.rounds(fold, &range, depth);
        let outcome = match outcome {
            Ok(()) => {
                self.scopes.truncate(depth + 1);
                self.expr(&fold.result)
            }
            Err(fault) => Err(fault),
        };
        self.scopes.truncate(depth);
        outcome
    }

    fn rounds(&mut self, fold: &Fold, range: &Value, depth: usize) -> Result<(), Fault> {
        let pairs: Vec<(Value, Value)> = match range {
            Value::List(list) => list
                .items
                .iter()
                .enumerate()
                .map(|(at, item)| (Value::Int(i64::try_from(at).unwrap_or(i64::MAX)), item.clone()))
                .collect(),
            Value::Map(map) => map
                .iter()
                .map(|(key, value)| (key.value(), value.clone()))
                .collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (Value::String(Arc::clone(name)), value.clone()))
                .collect(),
            _ => return Err(no_overload()),
        };
        let list = matches!(range, Value::List(_));
        for (key, value) in pairs {
            match &fold.second {
                Some(second) => {
                    self.scopes.push((Arc::clone(&fold.var), Ok(key)));
                    self.scopes.push((Arc::clone(second), Ok(value)));
                }
                None => {
                    let own = if list { value } else { key };
                    self.scopes.push((Arc::clone(&fold.var), Ok(own)));
                }
            }
            match self.expr(&fold.condition) {
                Ok(Value::Bool(true)) => {}
                Err(Fault::Budget) => return Err(Fault::Budget),
                _ => return Ok(()),
            }
            let next = self.expr(&fold.step);
            if next == Err(Fault::Budget) {
                return Err(Fault::Budget);
            }
            self.scopes.truncate(depth + 1);
            if let Some((_, accu)) = self.scopes.get_mut(depth) {
                *accu = next;
            }
        }
        Ok(())
    }
}

fn constant(literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(own) => Value::Bool(*own),
        Literal::Int(own) => Value::Int(*own),
        Literal::Uint(own) => Value::Uint(*own),
        Literal::Double(own) => Value::Double(*own),
        Literal::String(own) => Value::String(Arc::clone(own)),
        Literal::Bytes(own) => Value::Bytes(Arc::clone(own)),
    }
}

/// A member, if the value has members.
fn member(value: &Value, field: &str) -> Result<Option<Value>, Fault> {
    match value {
        Value::Object(members) => Ok(members.get(field).cloned()),
        Value::Map(map) => Ok(map.get(&Key::String(field.into())).cloned()),
        _ => Err(no_overload()),
    }
}

/// A member, or nothing.
fn optional_member(value: &Value, field: &str) -> Outcome {
    let found = match value {
        Value::Optional(None) => None,
        Value::Optional(Some(inner)) => member(inner, field)?,
        other => member(other, field)?,
    };
    Ok(Value::Optional(found.map(Arc::new)))
}
