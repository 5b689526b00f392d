//! Words of texts: cases, abbreviations, wrapping.

use crate::{
    error::Error,
    function::Type::{Int, Text},
    value::Value,
};

use super::{Result, Row, bytes, int, text};

pub(crate) const TABLE: &[Row] = &[
    (
        "title",
        &[Text],
        false,
        |_, args| Ok(title(&text(args, 0)).into()),
    ),
    ("untitle", &[Text], false, |_, args| {
        Ok(untitle(&text(args, 0)).into())
    }),
    ("swapcase", &[Text], false, |_, args| {
        Ok(swap_case(&text(args, 0)).into())
    }),
    ("initials", &[Text], false, |_, args| {
        Ok(initials(bytes(args, 0)).into())
    }),
    ("nospace", &[Text], false, |_, args| Ok(no_space(bytes(args, 0)))),
    ("abbrev", &[Int, Text], false, |_, args| {
        let width = int(args, 0);
        let whole = bytes(args, 1);
        Ok(if width < 4 {
            Value::text(whole)
        } else {
            abbreviate(whole, 0, width).into()
        })
    }),
    ("abbrevboth", &[Int, Int, Text], false, |_, args| {
        let (left, right, whole) = (int(args, 0), int(args, 1), bytes(args, 2));
        if right < 4 || (left > 0 && right < 7) {
            return Ok(Value::text(whole));
        }
        Ok(abbreviate(whole, left, right).into())
    }),
    ("snakecase", &[Text], false, |_, args| {
        Ok(lower_with(&text(args, 0), '_').into())
    }),
    ("kebabcase", &[Text], false, |_, args| {
        Ok(lower_with(&text(args, 0), '-').into())
    }),
    ("camelcase", &[Text], false, |_, args| {
        Ok(pascal_case(&text(args, 0)).into())
    }),
    ("wrap", &[Int, Text], false, |_, args| {
        wrap(bytes(args, 1), int(args, 0), b"", false)
    }),
    ("wrapWith", &[Int, Text, Text], false, |_, args| {
        wrap(bytes(args, 2), int(args, 0), bytes(args, 1), true)
    }),
];

fn upper(c: char) -> char {
    let mut all = c.to_uppercase();
    match (all.next(), all.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// `strings.Title`
fn title(text: &str) -> String {
    let mut previous = ' ';
    text.chars()
        .map(|c| {
            let separated = if previous.is_ascii() {
                !(previous.is_ascii_alphanumeric() || previous == '_')
            } else {
                previous.is_whitespace()
            };
            previous = c;
            if separated { upper(c) } else { c }
        })
        .collect()
}

fn untitle(text: &str) -> String {
    let mut start = true;
    text.chars()
        .map(|c| {
            if c.is_whitespace() {
                start = true;
                return c;
            }
            let out = if start { lower(c) } else { c };
            start = false;
            out
        })
        .collect()
}

fn swap_case(text: &str) -> String {
    let mut after_space = true;
    text.chars()
        .map(|c| {
            if c.is_uppercase() {
                after_space = false;
                lower(c)
            } else if c.is_lowercase() {
                after_space = false;
                upper(c)
            } else {
                after_space = c.is_whitespace();
                c
            }
        })
        .collect()
}

/// QUIRK: goes byte by byte, so that a character beyond ASCII yields its first byte as a character.
fn initials(text: &[u8]) -> String {
    let mut gap = true;
    let mut out = String::new();
    for byte in text {
        let c = char::from(*byte);
        if c.is_whitespace() {
            gap = true;
        } else if gap {
            out.push(c);
            gap = false;
        }
    }
    out
}

/// QUIRK: where there is something to remove, other bytes are taken for characters.
fn no_space(text: &[u8]) -> Value {
    let kept: String = text
        .iter()
        .map(|byte| char::from(*byte))
        .filter(|c| !c.is_whitespace())
        .collect();
    if kept.chars().count() == text.len() {
        return Value::text(text);
    }
    kept.into()
}

fn abbreviate(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let size = i64::try_from(text.len()).unwrap_or(i64::MAX);
    if size <= width {
        return text.to_vec();
    }
    let slice = |from: i64, to: i64| {
        let at = |index: i64| usize::try_from(index).unwrap_or(0).min(text.len());
        text.get(at(from)..at(to)).unwrap_or_default()
    };
    let mut offset = offset.min(size);
    if size - offset < width - 3 {
        offset = size - (width - 3);
    }
    if offset <= 4 {
        return [slice(0, width - 3), b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + width - 3 < size {
        let tail = abbreviate(slice(offset, size), 0, width - 3);
        return [b"...", &*tail].concat();
    }
    [b"...", slice(size - (width - 3), size)].concat()
}

fn wrap(text: &[u8], width: i64, separator: &[u8], long_words: bool) -> Result {
    if text.is_empty() {
        return Ok("".into());
    }
    let separator = if separator.is_empty() { b"\n" } else { separator };
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    super::check_length((text.len() / width).saturating_mul(separator.len()))?;
    let mut out = Vec::with_capacity(text.len());
    let mut offset = 0;
    while text.len() - offset > width {
        if text[offset] == b' ' {
            offset += 1;
            continue;
        }
        let end = offset + width;
        let space = text[offset..=end]
            .iter()
            .rposition(|byte| *byte == b' ')
            .map(|at| at + offset);
        match space {
            Some(at) => {
                out.extend_from_slice(&text[offset..at]);
                out.extend_from_slice(separator);
                offset = at + 1;
            }
            None if long_words => {
                out.extend_from_slice(&text[offset..end]);
                out.extend_from_slice(separator);
                offset = end;
            }
            None => match text[end..].iter().position(|byte| *byte == b' ') {
                None => {
                    out.extend_from_slice(&text[offset..]);
                    offset = text.len();
                }
                Some(at) => {
                    out.extend_from_slice(&text[offset..end + at]);
                    out.extend_from_slice(separator);
                    offset = end + at + 1;
                }
            },
        }
    }
    out.extend_from_slice(
        text.get(offset..)
            .ok_or_else(|| Error::new("wrap: out of range"))?,
    );
    Ok(out.into())
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

fn pascal_case(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next_if(|c| is_connector(*c)) {
        out.push(c);
        if chars.peek().is_none() {
            // QUIRK: the last of nothing but connectors comes twice.
            out.push(c);
            return out;
        }
    }
    let Some(first) = chars.next() else { return out };
    let mut first_upper = first.is_uppercase();
    let mut current = upper(first);
    for next in chars {
        let previous = current;
        current = next;
        if is_connector(current) && is_connector(previous) {
            out.push(previous);
            continue;
        }
        if is_connector(previous) {
            first_upper = current.is_uppercase();
            current = upper(current);
        } else {
            if first_upper {
                if current.is_uppercase() {
                    current = lower(current);
                } else {
                    first_upper = false;
                }
            }
            out.push(previous);
        }
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~')
}

fn is_alphabet(c: char) -> bool {
    c.is_alphabetic()
}

/// The first word and what follows it.
fn next_word(text: &[char]) -> (Word, &[char], &[char]) {
    let Some(first) = text.first().copied() else {
        return (Word::Invalid, &[], &[]);
    };
    let run = |from: usize, belongs: &dyn Fn(char) -> bool| {
        from + text[from..].iter().take_while(|c| belongs(**c)).count()
    };
    let (kind, end) = if is_connector(first) {
        (Word::Connector, run(1, &is_connector))
    } else if is_punctuation(first) {
        (Word::Punctuation, run(1, &is_punctuation))
    } else if first.is_uppercase() {
        let end = match text.get(1) {
            Some(second) if second.is_uppercase() => {
                let end = run(1, &char::is_uppercase);
                // The last capital starts the next word if that goes on in lower case.
                if text.get(end).is_some_and(|c| is_alphabet(*c)) {
                    end - 1
                } else {
                    end
                }
            }
            Some(second) if is_alphabet(*second) => run(1, &|c| is_alphabet(c) && !c.is_uppercase()),
            _ => 1,
        };
        (Word::Upper, end)
    } else if is_alphabet(first) {
        (Word::Alphabet, run(1, &|c| is_alphabet(c) && !c.is_uppercase()))
    } else if first.is_numeric() {
        (Word::Number, run(1, &char::is_numeric))
    } else {
        let other = |c: char| !(is_connector(c) || is_alphabet(c) || c.is_numeric() || is_punctuation(c));
        (Word::Other, run(1, &other))
    };
    (kind, &text[..end], &text[end..])
}

fn push_lower(out: &mut String, kind: Word, word: &[char], connector: char) {
    match kind {
        Word::Upper => out.extend(word.iter().map(|c| lower(*c))),
        Word::Connector => out.extend(word.iter().map(|_| connector)),
        _ => out.extend(word),
    }
}

fn lower_with(text: &str, connector: char) -> String {
    let all: Vec<char> = text.chars().collect();
    let mut out = String::new();
    if all.is_empty() {
        return out;
    }
    let joins = |kind: Word| !matches!(kind, Word::Connector | Word::Punctuation);
    let in_number = |kind: Word| matches!(kind, Word::Alphabet | Word::Number);
    let (mut kind, mut word, mut remaining) = next_word(&all);
    while !remaining.is_empty() {
        if kind != Word::Connector {
            push_lower(&mut out, kind, word, connector);
        }
        let (previous, last) = (kind, word);
        (kind, word, remaining) = next_word(remaining);
        match previous {
            Word::Number => {
                while in_number(kind) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, remaining) = next_word(remaining);
                }
                if kind != Word::Invalid && joins(kind) {
                    out.push(connector);
                }
            }
            Word::Connector => push_lower(&mut out, previous, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if joins(kind) {
                    out.push(connector);
                }
            }
            _ if remaining.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, remaining) = next_word(remaining);
                if kind != Word::Alphabet {
                    push_lower(&mut out, Word::Number, number, connector);
                    if joins(kind) {
                        out.push(connector);
                    }
                    continue;
                }
                out.push(connector);
                push_lower(&mut out, Word::Number, number, connector);
                while in_number(kind) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, remaining) = next_word(remaining);
                }
                if kind != Word::Invalid && joins(kind) {
                    out.push(connector);
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out
}
