//! What is wrong with an expression, shown as the genuine compiler shows it.

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Issue {
    /// The character (from 0).
    pub(crate) at: usize,
    pub(crate) text: String,
}

/// Line and column (both from 0) of a character, and the line itself.
fn place(source: &str, at: usize) -> (usize, usize, &str) {
    let mut line = 0;
    let mut start = 0;
    for (number, letter) in source.chars().take(at).enumerate() {
        if letter == '\n' {
            line += 1;
            start = number + 1;
        }
    }
    let text = source.split('\n').nth(line).unwrap_or_default();
    (line, at - start, text)
}

/// All findings as one text, in order of place.
pub(crate) fn display(source: &str, mut issues: Vec<Issue>) -> String {
    issues.sort_by_key(|issue| issue.at);
    let shown: Vec<String> = issues
        .iter()
        .map(|issue| {
            let (line, column, text) = place(source, issue.at);
            let text = text.replace('\t', " ");
            let wide = |letter: char| letter.len_utf8() > 1;
            let mark = |letter: char| if wide(letter) { '\u{ff0e}' } else { '.' };
            let dots: String = text.chars().take(column).map(mark).collect();
            let caret = if text.chars().nth(column).is_some_and(wide) {
                '\u{ff3e}'
            } else {
                '^'
            };
            format!(
                "ERROR: <input>:{}:{}: {}\n | {text}\n | {dots}{caret}",
                line + 1,
                column + 1,
                issue.text
            )
        })
        .collect();
    shown.join("\n")
}
