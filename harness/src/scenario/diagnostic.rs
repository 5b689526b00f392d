//! What is wrong in a scenario file, where, and what to do: file, line, column, snippet, remedy.

use std::fmt;

use serde::Serialize;
use serde_saphyr::Location;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, relative to the repository.
    pub file: String,
    /// Line, counted from one.
    pub line: u64,
    /// Column, counted from one.
    pub column: u64,
}

impl Place {
    /// The place in `file` that a parsed value came from.
    pub fn new(file: &str, location: Location) -> Self {
        Self {
            file: file.to_owned(),
            line: location.line().max(1),
            column: location.column().max(1),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// The lines around the place, with a caret under it.
    pub snippet: String,
    /// What to do about it.
    pub remedies: Vec<String>,
}

impl Diagnostic {
    /// A finding at a place of `text`, the content of its file.
    pub(crate) fn new(place: Place, text: &str, message: impl Into<String>) -> Self {
        Self {
            snippet: snippet(text, place.line, Some(place.column), 1),
            place,
            message: message.into(),
            remedies: Vec::new(),
        }
    }

    /// Adds what to do.
    pub(crate) fn help(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    /// Adds the names that would have been right, nearest first.
    pub(crate) fn expected<'a>(mut self, wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        if let Some(near) = nearest(wrong, names.iter().copied()) {
            self.remedies.push(format!("did you mean `{near}`?"));
        }
        if !names.is_empty() && names.len() <= crate::limits::NAMES_LISTED {
            self.remedies
                .push(format!("expected one of: {}", names.join(", ")));
        }
        self
    }

    /// A finding of the YAML reader.
    pub(crate) fn from_yaml(file: &str, text: &str, error: &serde_saphyr::Error) -> Self {
        let place = match error.location() {
            Some(location) => Place::new(file, location),
            None => Place {
                file: file.to_owned(),
                line: 1,
                column: 1,
            },
        };
        let full = error.without_snippet().to_string();
        let message = full
            .rsplit_once(" at line ")
            .map_or(full.as_str(), |(head, _)| head);
        let (head, names) = message
            .split_once(", expected one of ")
            .or_else(|| message.split_once(", expected "))
            .unwrap_or((message, ""));
        let head = head
            .replace("unknown variant", "unknown verb or value")
            .replace(", set DuplicateKeyPolicy in Options if acceptable", "");
        let wrong = head.split('`').nth(1).unwrap_or_default().to_owned();
        Self::new(place, text, head).expected(
            &wrong,
            names
                .split(", ")
                .map(|name| name.trim_matches('`'))
                .filter(|n| !n.is_empty()),
        )
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "  --> {}", self.place)?;
        f.write_str(&self.snippet)?;
        for remedy in &self.remedies {
            writeln!(f, "   = {remedy}")?;
        }
        Ok(())
    }
}

/// The lines around `line` with their numbers, and a caret under `column`.
pub(crate) fn snippet(text: &str, line: u64, column: Option<u64>, radius: u64) -> String {
    use std::fmt::Write as _;
    let first = line.saturating_sub(radius).max(1);
    let mut out = String::new();
    for (number, content) in (1_u64..).zip(text.lines()) {
        if number < first || number > line + radius {
            continue;
        }
        let _ = writeln!(out, "{number:>4} | {content}");
        if let (true, Some(column)) = (number == line, column) {
            let indent = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
            let _ = writeln!(out, "     | {}^", " ".repeat(indent));
        }
    }
    out
}

/// The lines of a step: from `line` to the line before the next step, at most a handful.
pub(crate) fn step_snippet(text: &str, line: u64, next: Option<u64>) -> String {
    use std::fmt::Write as _;
    const LINES_MAX: u64 = 8;
    let end = next.unwrap_or(u64::MAX).min(line + LINES_MAX).max(line + 1);
    let mut out = String::new();
    for (number, content) in (1_u64..).zip(text.lines()) {
        if number >= line && number < end {
            let _ = writeln!(out, "{number:>4} | {content}");
        }
    }
    out
}

/// The name nearest to `wrong`, if one is near.
pub(crate) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::osa_distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(wrong.len()) / 4)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_when_near() {
        assert_eq!(nearest("aply", ["apply", "delete"]), Some("apply"));
        assert_eq!(nearest("zzz", ["apply", "delete"]), None);
    }

    #[test]
    fn a_snippet_points_at_its_column() {
        assert_eq!(
            snippet("a: 1\nbb: 2\nc: 3\n", 2, Some(2), 1),
            "   1 | a: 1\n   2 | bb: 2\n     |  ^\n   3 | c: 3\n"
        );
    }
}
