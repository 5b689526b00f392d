//! A JSON reader with the complaints of Go's.

use super::{Document, SyntaxError};
use crate::limits;

/// A list or map that is being read.
enum Open {
    List(Vec<Document>),
    Map(Vec<(String, Document)>, String),
}

/// Reads a text.
pub(super) fn parse(bytes: &[u8]) -> Result<Document, SyntaxError> {
    Parser { bytes, at: 0 }.document()
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn end<T>(&self) -> Result<T, SyntaxError> {
        Err(SyntaxError("unexpected end of JSON input".to_owned()))
    }

    fn unexpected<T>(&self, context: &str) -> Result<T, SyntaxError> {
        match self.bytes.get(self.at) {
            Some(&byte) => Err(SyntaxError(format!(
                "invalid character {} {context}",
                crate::gotext::quote_byte(byte)
            ))),
            None => self.end(),
        }
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.space();
        self.bytes.get(self.at).copied()
    }

    /// Without recursion, so that depth costs no stack.
    fn document(mut self) -> Result<Document, SyntaxError> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut done = match self.peek() {
                Some(b'[') => {
                    self.at += 1;
                    if self.peek() == Some(b']') {
                        self.at += 1;
                        Document::List(Vec::new())
                    } else {
                        self.push(&mut open, Open::List(Vec::new()))?;
                        continue;
                    }
                }
                Some(b'{') => {
                    self.at += 1;
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                        Document::Map(Vec::new())
                    } else {
                        let name = self.name()?;
                        self.push(&mut open, Open::Map(Vec::new(), name))?;
                        continue;
                    }
                }
                _ => self.leaf()?,
            };
            // Close whatever ends here.
            loop {
                match open.pop() {
                    None => {
                        return match self.peek() {
                            None => Ok(done),
                            Some(_) => self.unexpected("after top-level value"),
                        };
                    }
                    Some(Open::List(mut items)) => {
                        items.push(done);
                        match self.peek() {
                            Some(b',') => {
                                self.at += 1;
                                open.push(Open::List(items));
                                break;
                            }
                            Some(b']') => {
                                self.at += 1;
                                done = Document::List(items);
                            }
                            _ => return self.unexpected("after array element"),
                        }
                    }
                    Some(Open::Map(mut members, name)) => {
                        members.push((name, done));
                        match self.peek() {
                            Some(b',') => {
                                self.at += 1;
                                let name = self.name()?;
                                open.push(Open::Map(members, name));
                                break;
                            }
                            Some(b'}') => {
                                self.at += 1;
                                done = Document::Map(members);
                            }
                            _ => return self.unexpected("after object key:value pair"),
                        }
                    }
                }
            }
        }
    }

    fn push(&self, open: &mut Vec<Open>, container: Open) -> Result<(), SyntaxError> {
        if open.len() >= limits::DEPTH {
            return Err(SyntaxError("exceeded max depth".to_owned()));
        }
        open.push(container);
        Ok(())
    }

    fn name(&mut self) -> Result<String, SyntaxError> {
        if self.peek() != Some(b'"') {
            return self.unexpected("looking for beginning of object key string");
        }
        let name = self.string()?;
        if self.peek() != Some(b':') {
            return self.unexpected("after object key");
        }
        self.at += 1;
        Ok(name)
    }

    fn leaf(&mut self) -> Result<Document, SyntaxError> {
        match self.peek() {
            Some(b'"') => Ok(Document::String(self.string()?)),
            Some(b't') => self.literal("true").map(|()| Document::Bool(true)),
            Some(b'f') => self.literal("false").map(|()| Document::Bool(false)),
            Some(b'n') => self.literal("null").map(|()| Document::Null),
            Some(b'-' | b'0'..=b'9') => self.number().map(Document::Number),
            _ => self.unexpected("looking for beginning of value"),
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), SyntaxError> {
        for expected in word.chars() {
            if self.bytes.get(self.at).copied().map(char::from) != Some(expected) {
                return self.unexpected(&format!("in literal {word} (expecting '{expected}')"));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn digits(&mut self, context: &str) -> Result<(), SyntaxError> {
        if !matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            return self.unexpected(context);
        }
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned())
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        self.at += 1;
        let mut raw = Vec::new();
        loop {
            match self.bytes.get(self.at) {
                None => return self.end(),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(String::from_utf8_lossy(&raw).into_owned());
                }
                Some(b'\\') => {
                    self.at += 1;
                    let character = self.escape()?;
                    raw.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(0..0x20) => return self.unexpected("in string literal"),
                Some(&byte) => {
                    raw.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let character = match self.bytes.get(self.at) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return self.unexpected("in string escape code"),
        };
        self.at += 1;
        Ok(character)
    }

    fn hex(&mut self) -> Result<u32, SyntaxError> {
        let mut unit = 0;
        for _ in 0..4 {
            match self
                .bytes
                .get(self.at)
                .and_then(|&byte| char::from(byte).to_digit(16))
            {
                Some(digit) => unit = unit * 16 + digit,
                None => return self.unexpected("in \\u hexadecimal character escape"),
            }
            self.at += 1;
        }
        Ok(unit)
    }

    /// A half of a pair without the other half becomes the replacement character.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let first = self.hex()?;
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}
