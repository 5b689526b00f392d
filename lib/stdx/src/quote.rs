//! Text in double quotes as Go's `%q` prints it.

use std::fmt::Write as _;

/// Quotes bytes that need not be UTF-8.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_escaped(&mut out, character, '"');
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

/// A character in single quotes.
pub fn quote_char(character: char) -> String {
    let mut out = String::from("'");
    push_escaped(&mut out, character, '\'');
    out.push('\'');
    out
}

fn push_escaped(out: &mut String, character: char, delimiter: char) {
    match character {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0b' => out.push_str("\\v"),
        '\x0c' => out.push_str("\\f"),
        it if it == delimiter => {
            out.push('\\');
            out.push(it);
        }
        it if is_print(it) => out.push(it),
        it => {
            let code = u32::from(it);
            let _ = match code {
                0..=0x7f => write!(out, "\\x{code:02x}"),
                0x80..=0xffff => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
        }
    }
}

/// Whether Go prints the character as it is: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_print(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    // After a letter, so that a combining mark is not escaped for standing first.
    let mut text = String::from("a");
    text.push(character);
    text.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_go_escapes() {
        assert_eq!(quote(b"a\"\\\n\x01\xff"), r#""a\"\\\n\x01\xff""#);
        let text = "h\u{e9} \u{a0}\u{301}\u{200b}\u{1f600}\u{7f}";
        assert_eq!(
            quote(text.as_bytes()),
            "\"h\u{e9} \\u00a0\u{301}\\u200b\u{1f600}\\x7f\""
        );
        assert_eq!(quote_char('\''), r"'\''");
    }
}
