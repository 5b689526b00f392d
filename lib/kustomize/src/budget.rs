//! What patches and replacements may copy: without bounds each copy could double what the one before made.

use serde_json::Value;

use crate::{
    Error,
    limits::{MAX_COPIED, MAX_PARTS},
};

/// Bytes that may still be copied.
#[derive(Debug)]
pub(crate) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_COPIED)
    }
}

impl Budget {
    /// Takes a value off; refuses one that is nested too deeply to be handed on.
    pub(crate) fn spend(&mut self, value: &Value) -> Result<(), Error> {
        self.spend_at(value, 0)
    }

    fn spend_at(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_PARTS {
            return Err(Error::new(format!(
                "copied value has more than {MAX_PARTS} levels"
            )));
        }
        let size = match value {
            Value::String(text) => text.len() + 1,
            _ => 1,
        };
        self.0 = self
            .0
            .checked_sub(size)
            .ok_or_else(|| Error::new(format!("more than {MAX_COPIED} bytes are copied")))?;
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.spend_at(item, depth + 1)),
            Value::Object(map) => map.values().try_for_each(|value| self.spend_at(value, depth + 1)),
            _ => Ok(()),
        }
    }
}

/// Refuses a path that would have to be walked too deep.
pub(crate) fn check_parts(parts: usize) -> Result<(), Error> {
    if parts > MAX_PARTS {
        return Err(Error::new(format!("field path has more than {MAX_PARTS} parts")));
    }
    Ok(())
}
