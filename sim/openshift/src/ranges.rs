//! What a namespace's annotations say its pods may be: users, groups, an SELinux level.

use manifest::object;
use serde_json::Value;

use crate::constraint::{Constraint, Label};

/// The annotation with the block of user ids.
pub const UIDS: &str = "openshift.io/sa.scc.uid-range";
/// The annotation with the blocks of group ids.
pub const GROUPS: &str = "openshift.io/sa.scc.supplemental-groups";
/// The annotation with the SELinux level.
pub const LEVEL: &str = "openshift.io/sa.scc.mcs";

/// A block of ids; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Block {
    /// `start/size` or `start-end`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').or_else(|| text.split_once('-'));
        let (start, second) = parts.ok_or_else(|| "input does not match format".to_owned())?;
        let number = |part: &str| part.parse::<u32>().map_err(|_| "expected integer".to_owned());
        let (start, second) = (number(start)?, number(second)?);
        let end = if text.contains('/') {
            start.wrapping_add(second).wrapping_sub(1)
        } else {
            second
        };
        Ok(Self { start, end })
    }
}

/// The first annotation that pods cannot do without.
pub(crate) fn missing(namespace: &Value) -> Option<&'static str> {
    [UIDS, LEVEL]
        .into_iter()
        .find(|key| object::annotation(namespace, key).is_none())
}

/// The constraint with what it leaves to the namespace filled in.
pub(crate) fn fill(own: &Constraint, namespace: &Value) -> Result<Constraint, String> {
    let mut own = own.clone();
    let place = |what: &str, detail: String| {
        format!(
            "unable to find pre-allocated {what} annotation for namespace {} while trying to configure SCC {}: {detail}",
            object::name(namespace),
            own.name
        )
    };
    let run_as = &own.run_as;
    if run_as.kind == "MustRunAsRange" && run_as.min.is_none() && run_as.max.is_none() {
        let block = uids(namespace).map_err(|detail| place("uid", detail))?;
        own.run_as.min = Some(block.start.into());
        own.run_as.max = Some(block.end.into());
    }
    let level_is_open = own
        .se_linux
        .options
        .as_ref()
        .is_none_or(|label| label.level.is_empty());
    if own.se_linux.kind == "MustRunAs" && level_is_open {
        let level = annotation(namespace, LEVEL).map_err(|detail| place("mcs", detail))?;
        level.clone_into(&mut own.se_linux.options.get_or_insert_with(Label::default).level);
    }
    if own.fs_group.kind == "MustRunAs" && own.fs_group.ranges.is_empty() {
        let blocks = groups(namespace).map_err(|detail| place("group", detail))?;
        // QUIRK: of the whole block only its first id is allowed.
        own.fs_group.ranges = blocks
            .first()
            .map(|block| (block.start.into(), block.start.into()))
            .into_iter()
            .collect();
    }
    if own.supplemental.kind == "MustRunAs" && own.supplemental.ranges.is_empty() {
        let blocks = groups(namespace).map_err(|detail| place("group", detail))?;
        own.supplemental.ranges = blocks
            .iter()
            .map(|block| (block.start.into(), block.end.into()))
            .collect();
    }
    Ok(own)
}

fn annotation<'a>(namespace: &'a Value, key: &str) -> Result<&'a str, String> {
    match object::annotation(namespace, key) {
        None => Err(format!("unable to find annotation {key}")),
        Some("") => Err(format!("found annotation {key} but it was empty")),
        Some(own) => Ok(own),
    }
}

fn uids(namespace: &Value) -> Result<Block, String> {
    annotation(namespace, UIDS).and_then(Block::parse)
}

/// The blocks of groups; a namespace without its own has those of its users.
fn groups(namespace: &Value) -> Result<Vec<Block>, String> {
    let own = object::annotation(namespace, GROUPS).or_else(|| object::annotation(namespace, UIDS));
    match own {
        None => Err(format!(
            "unable to find supplemental group or uid annotation for namespace {}",
            object::name(namespace)
        )),
        Some("") => Err(format!(
            "unable to find groups using {GROUPS} and {UIDS} annotations"
        )),
        Some(own) => own.split(',').map(Block::parse).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_of_a_block_are_read() {
        let block = Block {
            start: 1_000_650_000,
            end: 1_000_659_999,
        };
        assert_eq!(Block::parse("1000650000/10000"), Ok(block));
        assert_eq!(Block::parse("1000650000-1000659999"), Ok(block));
        assert!(Block::parse("1000650000").is_err());
        assert!(Block::parse("a/b").is_err());
    }

    #[test]
    fn groups_fall_back_to_the_users_block() {
        let namespace = json!({"metadata": {"name": "n", "annotations": {UIDS: "5/5"}}});
        assert_eq!(groups(&namespace), Ok(vec![Block { start: 5, end: 9 }]));
        assert_eq!(missing(&namespace), Some(LEVEL));
    }
}
