//! Lists.

use crate::{
    error::Error,
    function::Type::{Any, Int},
    limits::MAX_ELEMENTS,
    value::{LIST, LISTS, List, Value},
};

use super::{Result, Row, any, cast::to_int, int, nil_pointer, reflect::deep_equal, rest};

pub(crate) const TABLE: &[Row] = &[
    ("list", &[Any], true, |_, args| Ok(list_of(args))),
    ("tuple", &[Any], true, |_, args| Ok(list_of(args))),
    ("append", &[Any, Any], false, |_, args| push(args)),
    ("push", &[Any, Any], false, |_, args| push(args)),
    ("mustAppend", &[Any, Any], false, |_, args| push(args)),
    ("mustPush", &[Any, Any], false, |_, args| push(args)),
    ("prepend", &[Any, Any], false, |_, args| prepend(args)),
    ("mustPrepend", &[Any, Any], false, |_, args| prepend(args)),
    ("first", &[Any], false, |_, args| first(args)),
    ("mustFirst", &[Any], false, |_, args| first(args)),
    ("rest", &[Any], false, |_, args| tail(args)),
    ("mustRest", &[Any], false, |_, args| tail(args)),
    ("last", &[Any], false, |_, args| last(args)),
    ("mustLast", &[Any], false, |_, args| last(args)),
    ("initial", &[Any], false, |_, args| initial(args)),
    ("mustInitial", &[Any], false, |_, args| initial(args)),
    ("reverse", &[Any], false, |_, args| reverse(args)),
    ("mustReverse", &[Any], false, |_, args| reverse(args)),
    ("compact", &[Any], false, |_, args| compact(args)),
    ("mustCompact", &[Any], false, |_, args| compact(args)),
    ("uniq", &[Any], false, |_, args| uniq(args)),
    ("mustUniq", &[Any], false, |_, args| uniq(args)),
    ("without", &[Any, Any], true, |_, args| without(args)),
    ("mustWithout", &[Any, Any], true, |_, args| without(args)),
    ("has", &[Any, Any], false, |_, args| has(args)),
    ("mustHas", &[Any, Any], false, |_, args| has(args)),
    ("slice", &[Any, Any], true, |_, args| slice(args)),
    ("mustSlice", &[Any, Any], true, |_, args| slice(args)),
    ("concat", &[Any], true, |_, args| concat(args)),
    ("chunk", &[Int, Any], false, |_, args| chunk(args)),
    ("mustChunk", &[Int, Any], false, |_, args| chunk(args)),
];

fn list_of(args: &[Value]) -> Value {
    Value::list(args.to_vec())
}

/// The elements of a list, or what sprig says of anything else.
fn items(value: &Value, complaint: &str) -> std::result::Result<Vec<Value>, Error> {
    match value.elements() {
        Some(items) => Ok(items),
        None if matches!(value, Value::Nil) => Err(nil_pointer()),
        None => Err(Error::new(format!(
            "Cannot {complaint} type {}",
            value.kind_name()
        ))),
    }
}

fn bounded(items: Vec<Value>) -> Result {
    if items.len() > MAX_ELEMENTS {
        return Err(Error::new(format!(
            "list is too long (max {MAX_ELEMENTS} elements)"
        )));
    }
    Ok(Value::list(items))
}

fn push(args: &[Value]) -> Result {
    let mut items = items(any(args, 0), "push on")?;
    items.push(any(args, 1).clone());
    bounded(items)
}

fn prepend(args: &[Value]) -> Result {
    let mut items = items(any(args, 0), "prepend on")?;
    items.insert(0, any(args, 1).clone());
    bounded(items)
}

fn first(args: &[Value]) -> Result {
    let items = items(any(args, 0), "find first on")?;
    Ok(items.first().cloned().unwrap_or_default())
}

fn last(args: &[Value]) -> Result {
    let items = items(any(args, 0), "find last on")?;
    Ok(items.last().cloned().unwrap_or_default())
}

fn part(items: &[Value], part: Option<&[Value]>) -> Value {
    match part {
        Some(part) if !items.is_empty() => Value::list(part.to_vec()),
        _ => Value::List(List::nil(&LIST)),
    }
}

fn tail(args: &[Value]) -> Result {
    let items = items(any(args, 0), "find rest on")?;
    Ok(part(&items, items.get(1..)))
}

fn initial(args: &[Value]) -> Result {
    let items = items(any(args, 0), "find initial on")?;
    Ok(part(&items, items.split_last().map(|(_, before)| before)))
}

fn reverse(args: &[Value]) -> Result {
    let mut items = items(any(args, 0), "find reverse on")?;
    items.reverse();
    Ok(Value::list(items))
}

fn compact(args: &[Value]) -> Result {
    let mut items = items(any(args, 0), "compact on")?;
    items.retain(|item| !item.is_empty());
    Ok(Value::list(items))
}

fn uniq(args: &[Value]) -> Result {
    let mut kept: Vec<Value> = Vec::new();
    for item in items(any(args, 0), "find uniq on")? {
        if !kept.iter().any(|other| deep_equal(&item, other)) {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn without(args: &[Value]) -> Result {
    let mut items = items(any(args, 0), "find without on")?;
    let omitted = rest(args, 1);
    items.retain(|item| !omitted.iter().any(|other| deep_equal(item, other)));
    Ok(Value::list(items))
}

fn has(args: &[Value]) -> Result {
    if matches!(any(args, 1), Value::Nil) {
        return Ok(false.into());
    }
    let items = items(any(args, 1), "find has on")?;
    Ok(items.iter().any(|item| deep_equal(any(args, 0), item)).into())
}

fn slice(args: &[Value]) -> Result {
    let value = any(args, 0);
    let Some(items) = value.elements() else {
        if matches!(value, Value::Nil) {
            return Err(nil_pointer());
        }
        let kind = value.kind_name();
        return Err(Error::new(format!(
            "list should be type of slice or array but {kind}"
        )));
    };
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let start = args.get(1).map_or(0, to_int);
    let end = args.get(2).map_or(length, to_int);
    let within = |at: i64| usize::try_from(at).ok().filter(|at| *at <= items.len());
    match (within(start), within(end)) {
        (Some(start), Some(end)) if start <= end => Ok(match value {
            Value::Bytes(bytes) => Value::Bytes(bytes[start..end].into()),
            Value::List(list) => Value::List(List::new(list.kind, items[start..end].to_vec())),
            _ => Value::Nil,
        }),
        _ => Err(Error::new("reflect.Value.Slice: slice index out of bounds")),
    }
}

fn concat(args: &[Value]) -> Result {
    let mut all = Vec::new();
    for value in args {
        let Some(items) = value.elements() else {
            if matches!(value, Value::Nil) {
                return Err(nil_pointer());
            }
            let kind = value.kind_name();
            return Err(Error::new(format!("Cannot concat type {kind} as list")));
        };
        all.extend(items);
    }
    if all.is_empty() {
        return Ok(Value::List(List::nil(&LIST)));
    }
    bounded(all)
}

fn chunk(args: &[Value]) -> Result {
    let items = items(any(args, 1), "chunk")?;
    let Some(size) = usize::try_from(int(args, 0)).ok().filter(|size| *size > 0) else {
        return Err(Error::new("runtime error: makeslice: len out of range"));
    };
    let chunks = items.chunks(size).map(|chunk| Value::list(chunk.to_vec()));
    Ok(Value::List(List::new(&LISTS, chunks.collect())))
}
