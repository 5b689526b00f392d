//! Files stay small enough to read: 500 lines without tests. The exceptions may only shrink.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Result;

use super::{Finding, Source};

const LIMIT: usize = 500;
const EXCEPTIONS: &str = "xtask/size-exceptions.txt";

pub(crate) fn check(root: &Path, sources: &[Source]) -> Result<Vec<Finding>> {
    let (exceptions, mut findings) = parse(&fs::read_to_string(root.join(EXCEPTIONS))?);
    let rust = sources.iter().filter(|source| source.is_rust());
    let lengths: BTreeMap<&str, usize> = rust
        .map(|source| (source.path.as_str(), source.code().count()))
        .collect();
    for (path, length) in &lengths {
        findings.extend(judge(path, *length, exceptions.get(*path).copied()));
    }
    for path in exceptions
        .keys()
        .filter(|path| !lengths.contains_key(path.as_str()))
    {
        findings.push(Finding::new(
            EXCEPTIONS,
            format!("{path} is gone: delete its line"),
        ));
    }
    Ok(findings)
}

/// Lines `path lines reason…`; `#` starts a comment.
fn parse(text: &str) -> (BTreeMap<String, usize>, Vec<Finding>) {
    let mut exceptions = BTreeMap::new();
    let mut findings = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    {
        let mut words = line.split_whitespace();
        match (
            words.next(),
            words.next().and_then(|word| word.parse().ok()),
            words.next(),
        ) {
            (Some(path), Some(lines), Some(_)) => {
                exceptions.insert(path.to_owned(), lines);
            }
            _ => {
                let place = format!("{EXCEPTIONS}:{}", number + 1);
                findings.push(Finding::new(place, "expected `path lines reason`"));
            }
        }
    }
    (exceptions, findings)
}

fn judge(path: &str, length: usize, exception: Option<usize>) -> Option<Finding> {
    let text = match exception {
        None if length > LIMIT => format!("has {length} lines without tests, {LIMIT} at most: split it"),
        Some(_) if length <= LIMIT => format!("has only {length} lines now: delete its line in {EXCEPTIONS}"),
        Some(allowed) if length > allowed => format!("grew from {allowed} to {length} lines: split it"),
        Some(allowed) if length < allowed => {
            format!("shrank to {length} lines: lower its line in {EXCEPTIONS}")
        }
        _ => return None,
    };
    Some(Finding::new(path, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_only_shrink() {
        assert!(judge("a", 500, None).is_none());
        assert!(judge("a", 501, None).is_some());
        assert!(judge("a", 600, Some(600)).is_none());
        assert!(judge("a", 599, Some(600)).is_some());
        assert!(judge("a", 601, Some(600)).is_some());
        assert!(judge("a", 400, Some(600)).is_some());
        let (exceptions, findings) = parse("# x\na.rs 600 a table\nb.rs 7\n");
        assert_eq!(exceptions, BTreeMap::from([("a.rs".to_owned(), 600)]));
        assert_eq!(findings.len(), 1);
    }
}
