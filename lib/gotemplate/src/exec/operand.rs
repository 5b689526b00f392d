//! Operands: fields, variables, chains, constants.

use std::rc::Rc;

use stdx::quote::quote;

use crate::{
    ast::{Arg, ArgKind, Part},
    number::Number,
    set::Missing,
    value::Value,
};

use super::{Frame, Operand, Result, Run};

impl Run<'_> {
    #[expect(
        clippy::too_many_arguments,
        reason = "a call is its place, its dot and two kinds of arguments"
    )]
    pub(super) fn variable<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        arg: &'t Arg,
        names: &'t [Rc<str>],
        rest: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        frame.at(Part::Arg(arg));
        let Some((name, fields)) = names.split_first() else {
            return frame.fail("undefined variable: ");
        };
        let value = frame.variable(name)?;
        if fields.is_empty() {
            no_arguments(frame, arg, rest, last.as_ref())?;
            return Ok(value);
        }
        self.fields(frame, dot, value, Part::Arg(arg), fields, rest, last)
    }

    pub(super) fn chain<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        arg: &'t Arg,
        rest: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        frame.at(Part::Arg(arg));
        let ArgKind::Chain(base, names) = &arg.kind else {
            return frame.fail("internal error: no fields in evalChainNode");
        };
        if matches!(base.kind, ArgKind::Nil) {
            return frame.fail(format!("indirection through explicit nil in {arg}"));
        }
        let receiver = self.untyped(frame, dot, base)?;
        self.fields(frame, dot, receiver, Part::Arg(arg), names, rest, last)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what a call needs, as upstream passes it"
    )]
    pub(super) fn fields<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        mut receiver: Operand,
        part: Part<'t>,
        names: &'t [Rc<str>],
        rest: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        let Some((name, before)) = names.split_last() else {
            return Ok(receiver);
        };
        for name in before {
            receiver = self.field(frame, dot, &receiver, part, name, &[], None)?;
        }
        self.field(frame, dot, &receiver, part, name, rest, last)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what a call needs, as upstream passes it"
    )]
    fn field<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        receiver: &Operand,
        part: Part<'t>,
        name: &str,
        rest: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        if receiver.is_invalid() {
            if self.set.missing == Missing::Error {
                return frame.fail(format!("nil data; no entry for key {}", quote(name.as_bytes())));
            }
            return Ok(Operand::default());
        }
        if receiver.is_nil_interface() {
            return frame.fail(format!("nil pointer evaluating interface {{}}.{name}"));
        }
        let method = match &receiver.value {
            Value::Object(object) => object.method(name),
            Value::Map(map) => (map.kind().methods)(map, name),
            Value::List(list) => (list.kind.methods)(list, name),
            _ => None,
        };
        if let Some(method) = method {
            return self.call(frame, dot, &method, name, part, rest, last);
        }
        let has_args = !rest.is_empty() || last.is_some();
        match &receiver.value {
            Value::Object(object) => {
                if let Some(field) = object.field(name) {
                    if has_args {
                        return frame.fail(format!("{name} has arguments but cannot be invoked as function"));
                    }
                    return Ok(Operand::plain(field));
                }
            }
            Value::Map(map) => {
                if has_args {
                    return frame.fail(format!("{name} is not a method but has arguments"));
                }
                let element = map.kind().element;
                return match (map.get(name.as_bytes()), self.set.missing) {
                    (Some(value), _) => Ok(Operand::of(value, element)),
                    (None, Missing::Invalid) => Ok(Operand::default()),
                    (None, Missing::Zero) => Ok(Operand::of(element.zero(), element)),
                    (None, Missing::Error) => {
                        frame.fail(format!("map has no entry for key {}", quote(name.as_bytes())))
                    }
                };
            }
            _ => {}
        }
        frame.fail(format!(
            "can't evaluate field {name} in type {}",
            receiver.type_name()
        ))
    }
}

pub(super) fn no_arguments(
    frame: &Frame<'_>,
    first: &Arg,
    rest: &[Arg],
    last: Option<&Operand>,
) -> Result<()> {
    if !rest.is_empty() || last.is_some() {
        return frame.fail(format!("can't give argument to non-function {}", shown(first)));
    }
    Ok(())
}

/// An argument as `%s` of Go prints it.
pub(super) fn shown(arg: &Arg) -> String {
    arg.to_string()
}

/// A constant with the type it has by itself.
pub(super) fn constant(frame: &Frame<'_>, arg: &Arg) -> Result<Operand> {
    let value = match &arg.kind {
        ArgKind::Bool(value) => Value::Bool(*value),
        ArgKind::String { text, .. } => Value::Text(text.clone()),
        ArgKind::Number(number) => ideal(frame, number)?,
        _ => {
            return frame.fail(format!(
                "can't evaluate command {}",
                quote(arg.to_string().as_bytes())
            ));
        }
    };
    Ok(Operand::plain(value))
}

fn ideal(frame: &Frame<'_>, number: &Number) -> Result<Value> {
    if number.complex {
        // DIFFERENCE: complex numbers, which no function of Helm takes, are refused when they are used.
        return frame.fail(format!("complex number {} is not supported", number.text));
    }
    match (number.float, number.int) {
        (Some(float), _) if number.looks_like_float() => Ok(Value::Float(float)),
        (_, Some(int)) => Ok(Value::Int(int)),
        _ if number.uint.is_some() => frame.fail(format!("{} overflows int", number.text)),
        _ => Ok(Value::Nil),
    }
}
