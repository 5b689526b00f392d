//! From the keys of a document to its data key, and what is said when that fails.

use crate::{
    Keys,
    metadata::{KeyKind, MasterKey, Metadata},
    shamir,
};

/// Columns of the closing remark, and of what is said about one key.
const REMARK: usize = 75;
const REASON: usize = 60;

/// The key that all values are encrypted with.
pub(crate) fn data_key(metadata: &Metadata, keys: &Keys) -> Result<Vec<u8>, String> {
    let groups: Vec<_> = metadata
        .groups
        .iter()
        .map(|group| open_group(group, keys))
        .collect();
    let parts: Vec<Vec<u8>> = groups
        .iter()
        .filter_map(|group| group.as_ref().ok().cloned())
        .collect();
    if groups.len() > 1 {
        if parts.len() < metadata.shamir_threshold {
            return Err(report(&groups, metadata.shamir_threshold, parts.len()));
        }
        return shamir::combine(&parts)
            .map_err(|why| format!("could not get data key from shamir parts: {why}"));
    }
    match parts.into_iter().next() {
        Some(part) => Ok(part),
        None => Err(report(&groups, metadata.shamir_threshold, 0)),
    }
}

/// What the first key of a group that can be used yields; else what is said about each.
fn open_group(group: &[MasterKey], keys: &Keys) -> Result<Vec<u8>, String> {
    let rank = |key: &&MasterKey| match key.kind {
        KeyKind::Age => 0,
        KeyKind::Pgp => 1,
        KeyKind::Other(_) => 2,
    };
    let mut ordered: Vec<&MasterKey> = group.iter().collect();
    ordered.sort_by_key(rank);
    let mut reasons = Vec::new();
    for key in ordered {
        let opened = match key.kind {
            KeyKind::Age => keys.open_age(&key.encrypted),
            KeyKind::Pgp => keys.open_pgp(&key.encrypted),
            KeyKind::Other(service) => Err(format!("keys of {service} are not supported")),
        };
        match opened {
            Ok(part) => return Ok(part),
            Err(why) => {
                let wrapped = prefixed(&wrap(&why, REASON), "  | ");
                let dashed = wrapped.strip_prefix(' ').map(|rest| format!("-{rest}"));
                let dashed = prefixed(&dashed.unwrap_or(wrapped), "  ");
                reasons.push(format!("{}: FAILED\n{dashed}", key.name));
            }
        }
    }
    Err(reasons.join("\n\n"))
}

fn report(groups: &[Result<Vec<u8>, String>], threshold: usize, found: usize) -> String {
    let groups = groups.iter().enumerate().map(|(index, group)| match group {
        Ok(_) => format!("Group {index}: SUCCESS"),
        Err(reasons) => format!("Group {index}: FAILED\n{}", prefixed(reasons, "  ")),
    });
    let groups: Vec<_> = groups.collect();
    let remark = if threshold == 0 {
        "Recovery failed because no master key was able to decrypt the file. In order for SOPS to recover the file, at \
         least one key has to be successful, but none were."
            .to_owned()
    } else {
        format!(
            "Recovery failed because the file was encrypted with a Shamir threshold of {threshold}, but only {found} \
             part(s) were successfully recovered, one for each successful key group. In order for SOPS to recover the \
             file, at least {threshold} groups have to be successful. In order for a group to be successful, \
             decryption has to succeed with any of the keys in that key group."
        )
    };
    format!(
        "Failed to get the data key required to decrypt the SOPS file.\n\n{}\n\n{}",
        groups.join("\n\n"),
        wrap(&remark, REMARK)
    )
}

fn prefixed(text: &str, prefix: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| format!("{prefix}{line}")).collect();
    lines.join("\n")
}

/// Breaks lines at spaces so that none has more than `width` characters, words that are longer excepted.
fn wrap(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for (index, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 {
            if column + 1 + length > width {
                out.push('\n');
                column = 0;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces() {
        assert_eq!(wrap("aa bb cc dddddd e", 5), "aa bb\ncc\ndddddd\ne");
    }
}
