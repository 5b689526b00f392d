//! Merging maps as mergo does: into the first, in place, sharing what is taken over.

use crate::{
    error::Error,
    limits::MAX_DEPTH,
    value::{Map, Value},
};

use super::{Result, map, rest};

pub(crate) fn into_first(args: &[Value], overwrite: bool) -> Result {
    let target = map(args, 0);
    for source in rest(args, 1) {
        if let Value::Map(source) = source {
            merge(&target, source, overwrite, 0)?;
        }
    }
    Ok(target.into())
}

fn merge(target: &Map, source: &Map, overwrite: bool, depth: usize) -> std::result::Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::new("merge: too deep"));
    }
    if target.is(source) {
        return Ok(());
    }
    for (key, new) in source.snapshot() {
        let old = target.get(&key);
        if matches!(new, Value::Nil) {
            if overwrite {
                target.set(key, new);
            }
            continue;
        }
        if let (Some(Value::Map(old)), Value::Map(new)) = (&old, &new) {
            merge(old, new, overwrite, depth + 1)?;
            if !old.is_empty() {
                continue;
            }
        }
        if overwrite || old.is_none_or(|old| old.is_empty()) {
            target.set(key, new);
        }
    }
    Ok(())
}
