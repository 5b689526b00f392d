//! Patterns of schemas: Go's regular expressions.

use regex::{Regex, RegexBuilder};

use crate::limits;

/// A brace that begins no count is itself in Go.
fn literal_braces(pattern: &str) -> String {
    let mut out = String::new();
    let mut letters = pattern.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => {
                out.push(letter);
                out.extend(letters.next().map(|(_, next)| next));
            }
            '{' if !counts(&pattern[at + 1..]) && !out.ends_with("\\p") && !out.ends_with("\\x") => {
                out.push_str("\\{");
            }
            other => out.push(other),
        }
    }
    out
}

fn counts(rest: &str) -> bool {
    let after = rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ',');
    rest.starts_with(|letter: char| letter.is_ascii_digit()) && after.starts_with('}')
}

/// A compiled pattern, unless it is invalid.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(limits::PATTERN)
            .build()
            .ok()
    };
    build(pattern).or_else(|| build(&literal_braces(pattern)))
}

/// Why Go refuses a pattern.
pub(super) fn problem(pattern: &str) -> Option<String> {
    if pattern.is_empty() || compile(pattern).is_some() {
        return None;
    }
    let refused = |why: &str, what: &str| Some(format!("error parsing regexp: {why}: `{what}`"));
    for syntax in ["(?=", "(?!", "(?<=", "(?<!", "(?>"] {
        if pattern.contains(syntax) {
            let shown = if syntax.starts_with("(?<") { "(?<" } else { syntax };
            return refused("invalid or unsupported Perl syntax", shown);
        }
    }
    let found = Regex::new(pattern)
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    let last = |letter: char| pattern.rfind(letter).map_or(pattern, |at| &pattern[at..]);
    if found.contains("unclosed group") {
        refused("missing closing )", pattern)
    } else if found.contains("unopened group") {
        refused("unexpected )", pattern)
    } else if found.contains("unclosed character class") {
        refused("missing closing ]", last('['))
    } else if found.contains("repetition operator missing expression") {
        let operator = pattern
            .find(['*', '+', '?'])
            .map_or(pattern, |at| &pattern[at..=at]);
        refused("missing argument to repetition operator", operator)
    } else if found.contains("escape") || found.contains("backreference") {
        let what: String = last('\\').chars().take(2).collect();
        refused("invalid escape sequence", &what)
    } else if found.contains("invalid character class range") {
        refused("invalid character class range", last('['))
    } else {
        refused("invalid regular expression", pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_read_once() {
        let many = "{".repeat(1_000_000);
        assert_eq!(literal_braces(&many).len(), 2_000_000);
        assert_eq!(literal_braces("a{1,2}{x}{1"), "a{1,2}\\{x}\\{1");
    }

    #[test]
    fn refusals_are_those_of_go() {
        assert_eq!(problem("^[a-z]+$"), None);
        assert_eq!(problem("^{x}$"), None);
        assert!(compile("a{2}").is_some_and(|own| own.is_match("aa") && !own.is_match("a")));
        for (pattern, why) in [
            ("(", "missing closing ): `(`"),
            ("(?=x)", "invalid or unsupported Perl syntax: `(?=`"),
            ("[a", "missing closing ]: `[a`"),
            ("*a", "missing argument to repetition operator: `*`"),
        ] {
            assert_eq!(problem(pattern), Some(format!("error parsing regexp: {why}")));
        }
    }
}
