//! Checks after the types: literals that can never do, and aggregates of mixed types.

use crate::{
    ast::{Call, Expr, Kind, Literal},
    check::Checked,
    issue::Issue,
    pattern, time,
    types::Type,
};

/// Everything these checks find.
pub(crate) fn check(checked: &Checked) -> Vec<Issue> {
    let mut issues = Vec::new();
    checked.expr.walk(&mut |expr| {
        if let Kind::Call(call) = &expr.kind {
            literal(call, &mut issues);
        }
    });
    aggregates(checked, &checked.expr, false, &mut issues);
    issues
}

fn text(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        Kind::Literal(Literal::String(text)) => Some(text),
        _ => None,
    }
}

fn literal(call: &Call, issues: &mut Vec<Issue>) {
    let function = &*call.function;
    let at = usize::from(function == "matches" && call.target.is_none());
    let Some(arg) = call.args.get(at) else { return };
    let Some(own) = text(arg) else { return };
    let fits = match function {
        "duration" => time::duration(own).is_ok(),
        "timestamp" => own.parse::<jiff::Timestamp>().is_ok(),
        "matches" => pattern::compile(own).is_ok(),
        _ => true,
    };
    if !fits {
        issues.push(Issue {
            at: arg.at,
            text: format!("invalid {function} argument"),
        });
    }
}

fn aggregates(checked: &Checked, expr: &Expr, exempt: bool, issues: &mut Vec<Issue>) {
    let mixed = |parts: &mut dyn Iterator<Item = (&Expr, bool)>| {
        let mut found = Vec::new();
        let mut first: Option<Type> = None;
        for (part, optional) in parts {
            let own = match checked.of(part) {
                Type::Optional(inner) if optional => (*inner).clone(),
                other => other,
            };
            match &first {
                None => first = Some(own),
                Some(before) if *before != own => {
                    found.push(Issue {
                        at: part.at,
                        text: format!("expected type '{before}' but found '{own}'"),
                    });
                }
                Some(_) => {}
            }
        }
        found
    };
    match &expr.kind {
        Kind::List(elements) => {
            if !exempt {
                let parts = elements.iter().map(|element| (&element.value, element.optional));
                // Of a list only the first that differs is named.
                issues.extend(mixed(&mut { parts }).into_iter().take(1));
            }
            elements
                .iter()
                .for_each(|element| aggregates(checked, &element.value, exempt, issues));
        }
        Kind::Map(entries) => {
            if !exempt {
                issues.extend(mixed(&mut entries.iter().map(|entry| (&entry.key, false))));
                issues.extend(mixed(
                    &mut entries.iter().map(|entry| (&entry.value, entry.optional)),
                ));
            }
            for entry in entries {
                aggregates(checked, &entry.key, exempt, issues);
                aggregates(checked, &entry.value, exempt, issues);
            }
        }
        Kind::Call(call) => {
            let exempt = exempt || &*call.function == "format";
            for arg in call.target.iter().chain(&call.args) {
                aggregates(checked, arg, exempt, issues);
            }
        }
        Kind::Select(select) => aggregates(checked, &select.operand, exempt, issues),
        Kind::Fold(fold) => {
            for part in [&fold.range, &fold.init, &fold.condition, &fold.step, &fold.result] {
                aggregates(checked, part, exempt, issues);
            }
        }
        Kind::Literal(_) | Kind::Ident(_) | Kind::Broken => {}
    }
}
