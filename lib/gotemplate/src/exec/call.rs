//! Calls: arguments are evaluated, checked against the parameters, and passed.

use crate::{
    ast::{Arg, ArgKind, Part},
    builtin,
    error::Error,
    function::{Function, Type},
    value::Value,
};

use super::{
    Frame, Operand, Result, Run,
    operand::{constant, shown},
};

/// What an argument shall be.
#[derive(Clone, Copy)]
enum Want {
    /// Whatever it is.
    Untyped,
    /// What Go's own functions take: a `reflect.Value`.
    Reflected,
    Typed(Type),
}

impl Run<'_> {
    #[expect(
        clippy::too_many_arguments,
        reason = "a call is its place, its dot and two kinds of arguments"
    )]
    pub(super) fn function<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        name: &str,
        part: Part<'t>,
        rest: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        if let Some(function) = self.set.functions.get(name).cloned() {
            return self.call(frame, dot, &function, name, part, rest, last);
        }
        match name {
            "and" | "or" => self.logic(frame, dot, name, rest, last),
            _ => self.builtin(frame, dot, name, part, rest, last),
        }
    }

    /// `and` and `or` evaluate no more than they need.
    fn logic<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        name: &str,
        rest: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        if rest.is_empty() && last.is_none() {
            return frame.fail(format!("wrong number of args for {name}: want at least 1 got 0"));
        }
        let mut value = Operand::default();
        for arg in rest {
            value = self.argument(frame, dot, Want::Reflected, arg)?;
            if value.value.is_true() == (name == "or") {
                return Ok(value);
            }
        }
        match last {
            Some(last) => validate(frame, last, Want::Reflected),
            None => Ok(value),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a call is its place, its dot and two kinds of arguments"
    )]
    fn builtin<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        name: &str,
        part: Part<'t>,
        rest: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        let Some(builtin) = builtin::find(name) else {
            let name = stdx::quote::quote(name.as_bytes());
            return frame.fail(format!("{name} is not a defined function"));
        };
        check_count(
            frame,
            name,
            builtin.fixed + usize::from(builtin.variadic),
            builtin.variadic,
            rest.len(),
            last.is_some(),
        )?;
        let want = |index: usize| match builtin.interfaces {
            true if name == "printf" && index == 0 => Want::Typed(Type::Text),
            true => Want::Typed(Type::Any),
            false => Want::Reflected,
        };
        let mut args = Vec::with_capacity(rest.len() + 1);
        for (index, arg) in rest.iter().enumerate() {
            args.push(self.argument(frame, dot, want(index), arg)?);
        }
        if let Some(last) = last {
            let last = validate(frame, last, want(args.len()))?;
            args.push(last);
        }
        if name == "call" {
            let callee = rest.first().map_or_else(|| "value".to_owned(), shown);
            return self.call_value(frame, &callee, &args, part);
        }
        (builtin.body)(&args).map_err(|error| failed(frame, part, name, error))
    }

    /// `call` of a function that is a value.
    fn call_value<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        callee: &str,
        args: &[Operand],
        part: Part<'t>,
    ) -> Result<Operand> {
        let result =
            builtin::callee(callee, args).and_then(|(function, values)| function.call(self, &values));
        result
            .map(Operand::plain)
            .map_err(|error| failed(frame, part, "call", error))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what a call needs, as upstream passes it"
    )]
    pub(super) fn call<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        function: &Function,
        name: &str,
        part: Part<'t>,
        rest: &'t [Arg],
        last: Option<Operand>,
    ) -> Result<Operand> {
        check_count(
            frame,
            name,
            function.params.len(),
            function.variadic,
            rest.len(),
            last.is_some(),
        )?;
        let mut args = Vec::with_capacity(rest.len() + 1);
        for (index, arg) in rest.iter().enumerate() {
            let want = Want::Typed(function.param(index));
            args.push(self.argument(frame, dot, want, arg)?.value);
        }
        if let Some(last) = last {
            let want = Want::Typed(function.param(args.len()));
            args.push(validate(frame, last, want)?.value);
        }
        match function.call(self, &args) {
            Ok(value) => Ok(Operand::plain(value)),
            Err(error) => Err(failed(frame, part, name, error)),
        }
    }

    /// The value of an argument whatever its type, as the start of a chain needs it.
    pub(super) fn untyped<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        arg: &'t Arg,
    ) -> Result<Operand> {
        self.argument(frame, dot, Want::Untyped, arg)
    }

    fn argument<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        want: Want,
        arg: &'t Arg,
    ) -> Result<Operand> {
        frame.at(Part::Arg(arg));
        let value = match &arg.kind {
            ArgKind::Dot => dot.clone(),
            ArgKind::Nil => {
                return match want {
                    Want::Typed(wanted) if !wanted.takes_nil() => {
                        frame.fail(format!("cannot assign nil to {}", wanted.name()))
                    }
                    _ => Ok(Operand::default()),
                };
            }
            ArgKind::Field(names) => {
                self.fields(frame, dot, dot.clone(), Part::Arg(arg), names, &[], None)?
            }
            ArgKind::Variable(names) => self.variable(frame, dot, arg, names, &[], None)?,
            ArgKind::Pipe(pipe) => self.pipeline(frame, dot, pipe)?,
            ArgKind::Function(name) => self.function(frame, dot, name, Part::Arg(arg), &[], None)?,
            ArgKind::Chain(..) => self.chain(frame, dot, arg, &[], None)?,
            _ => return literal(frame, want, arg),
        };
        validate(frame, value, want)
    }
}

/// A constant as an argument.
fn literal(frame: &Frame<'_>, want: Want, arg: &Arg) -> Result<Operand> {
    let Want::Typed(wanted) = want else {
        return constant(frame, arg);
    };
    let (value, expected) = match (wanted, &arg.kind) {
        (Type::Any, _) => return constant(frame, arg),
        (Type::Bool, ArgKind::Bool(value)) => (Some(Value::Bool(*value)), ""),
        (Type::Bool, _) => (None, "bool"),
        (Type::Text, ArgKind::String { text, .. }) => (Some(Value::Text(text.clone())), ""),
        (Type::Text, _) => (None, "string"),
        (Type::Int, ArgKind::Number(number)) => (number.int.map(Value::Int), "integer"),
        (Type::Int64, ArgKind::Number(number)) => (number.int.map(Value::Int64), "integer"),
        (Type::Int | Type::Int64, _) => (None, "integer"),
        (Type::Uint32, ArgKind::Number(number)) => {
            let int = number.uint.and_then(|it| i64::try_from(it).ok());
            (int.map(Value::Int64), "unsigned integer")
        }
        (Type::Uint32, _) => (None, "unsigned integer"),
        (Type::Float, ArgKind::Number(number)) => (number.float.map(Value::Float), "float"),
        (Type::Float, _) => (None, "float"),
        (Type::Map | Type::List | Type::Object(_), _) => {
            return frame.fail(format!(
                "can't handle {} for arg of type {}",
                shown(arg),
                wanted.name()
            ));
        }
    };
    match value {
        Some(value) => Ok(Operand::plain(value)),
        None => frame.fail(format!("expected {expected}; found {}", shown(arg))),
    }
}

/// Checks that a value can be passed.
fn validate(frame: &Frame<'_>, value: Operand, want: Want) -> Result<Operand> {
    let Want::Typed(wanted) = want else {
        return Ok(value);
    };
    if value.is_invalid() {
        if wanted.takes_nil() {
            return Ok(value);
        }
        return frame.fail(format!("invalid value; expected {}", wanted.name()));
    }
    if value.is_nil_interface() {
        if wanted == Type::Any {
            return Ok(value);
        }
        return frame.fail(format!(
            "wrong type for value; expected {}; got interface {{}}",
            wanted.name()
        ));
    }
    if !wanted.takes(&value.value) {
        return frame.fail(format!(
            "wrong type for value; expected {}; got {}",
            wanted.name(),
            value.value.type_name()
        ));
    }
    Ok(value)
}

fn check_count(
    frame: &Frame<'_>,
    name: &str,
    params: usize,
    variadic: bool,
    given: usize,
    piped: bool,
) -> Result<()> {
    let total = given + usize::from(piped);
    if variadic {
        let fixed = params.saturating_sub(1);
        if total < fixed {
            return frame.fail(format!(
                "wrong number of args for {name}: want at least {fixed} got {given}"
            ));
        }
    } else if total != params {
        return frame.fail(format!(
            "wrong number of args for {name}: want {params} got {total}"
        ));
    }
    Ok(())
}

fn failed<'t>(frame: &mut Frame<'t>, part: Part<'t>, name: &str, error: Error) -> Error {
    frame.at(part);
    frame.error_with(&format!("error calling {name}"), Some(error))
}
