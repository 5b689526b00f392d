//! Maps.

use crate::{
    error::Error,
    function::Type::{Any, Bool, Map as MapType, Text},
    limits::MAX_DEPTH,
    value::{List, Map, Value},
};

use super::{Result, Row, any, bytes, map, merge, rest, to_text};

pub(crate) const TABLE: &[Row] = &[
    ("dict", &[Any], true, |_, args| Ok(dict(args))),
    ("get", &[MapType, Text], false, |_, args| {
        Ok(map(args, 0).get(bytes(args, 1)).unwrap_or_else(|| "".into()))
    }),
    ("set", &[MapType, Text, Any], false, |_, args| {
        let Value::Map(map) = any(args, 0) else {
            return Err(Error::new("assignment to entry in nil map"));
        };
        map.set(bytes(args, 1), any(args, 2).clone());
        Ok(any(args, 0).clone())
    }),
    ("unset", &[MapType, Text], false, |_, args| {
        map(args, 0).remove(bytes(args, 1));
        Ok(Value::Map(map(args, 0)))
    }),
    ("hasKey", &[MapType, Text], false, |_, args| {
        Ok(map(args, 0).get(bytes(args, 1)).is_some().into())
    }),
    ("pluck", &[Text, MapType], true, |_, args| {
        let maps = rest(args, 1).iter();
        let found = maps.filter_map(|it| match it {
            Value::Map(map) => map.get(bytes(args, 0)),
            _ => None,
        });
        Ok(Value::list(found.collect()))
    }),
    // DIFFERENCE: Go gives the keys and values of a map in random order; here they are sorted by key.
    ("keys", &[MapType], true, |_, args| {
        let keys = args
            .iter()
            .enumerate()
            .flat_map(|(index, _)| map(args, index).snapshot());
        Ok(Value::texts(keys.map(|(key, _)| key)))
    }),
    ("values", &[MapType], false, |_, args| {
        let values = map(args, 0).snapshot().into_iter().map(|(_, value)| value);
        Ok(Value::list(values.collect()))
    }),
    ("pick", &[MapType, Text], true, |_, args| {
        let (from, picked) = (map(args, 0), Map::default());
        for (index, _) in args.iter().enumerate().skip(1) {
            if let Some(value) = from.get(bytes(args, index)) {
                picked.set(bytes(args, index), value);
            }
        }
        Ok(picked.into())
    }),
    ("omit", &[MapType, Text], true, |_, args| {
        let kept = map(args, 0).copied_as(&crate::value::MAP);
        for (index, _) in args.iter().enumerate().skip(1) {
            kept.remove(bytes(args, index));
        }
        Ok(kept.into())
    }),
    ("merge", &[MapType, MapType], true, |_, args| {
        merge::into_first(args, false)
    }),
    ("mustMerge", &[MapType, MapType], true, |_, args| {
        merge::into_first(args, false)
    }),
    ("mergeOverwrite", &[MapType, MapType], true, |_, args| {
        merge::into_first(args, true)
    }),
    ("mustMergeOverwrite", &[MapType, MapType], true, |_, args| {
        merge::into_first(args, true)
    }),
    ("deepCopy", &[Any], false, |_, args| deep_copy(any(args, 0), 0)),
    ("mustDeepCopy", &[Any], false, |_, args| {
        deep_copy(any(args, 0), 0)
    }),
    ("dig", &[Any], true, |_, args| dig(args)),
    ("default", &[Any, Any], true, |_, args| {
        Ok(any(
            args,
            usize::from(args.get(1).is_some_and(|given| !given.is_empty())),
        )
        .clone())
    }),
    ("empty", &[Any], false, |_, args| {
        Ok(any(args, 0).is_empty().into())
    }),
    ("coalesce", &[Any], true, |_, args| {
        Ok(args.iter().find(|it| !it.is_empty()).cloned().unwrap_or_default())
    }),
    ("all", &[Any], true, |_, args| {
        Ok((!args.iter().any(Value::is_empty)).into())
    }),
    ("any", &[Any], true, |_, args| {
        Ok((!args.iter().all(Value::is_empty)).into())
    }),
    ("ternary", &[Any, Any, Bool], false, |_, args| {
        Ok(any(args, usize::from(!matches!(any(args, 2), Value::Bool(true)))).clone())
    }),
];

fn dict(args: &[Value]) -> Value {
    let map = Map::default();
    for pair in args.chunks(2) {
        let key = to_text(any(pair, 0)).into_owned();
        map.set(key, pair.get(1).cloned().unwrap_or_else(|| "".into()));
    }
    map.into()
}

fn deep_copy(value: &Value, depth: usize) -> Result {
    if depth > MAX_DEPTH {
        return Err(Error::new("deepCopy error: too deep"));
    }
    if depth == 0 && matches!(value, Value::Nil) {
        return Err(Error::new("reflect: call of reflect.Value.Type on zero Value"));
    }
    Ok(match value {
        Value::Map(map) => {
            let copy = Map::new(map.kind());
            for (key, value) in map.snapshot() {
                copy.set(key, deep_copy(&value, depth + 1)?);
            }
            Value::Map(copy)
        }
        Value::List(list) if !list.nil => {
            let items: std::result::Result<Vec<_>, _> = list
                .items()
                .iter()
                .map(|item| deep_copy(item, depth + 1))
                .collect();
            Value::List(List::new(list.kind, items?))
        }
        _ => value.clone(),
    })
}

/// What Go's run time says of a value that is of another type than code takes for granted.
fn wrong_type(value: &Value, wanted: &str) -> Error {
    let found = match value {
        Value::Nil => "nil",
        _ => value.type_name(),
    };
    Error::new(format!(
        "interface conversion: interface {{}} is {found}, not {wanted}"
    ))
}

fn dig(args: &[Value]) -> Result {
    let (path, default, from) = match args {
        [path @ .., default, from] if !path.is_empty() => (path, default, from),
        _ => return Err(Error::new("dig needs at least three arguments")),
    };
    let as_map = |value: &Value| match value {
        Value::Map(map) if map.kind().name == crate::value::MAP.name => Ok(map.clone()),
        other => Err(wrong_type(other, crate::value::MAP.name)),
    };
    let mut map = as_map(from)?;
    let mut keys = Vec::with_capacity(path.len());
    for key in path {
        keys.push(key.as_text().ok_or_else(|| wrong_type(key, "string"))?);
    }
    for (index, key) in keys.iter().enumerate() {
        let Some(step) = map.get(key) else {
            return Ok(default.clone());
        };
        if index + 1 == keys.len() {
            return Ok(step);
        }
        map = as_map(&step)?;
    }
    Ok(default.clone())
}
