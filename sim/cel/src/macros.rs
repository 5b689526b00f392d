//! Macros: calls that the parser replaces.

use crate::{
    ast::{Element, Expr, Fold, Kind, Literal},
    parser::Parser,
};

/// Carries the value of a fold that a macro makes.
pub(crate) const ACCUMULATOR: &str = "@result";

/// A call without a target.
pub(crate) fn function(parser: &mut Parser, at: usize, name: &str, mut args: Vec<Expr>) -> Expr {
    if name == "has" && args.len() == 1 {
        let Some(arg) = args.pop() else {
            return parser.node(at, Kind::Broken);
        };
        return match arg.kind {
            Kind::Select(select) if !select.test => parser.select(at, select.operand, &select.field, true),
            Kind::Broken => parser.node(at, Kind::Broken),
            _ => {
                parser.issue(arg.at, "invalid argument to has() macro");
                parser.node(at, Kind::Broken)
            }
        };
    }
    parser.call(at, name, args)
}

/// A call with a target.
pub(crate) fn method(parser: &mut Parser, at: usize, name: &str, target: Expr, args: Vec<Expr>) -> Expr {
    let single = ["all", "exists", "exists_one", "map", "filter"].contains(&name);
    match (name, args.len()) {
        ("all" | "exists" | "exists_one" | "existsOne" | "filter" | "map", 2)
            if single || name == "existsOne" =>
        {
            one(parser, at, name, target, args)
        }
        ("map", 3) => one(parser, at, name, target, args),
        ("all" | "exists" | "exists_one" | "existsOne", 3) => two(parser, at, name, target, args),
        ("transformList" | "transformMap" | "transformMapEntry", 3 | 4) => {
            two(parser, at, name, target, args)
        }
        ("optMap" | "optFlatMap", 2) => optional(parser, at, name, target, args),
        ("sortBy", 2) => sort_by(parser, at, target, args),
        _ => parser.method(at, name, target, args),
    }
}

/// The name that an argument introduces.
fn variable(parser: &mut Parser, arg: &Expr, what: &str) -> Option<String> {
    match &arg.kind {
        Kind::Ident(name) if &**name == ACCUMULATOR || &**name == "__result__" => {
            parser.issue(arg.at, "iteration variable overwrites accumulator variable");
            None
        }
        Kind::Ident(name) => Some(name.to_string()),
        Kind::Broken => None,
        _ => {
            parser.issue(arg.at, what);
            None
        }
    }
}

/// What a fold starts with, when it goes on, what a round makes, what comes out.
struct Rounds {
    init: Expr,
    condition: Expr,
    step: Expr,
    result: Expr,
}

fn boolean(parser: &mut Parser, at: usize, value: bool) -> Expr {
    parser.node(at, Kind::Literal(Literal::Bool(value)))
}

fn list(parser: &mut Parser, at: usize, values: Vec<Expr>) -> Expr {
    let elements = values
        .into_iter()
        .map(|value| Element {
            value,
            optional: false,
        })
        .collect();
    parser.node(at, Kind::List(elements))
}

/// Goes on while the outcome may still change; `stop` is the value that decides.
fn quantifier(parser: &mut Parser, at: usize, all: bool, predicate: Expr) -> Rounds {
    let init = boolean(parser, at, all);
    let accu = parser.ident(at, ACCUMULATOR);
    let open = if all {
        accu
    } else {
        parser.call(at, "!_", vec![accu])
    };
    let condition = parser.call(at, "@not_strictly_false", vec![open]);
    let accu = parser.ident(at, ACCUMULATOR);
    let step = parser.call(at, if all { "_&&_" } else { "_||_" }, vec![accu, predicate]);
    let result = parser.ident(at, ACCUMULATOR);
    Rounds {
        init,
        condition,
        step,
        result,
    }
}

fn exactly_one(parser: &mut Parser, at: usize, predicate: Expr) -> Rounds {
    let init = parser.node(at, Kind::Literal(Literal::Int(0)));
    let condition = boolean(parser, at, true);
    let one = parser.node(at, Kind::Literal(Literal::Int(1)));
    let accu = parser.ident(at, ACCUMULATOR);
    let more = parser.call(at, "_+_", vec![accu, one]);
    let accu = parser.ident(at, ACCUMULATOR);
    let step = parser.call(at, "_?_:_", vec![predicate, more, accu]);
    let accu = parser.ident(at, ACCUMULATOR);
    let one = parser.node(at, Kind::Literal(Literal::Int(1)));
    let result = parser.call(at, "_==_", vec![accu, one]);
    Rounds {
        init,
        condition,
        step,
        result,
    }
}

/// Collects what `step` makes of the accumulator, if there is no filter or it holds.
fn collect(parser: &mut Parser, at: usize, init: Expr, filter: Option<Expr>, step: Expr) -> Rounds {
    let condition = boolean(parser, at, true);
    let step = match filter {
        Some(filter) => {
            let accu = parser.ident(at, ACCUMULATOR);
            parser.call(at, "_?_:_", vec![filter, step, accu])
        }
        None => step,
    };
    let result = parser.ident(at, ACCUMULATOR);
    Rounds {
        init,
        condition,
        step,
        result,
    }
}

fn append(parser: &mut Parser, at: usize, value: Expr) -> Expr {
    let accu = parser.ident(at, ACCUMULATOR);
    let one = list(parser, at, vec![value]);
    parser.call(at, "_+_", vec![accu, one])
}

fn fold(parser: &mut Parser, at: usize, range: Expr, vars: (&str, Option<&str>), rounds: Rounds) -> Expr {
    parser.node(
        at,
        Kind::Fold(Box::new(Fold {
            range,
            var: vars.0.into(),
            second: vars.1.map(Into::into),
            accu: ACCUMULATOR.into(),
            init: rounds.init,
            condition: rounds.condition,
            step: rounds.step,
            result: rounds.result,
        })),
    )
}

fn one(parser: &mut Parser, at: usize, name: &str, target: Expr, args: Vec<Expr>) -> Expr {
    let mut args = args.into_iter();
    let (Some(var), Some(first), second) = (args.next(), args.next(), args.next()) else {
        return parser.node(at, Kind::Broken);
    };
    let what = match name {
        "map" | "filter" => "argument is not an identifier",
        _ => "argument must be a simple name",
    };
    let Some(var) = variable(parser, &var, what) else {
        return parser.node(at, Kind::Broken);
    };
    let rounds = match name {
        "all" => quantifier(parser, at, true, first),
        "exists" => quantifier(parser, at, false, first),
        "filter" => {
            let own = parser.ident(at, &var);
            let step = append(parser, at, own);
            let init = list(parser, at, Vec::new());
            collect(parser, at, init, Some(first), step)
        }
        "map" => {
            let (filter, value) = match second {
                Some(value) => (Some(first), value),
                None => (None, first),
            };
            let step = append(parser, at, value);
            let init = list(parser, at, Vec::new());
            collect(parser, at, init, filter, step)
        }
        _ => exactly_one(parser, at, first),
    };
    fold(parser, at, target, (&var, None), rounds)
}

fn two(parser: &mut Parser, at: usize, name: &str, target: Expr, args: Vec<Expr>) -> Expr {
    let mut args = args.into_iter();
    let (Some(key), Some(value), Some(first), second) = (args.next(), args.next(), args.next(), args.next())
    else {
        return parser.node(at, Kind::Broken);
    };
    let what = "argument must be a simple name";
    let (Some(key), Some(var)) = (variable(parser, &key, what), variable(parser, &value, what)) else {
        return parser.node(at, Kind::Broken);
    };
    if key == var {
        parser.issue(value.at, format!("duplicate variable name: {var}"));
    }
    let (filter, made) = match second {
        Some(made) => (Some(first), made),
        None => (None, first),
    };
    let rounds = match name {
        "all" => quantifier(parser, at, true, made),
        "exists" => quantifier(parser, at, false, made),
        "transformList" => {
            let step = append(parser, at, made);
            let init = list(parser, at, Vec::new());
            collect(parser, at, init, filter, step)
        }
        "transformMap" | "transformMapEntry" => {
            let accu = parser.ident(at, ACCUMULATOR);
            let args = if name == "transformMap" {
                let own = parser.ident(at, &key);
                vec![accu, own, made]
            } else {
                vec![accu, made]
            };
            let step = parser.call(at, "cel.@mapInsert", args);
            let init = parser.node(at, Kind::Map(Vec::new()));
            collect(parser, at, init, filter, step)
        }
        _ => exactly_one(parser, at, made),
    };
    fold(parser, at, target, (&key, Some(&var)), rounds)
}

/// Gives a value a name: a fold over nothing.
fn bind(parser: &mut Parser, at: usize, name: &str, value: Expr, result: Expr) -> Expr {
    let range = list(parser, at, Vec::new());
    let condition = boolean(parser, at, false);
    let step = parser.ident(at, name);
    parser.node(
        at,
        Kind::Fold(Box::new(Fold {
            range,
            var: "#unused".into(),
            second: None,
            accu: name.into(),
            init: value,
            condition,
            step,
            result,
        })),
    )
}

fn optional(parser: &mut Parser, at: usize, name: &str, target: Expr, args: Vec<Expr>) -> Expr {
    let mut args = args.into_iter();
    let (Some(var), Some(made)) = (args.next(), args.next()) else {
        return parser.node(at, Kind::Broken);
    };
    let what = format!("{name}() variable name must be a simple identifier");
    let Some(var) = variable(parser, &var, &what) else {
        return parser.node(at, Kind::Broken);
    };
    let again = renumbered(parser, &target);
    let present = parser.method(at, "hasValue", target, Vec::new());
    let value = parser.method(at, "value", again, Vec::new());
    let bound = bind(parser, at, &var, value, made);
    let some = if name == "optMap" {
        parser.call(at, "optional.of", vec![bound])
    } else {
        bound
    };
    let none = parser.call(at, "optional.none", Vec::new());
    parser.call(at, "_?_:_", vec![present, some, none])
}

fn sort_by(parser: &mut Parser, at: usize, target: Expr, args: Vec<Expr>) -> Expr {
    const INPUT: &str = "@__sortBy_input__";
    let mut args = args.into_iter();
    let (Some(var), Some(key)) = (args.next(), args.next()) else {
        return parser.node(at, Kind::Broken);
    };
    if variable(parser, &var, "sortBy: variable name must be a simple identifier").is_none() {
        return parser.node(at, Kind::Broken);
    }
    let input = parser.ident(at, INPUT);
    let keys = one(parser, at, "map", input, vec![var, key]);
    let input = parser.ident(at, INPUT);
    let sorted = parser.method(at, "@sortByAssociatedKeys", input, vec![keys]);
    bind(parser, at, INPUT, target, sorted)
}

/// The same expression with ids of its own.
fn renumbered(parser: &mut Parser, expr: &Expr) -> Expr {
    let mut copy = expr.clone();
    renumber(parser, &mut copy);
    copy
}

fn renumber(parser: &mut Parser, expr: &mut Expr) {
    expr.id = parser.node(0, Kind::Broken).id;
    match &mut expr.kind {
        Kind::Select(select) => renumber(parser, &mut select.operand),
        Kind::Call(call) => {
            for arg in call.target.iter_mut().chain(&mut call.args) {
                renumber(parser, arg);
            }
        }
        Kind::List(elements) => {
            for element in elements {
                renumber(parser, &mut element.value);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                renumber(parser, &mut entry.key);
                renumber(parser, &mut entry.value);
            }
        }
        Kind::Fold(fold) => {
            for part in [
                &mut fold.range,
                &mut fold.init,
                &mut fold.condition,
                &mut fold.step,
                &mut fold.result,
            ] {
                renumber(parser, part);
            }
        }
        Kind::Literal(_) | Kind::Ident(_) | Kind::Broken => {}
    }
}
