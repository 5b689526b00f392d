//! Templates of `format` that are written out are checked with what they are to show.

use crate::{
    ast::{Call, Element, Expr, Kind, Literal},
    check::Checked,
    issue::Issue,
    types::Type,
};

/// What is wrong with a call of `format` whose template and list are literals.
pub(crate) fn check(checked: &Checked, expr: &Expr, call: &Call) -> Option<Issue> {
    if &*call.function != "format" {
        return None;
    }
    let Kind::Literal(Literal::String(template)) = &call.target.as_ref()?.kind else {
        return None;
    };
    let [
        Expr {
            kind: Kind::List(args),
            ..
        },
    ] = call.args.as_slice()
    else {
        return None;
    };
    let whole = |text: String| Issue { at: expr.at, text };
    let letters: Vec<char> = template.chars().collect();
    let (mut at, mut used) = (0, 0);
    while at < letters.len() {
        if letters[at] != '%' {
            at += 1;
            continue;
        }
        if letters.get(at + 1) == Some(&'%') {
            at += 2;
            continue;
        }
        let arg = args.get(used);
        used += 1;
        if at + 1 >= letters.len() {
            return Some(whole("unexpected end of string".to_owned()));
        }
        let Some(arg) = arg else {
            return Some(whole(format!("index {} out of range", used - 1)));
        };
        at += 1;
        if letters[at] == '.' {
            at += 1;
            while letters.get(at).is_some_and(char::is_ascii_digit) {
                at += 1;
            }
        }
        let Some(kind) = letters.get(at) else {
            return Some(whole(
                "could not parse formatting clause: error while parsing precision: could not find end of precision \
                 specifier"
                    .to_owned(),
            ));
        };
        at += 1;
        if let Some(issue) = clause(checked, *kind, arg, expr.at) {
            return Some(issue);
        }
    }
    (args.len() > used).then(|| {
        whole(format!(
            "too many arguments supplied to string.format (expected {used}, got {})",
            args.len()
        ))
    })
}

fn clause(checked: &Checked, kind: char, arg: &Element, call: usize) -> Option<Issue> {
    let own = checked.of(&arg.value);
    let whole = matches!(own, Type::Int | Type::Uint);
    let (fits, wanted) = match kind {
        's' => (
            shown(&own),
            "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and \
             timestamps",
        ),
        'd' => (whole, "decimal clause can only be used on integers"),
        'f' => (
            matches!(own, Type::Double | Type::String),
            "fixed-point clause can only be used on doubles",
        ),
        'e' => (
            matches!(own, Type::Double | Type::String),
            "scientific clause can only be used on doubles",
        ),
        'b' => (
            whole || own == Type::Bool,
            "only integers and bools can be formatted as binary",
        ),
        'x' | 'X' => (
            whole || matches!(own, Type::String | Type::Bytes),
            "only integers, byte buffers, and strings can be formatted as hex",
        ),
        'o' => (whole, "octal clause can only be used on integers"),
        other => {
            let text =
                format!("could not parse formatting clause: unrecognized formatting clause \"{other}\"");
            return Some(Issue { at: call, text });
        }
    };
    (!fits && !own.loose()).then(|| Issue {
        at: arg.value.at,
        text: format!("error during formatting: {wanted}, was given {}", name(&own)),
    })
}

fn shown(own: &Type) -> bool {
    !matches!(own, Type::Object(_) | Type::Opaque(_) | Type::Optional(_))
}

/// The name of a type without its parameters.
fn name(own: &Type) -> String {
    match own {
        Type::List(_) => "list".to_owned(),
        Type::Map(..) => "map".to_owned(),
        Type::Optional(_) => "optional_type".to_owned(),
        Type::TypeOf(_) => "type".to_owned(),
        Type::Null => "null_type".to_owned(),
        Type::Duration => "google.protobuf.Duration".to_owned(),
        Type::Timestamp => "google.protobuf.Timestamp".to_owned(),
        other => other.to_string(),
    }
}
