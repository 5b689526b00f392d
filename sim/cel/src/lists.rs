//! Functions of lists.

use std::{cmp::Ordering, sync::Arc};

use crate::{
    eval::{Fault, Outcome, no_overload},
    operators,
    value::Value,
};

/// The longest list that a range makes.
const RANGE: i64 = 1_000_000;

/// Functions of lists; `None` if the call is none.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    if let ("lists.range", [Value::Int(count)]) = (function, args) {
        if *count > RANGE {
            return Some(Err(Fault::Budget));
        }
        return Some(Ok(Value::list((0..*count).map(Value::Int).collect())));
    }
    let [Value::List(list), rest @ ..] = args else {
        return None;
    };
    let items = &list.items;
    Some(match (function, rest) {
        ("isSorted", []) => sorted(items),
        ("sum", []) => sum(items),
        ("max", []) => extreme(items, "max", Ordering::Greater),
        ("min", []) => extreme(items, "min", Ordering::Less),
        ("indexOf", [item]) => Ok(position(items.iter().position(|own| own == item))),
        ("lastIndexOf", [item]) => Ok(position(items.iter().rposition(|own| own == item))),
        ("slice", [Value::Int(from), Value::Int(to)]) => slice(items, *from, *to),
        ("flatten", []) => Ok(Value::list(flatten(items, 1))),
        ("flatten", [Value::Int(depth)]) if *depth >= 0 => Ok(Value::list(flatten(items, *depth))),
        ("flatten", [Value::Int(_)]) => Err("level must be non-negative".into()),
        ("distinct", []) => {
            let mut kept: Vec<Value> = Vec::new();
            for item in items {
                if !kept.contains(item) {
                    kept.push(item.clone());
                }
            }
            Ok(Value::list(kept))
        }
        ("reverse", []) => Ok(Value::list(items.iter().rev().cloned().collect())),
        ("first", []) => Ok(Value::Optional(items.first().cloned().map(Arc::new))),
        ("last", []) => Ok(Value::Optional(items.last().cloned().map(Arc::new))),
        ("sort", []) => sort(items, items),
        ("@sortByAssociatedKeys", [Value::List(keys)]) => sort(items, &keys.items),
        ("sets.contains", [Value::List(other)]) => {
            Ok(Value::Bool(other.items.iter().all(|item| items.contains(item))))
        }
        ("sets.intersects", [Value::List(other)]) => {
            Ok(Value::Bool(other.items.iter().any(|item| items.contains(item))))
        }
        ("sets.equivalent", [Value::List(other)]) => Ok(Value::Bool(
            other.items.iter().all(|item| items.contains(item))
                && items.iter().all(|item| other.items.contains(item)),
        )),
        _ => return None,
    })
}

fn position(at: Option<usize>) -> Value {
    Value::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
}

fn sorted(items: &[Value]) -> Outcome {
    for pair in items.windows(2) {
        if pair[0].compare(&pair[1]).ok_or_else(no_overload)? == Ordering::Greater {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

fn sum(items: &[Value]) -> Outcome {
    let Some((first, rest)) = items.split_first() else {
        return Ok(Value::Int(0));
    };
    let mut sum = first.clone();
    for item in rest {
        sum = operators::call("_+_", &[sum, item.clone()]).unwrap_or_else(|| Err(no_overload()))?;
    }
    Ok(sum)
}

fn extreme(items: &[Value], name: &str, wanted: Ordering) -> Outcome {
    let Some((first, rest)) = items.split_first() else {
        return Err(format!("{name} called on empty list").into());
    };
    let mut best = first;
    for item in rest {
        if item.compare(best).ok_or_else(no_overload)? == wanted {
            best = item;
        }
    }
    Ok(best.clone())
}

fn slice(items: &[Value], from: i64, to: i64) -> Outcome {
    let (Ok(start), Ok(end)) = (usize::try_from(from), usize::try_from(to)) else {
        return Err(format!("cannot slice({from}, {to}), negative indexes not supported").into());
    };
    if start > end {
        return Err(format!(
            "cannot slice({from}, {to}), start index must be less than or equal to end index"
        )
        .into());
    }
    match items.get(start..end) {
        Some(part) => Ok(Value::list(part.to_vec())),
        None => Err(format!("cannot slice({from}, {to}), list is length {}", items.len()).into()),
    }
}

fn flatten(items: &[Value], depth: i64) -> Vec<Value> {
    let mut flat = Vec::new();
    for item in items {
        match item {
            Value::List(inner) if depth > 0 => flat.extend(flatten(&inner.items, depth - 1)),
            other => flat.push(other.clone()),
        }
    }
    flat
}

fn sort(items: &[Value], keys: &[Value]) -> Outcome {
    if items.len() != keys.len() {
        return Err(no_overload());
    }
    if keys.windows(2).any(|pair| pair[0].compare(&pair[1]).is_none()) {
        return Err("list elements must be comparable".into());
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|own, other| keys[*own].compare(&keys[*other]).unwrap_or(Ordering::Equal));
    Ok(Value::list(
        order.into_iter().map(|at| items[at].clone()).collect(),
    ))
}
