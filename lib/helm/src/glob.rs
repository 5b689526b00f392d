//! Patterns of file names: those of the shell, and those of `.Files.Glob`.

use regex::Regex;

/// Go's `filepath.Match`; nothing if the pattern is none.
pub(crate) fn shell_match(pattern: &str, name: &str) -> Option<bool> {
    let mut out = String::from("(?s)^");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '\\' => out.push_str(&regex::escape(&chars.next()?.to_string())),
            '[' => {
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                let mut empty = true;
                loop {
                    let c = chars.next()?;
                    match c {
                        ']' if !empty => break,
                        ']' | '-' if empty => return None,
                        '\\' => push_member(&mut out, chars.next()?),
                        '-' => out.push('-'),
                        _ => push_member(&mut out, c),
                    }
                    empty = false;
                }
                out.push(']');
            }
            _ => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    out.push('$');
    Some(Regex::new(&out).ok()?.is_match(name))
}

fn push_member(out: &mut String, c: char) {
    if c.is_alphanumeric() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
    }
}

/// The pattern of `.Files.Glob` as a regular expression; a pattern that is none matches everything.
pub(crate) fn files_glob(pattern: &str) -> Option<Regex> {
    let mut out = String::from("(?s)^");
    let mut depth = 0;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => out.push_str(".*"),
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '\\' => out.push_str(&regex::escape(&chars.next()?.to_string())),
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            '[' => {
                out.push('[');
                if chars.next_if_eq(&'!').is_some() {
                    out.push('^');
                }
                loop {
                    match chars.next()? {
                        ']' => break,
                        '\\' => push_member(&mut out, chars.next()?),
                        '-' => out.push('-'),
                        c => push_member(&mut out, c),
                    }
                }
                out.push(']');
            }
            _ => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    if depth > 0 {
        return None;
    }
    out.push('$');
    Regex::new(&out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match() {
        assert_eq!(shell_match("*.txt", "a.txt"), Some(true));
        assert_eq!(shell_match("*.txt", "a/b.txt"), Some(false));
        assert_eq!(shell_match("[a-c]?", "bx"), Some(true));
        assert_eq!(shell_match("[", "x"), None);
        let matches = |pattern: &str, name: &str| files_glob(pattern).unwrap().is_match(name);
        assert!(matches("config/**.yaml", "config/a/b.yaml") && !matches("config/*.yaml", "config/a/b.yaml"));
        assert!(matches("{a,b}.txt", "b.txt") && matches("[!a].txt", "b.txt"));
    }
}
