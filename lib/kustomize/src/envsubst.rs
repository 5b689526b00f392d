//! Variables in texts: the shell's `${name}` with defaults and string functions, as Flux's envsubst has them.

use crate::error::quoted;

/// What can be wrong with a text or its variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubstituteError {
    /// A function that is no such one, or is cut off.
    #[error("bad substitution")]
    BadSubstitution,
    /// `${name` without its end.
    #[error("missing closing brace")]
    MissingClosingBrace,
    /// `${` without a name.
    #[error("unable to parse variable name")]
    VariableName,
    /// A function whose argument cannot be read.
    #[error("unable to parse substitution within function")]
    Function,
    /// A variable without a value or a default.
    #[error("variable not set (strict mode): {}", quoted(.0))]
    NotSet(String),
}

/// How deep variables may stand in the arguments of others.
const MAX_DEPTH: usize = 100;

/// Replaces the variables of a text; `lookup` returns nothing for one that is not set.
///
/// # Errors
/// [`SubstituteError`], in Flux's words.
pub fn substitute(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, SubstituteError> {
    let mut scanner = Scanner {
        text,
        at: 0,
        lookup,
        depth: 0,
    };
    let mut out = String::new();
    while let Some(c) = scanner.peek() {
        let rest = &text[scanner.at..];
        if rest.starts_with("$$") {
            // `$$` is one dollar, and the brace after it is no variable.
            out.push('$');
            scanner.at += 2;
        } else if rest.starts_with("${") {
            scanner.at += 2;
            out.push_str(&scanner.function()?);
        } else {
            out.push(c);
            scanner.at += c.len_utf8();
        }
    }
    Ok(out)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn name(&mut self) -> &'a str {
        self.take(|c| c.is_alphanumeric() || c == '_')
    }

    fn close(&mut self) -> Result<(), SubstituteError> {
        if self.peek() != Some('}') {
            return Err(SubstituteError::BadSubstitution);
        }
        self.at += 1;
        Ok(())
    }

    /// What comes after `${`, up to and with the closing brace.
    fn function(&mut self) -> Result<String, SubstituteError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SubstituteError::BadSubstitution);
        }
        let value = self.evaluated();
        self.depth -= 1;
        value
    }

    fn evaluated(&mut self) -> Result<String, SubstituteError> {
        if self.peek() == Some('#') {
            self.at += 1;
            let name = self.name();
            if name.is_empty() {
                return Err(SubstituteError::BadSubstitution);
            }
            self.close()?;
            return Ok(self.value(name)?.len().to_string());
        }
        let name = self.name();
        if name.is_empty() {
            return Err(SubstituteError::VariableName);
        }
        match self.peek() {
            Some(':') => match self.text[self.at + 1..].chars().next() {
                Some('=' | '-' | '?' | '+') => {
                    self.at += 2;
                    self.default(name)
                }
                _ => self.substring(name),
            },
            Some('=') => {
                self.at += 1;
                self.default(name)
            }
            Some(c @ (',' | '^')) => self.casing(name, c),
            Some('/') => self.replace(name),
            Some(c @ ('#' | '%')) => self.trim(name, c),
            Some('}') => {
                self.at += 1;
                self.value(name)
            }
            _ => Err(SubstituteError::MissingClosingBrace),
        }
    }

    fn value(&self, name: &str) -> Result<String, SubstituteError> {
        (self.lookup)(name).ok_or_else(|| SubstituteError::NotSet(name.to_owned()))
    }

    /// One argument: a variable, or what does not end it.
    fn argument(&mut self, fits: impl Fn(char) -> bool) -> Result<String, SubstituteError> {
        if self.text[self.at..].starts_with("${") {
            self.at += 2;
            return self.function();
        }
        let text = self.take(fits);
        if text.is_empty() {
            return Err(SubstituteError::Function);
        }
        Ok(text.to_owned())
    }

    fn default(&mut self, name: &str) -> Result<String, SubstituteError> {
        let mut default = String::new();
        while self.peek() != Some('}') {
            let rest = &self.text[self.at..];
            if rest.starts_with("${") {
                self.at += 2;
                default.push_str(&self.function()?);
                continue;
            }
            match rest.chars().next() {
                Some(c) => {
                    default.push(c);
                    self.at += c.len_utf8();
                }
                None => return Err(SubstituteError::Function),
            }
        }
        self.at += 1;
        let value = (self.lookup)(name).unwrap_or_default();
        Ok(if value.is_empty() { default } else { value })
    }

    fn casing(&mut self, name: &str, c: char) -> Result<String, SubstituteError> {
        let second = self.text[self.at..].chars().nth(1);
        let second = second.filter(|c| matches!(c, ',' | '^'));
        self.at += if second.is_some() { 2 } else { 1 };
        self.close()?;
        let value = self.value(name)?;
        let twice = second == Some(c);
        // QUIRK: `,^` and `^,` are no functions, and change nothing.
        if second.is_some() && !twice {
            return Ok(value);
        }
        let change = |text: &str| {
            if c == '^' {
                text.to_uppercase()
            } else {
                text.to_lowercase()
            }
        };
        if twice {
            return Ok(change(&value));
        }
        let first = value.chars().next().map_or(0, char::len_utf8);
        Ok(change(&value[..first]) + &value[first..])
    }

    fn trim(&mut self, name: &str, c: char) -> Result<String, SubstituteError> {
        let longest = self.text[self.at..].chars().nth(1) == Some(c);
        self.at += if longest { 2 } else { 1 };
        let pattern = self.argument(|c| c != '}')?;
        self.close()?;
        let value = self.value(name)?;
        let reversed = |text: &str| text.chars().rev().collect::<String>();
        if c == '#' {
            return Ok(trim(&value, &pattern, longest));
        }
        Ok(reversed(&trim(&reversed(&value), &reversed(&pattern), longest)))
    }

    fn replace(&mut self, name: &str) -> Result<String, SubstituteError> {
        self.at += 1;
        let kind = self.peek().filter(|c| matches!(c, '/' | '#' | '%'));
        self.at += kind.map_or(0, char::len_utf8);
        let old = self.argument(|c| c != '/')?;
        if self.peek() != Some('/') {
            return Err(SubstituteError::BadSubstitution);
        }
        self.at += 1;
        let new = if self.peek() == Some('}') {
            None
        } else {
            Some(self.argument(|c| c != '}')?)
        };
        self.close()?;
        let value = self.value(name)?;
        Ok(match (kind, new) {
            (Some('/'), new) => value.replace(&old, &new.unwrap_or_default()),
            (None, new) => value.replacen(&old, &new.unwrap_or_default(), 1),
            (Some('#'), Some(new)) if value.starts_with(&old) => value.replacen(&old, &new, 1),
            (Some('%'), Some(new)) => value
                .strip_suffix(&old)
                .map_or(value.clone(), |rest| rest.to_owned() + &new),
            _ => value,
        })
    }

    fn substring(&mut self, name: &str) -> Result<String, SubstituteError> {
        self.at += 1;
        let start = self.argument(|c| c != ':' && c != '}')?;
        let length = if self.peek() == Some(':') {
            self.at += 1;
            Some(self.argument(|c| c != '}')?)
        } else {
            None
        };
        self.close()?;
        let value = self.value(name)?;
        Ok(substring(&value, &start, length.as_deref()).unwrap_or(value))
    }
}

/// A part of a text in bytes, as Go slices it; nothing when a number is none.
fn substring(value: &str, start: &str, length: Option<&str>) -> Option<String> {
    let total = i64::try_from(value.len()).ok()?;
    let start: i64 = start.parse().ok()?;
    let start = if start < 0 { (total + start).max(0) } else { start };
    let end = match length {
        None => total,
        Some(length) => {
            let length: i64 = length.parse().ok()?;
            if length < 0 {
                total + length
            } else {
                start.saturating_add(length).min(total)
            }
        }
    };
    if end <= start {
        return Some(String::new());
    }
    let bytes = &value.as_bytes()[usize::try_from(start).ok()?..usize::try_from(end).ok()?];
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// Takes the shortest or longest beginning that fits a pattern off a text.
fn trim(value: &str, pattern: &str, longest: bool) -> String {
    let pattern: Vec<char> = pattern.chars().collect();
    let Some(tokens) = tokens(&pattern) else {
        return value.to_owned();
    };
    let mut states = vec![false; tokens.len() + 1];
    states[0] = true;
    pass_stars(&tokens, &mut states);
    let mut end = 0;
    for (at, c) in value.char_indices() {
        states = step(&tokens, &states, c);
        if states[tokens.len()] {
            end = at + c.len_utf8();
            if !longest {
                break;
            }
        }
    }
    value[end..].to_owned()
}

/// A part of a pattern of `*`, `?`, `[…]` and `\`.
enum Token {
    Star,
    Any,
    One(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

fn tokens(mut pattern: &[char]) -> Option<Vec<Token>> {
    let mut all = Vec::new();
    while let Some((first, rest)) = pattern.split_first() {
        pattern = rest;
        all.push(match first {
            '*' => Token::Star,
            '?' => Token::Any,
            '[' => {
                let (class, rest) = class(rest)?;
                pattern = rest;
                class
            }
            '\\' => {
                let (c, rest) = rest.split_first()?;
                pattern = rest;
                Token::One(*c)
            }
            c => Token::One(*c),
        });
    }
    Some(all)
}

/// The class that begins here, and what follows it.
fn class(mut pattern: &[char]) -> Option<(Token, &[char])> {
    let negated = pattern.first() == Some(&'^');
    if negated {
        pattern = &pattern[1..];
    }
    let mut ranges = Vec::new();
    loop {
        let (low, rest) = match pattern {
            [']', rest @ ..] if !ranges.is_empty() => return Some((Token::Class { negated, ranges }, rest)),
            ['\\', low, rest @ ..] | [low, rest @ ..] => (*low, rest),
            [] => return None,
        };
        let (high, rest) = match rest {
            ['-', high, rest @ ..] if *high != ']' => (*high, rest),
            rest => (low, rest),
        };
        ranges.push((low, high));
        pattern = rest;
    }
}

/// All places of the pattern that may be reached with one more character.
fn step(tokens: &[Token], states: &[bool], c: char) -> Vec<bool> {
    let mut next = vec![false; states.len()];
    for (at, token) in tokens.iter().enumerate().filter(|(at, _)| states[*at]) {
        match token {
            Token::Star => next[at] = true,
            Token::Any => next[at + 1] = true,
            Token::One(wanted) => next[at + 1] |= *wanted == c,
            Token::Class { negated, ranges } => {
                let inside = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                next[at + 1] |= inside != *negated;
            }
        }
    }
    pass_stars(tokens, &mut next);
    next
}

/// A star fits nothing, too.
fn pass_stars(tokens: &[Token], states: &mut [bool]) {
    for (at, token) in tokens.iter().enumerate() {
        if states[at] && matches!(token, Token::Star) {
            states[at + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: H-07.
    #[test]
    fn patterns_of_many_stars_end() {
        let text = "a".repeat(100_000);
        assert_eq!(trim(&text, &("*a".repeat(20) + "b"), true), text);
        assert_eq!(trim("path/to/file", "*/", false), "to/file");
        assert_eq!(trim("path/to/file", "*/", true), "file");
    }

    #[test]
    fn variables_may_stand_in_defaults() {
        let lookup = |name: &str| (name == "a").then(|| "1".to_owned());
        assert_eq!(substitute("${b:-x${a}} $${a} $a", &lookup).unwrap(), "x1 ${a} $a");
        assert_eq!(
            substitute("${b}", &lookup),
            Err(SubstituteError::NotSet("b".to_owned()))
        );
        let deep = "${b:-".repeat(1000);
        assert!(substitute(&deep, &lookup).is_err());
    }
}
