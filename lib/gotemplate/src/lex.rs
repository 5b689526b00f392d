//! The tokens of a template, with their positions.

mod token;

use std::borrow::Cow;

use stdx::quote::{is_print, quote, quote_char};

pub(crate) use token::{Kind, Token};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const LEFT_COMMENT: &str = "/*";
const RIGHT_COMMENT: &str = "*/";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];
/// A trim marker and the space beside it.
const MARKER: usize = 2;

pub(crate) struct Lexer<'a> {
    input: &'a str,
    pos: usize,
    start: usize,
    at_end: bool,
    parens: usize,
    line: usize,
    start_line: usize,
    inside: bool,
}

fn is_space(c: char) -> bool {
    SPACES.contains(&c)
}

pub(crate) fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(input: &'a str) -> Self {
        Self {
            input,
            pos: 0,
            start: 0,
            at_end: false,
            parens: 0,
            line: 1,
            start_line: 1,
            inside: false,
        }
    }

    fn rest(&self) -> &'a str {
        self.input.get(self.pos..).unwrap_or_default()
    }

    fn pending(&self) -> &'a str {
        self.input.get(self.start..self.pos).unwrap_or_default()
    }

    fn next(&mut self) -> Option<char> {
        let Some(c) = self.rest().chars().next() else {
            self.at_end = true;
            return None;
        };
        self.pos += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn backup(&mut self) {
        if self.at_end {
            return;
        }
        if let Some(c) = self.input[..self.pos].chars().next_back() {
            self.pos -= c.len_utf8();
            if c == '\n' {
                self.line -= 1;
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, kind: Kind) -> Token<'a> {
        let token = Token {
            kind,
            pos: self.start,
            text: Cow::Borrowed(self.pending()),
            line: self.start_line,
        };
        self.start = self.pos;
        self.start_line = self.line;
        token
    }

    fn ignore(&mut self) {
        self.line += self.pending().matches('\n').count();
        self.start = self.pos;
        self.start_line = self.line;
    }

    fn accept(&mut self, valid: &str) -> bool {
        match self.next() {
            Some(c) if valid.contains(c) => true,
            _ => {
                self.backup();
                false
            }
        }
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    /// After an error there is nothing more to read.
    fn error(&mut self, text: impl Into<String>) -> Token<'a> {
        let token = Token {
            kind: Kind::Error,
            pos: self.start,
            text: Cow::Owned(text.into()),
            line: self.start_line,
        };
        self.input = "";
        self.pos = 0;
        self.start = 0;
        token
    }

    pub(crate) fn token(&mut self, has_function: &dyn Fn(&str) -> bool) -> Token<'a> {
        if self.inside {
            return self.inside_action(has_function);
        }
        // A comment between two texts yields no token.
        loop {
            if let Some(token) = self.text() {
                return token;
            }
        }
    }

    fn text(&mut self) -> Option<Token<'a>> {
        let Some(at) = self.rest().find(LEFT) else {
            self.pos = self.input.len();
            if self.pos > self.start {
                self.line += self.pending().matches('\n').count();
                return Some(self.take(Kind::Text));
            }
            return Some(self.take(Kind::Eof));
        };
        if at > 0 {
            self.pos += at;
            let after = &self.input[self.pos + LEFT.len()..];
            let trimmed = if has_left_marker(after) {
                let text = self.pending();
                text.len() - text.trim_end_matches(SPACES).len()
            } else {
                0
            };
            self.pos -= trimmed;
            self.line += self.pending().matches('\n').count();
            let token = self.take(Kind::Text);
            self.pos += trimmed;
            self.ignore();
            if !token.text.is_empty() {
                return Some(token);
            }
        }
        self.left_delim()
    }

    fn left_delim(&mut self) -> Option<Token<'a>> {
        self.pos += LEFT.len();
        let marker = if has_left_marker(self.rest()) { MARKER } else { 0 };
        if self.input[self.pos + marker..].starts_with(LEFT_COMMENT) {
            self.pos += marker;
            self.ignore();
            return self.comment();
        }
        let token = self.take(Kind::LeftDelim);
        self.inside = true;
        self.pos += marker;
        self.ignore();
        self.parens = 0;
        Some(token)
    }

    fn comment(&mut self) -> Option<Token<'a>> {
        self.pos += LEFT_COMMENT.len();
        let Some(end) = self.rest().find(RIGHT_COMMENT) else {
            return Some(self.error("unclosed comment"));
        };
        self.pos += end + RIGHT_COMMENT.len();
        let Some(trim) = self.at_right_delim() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.line += self.pending().matches('\n').count();
        self.start = self.pos;
        self.start_line = self.line;
        self.pos += RIGHT.len();
        if trim {
            self.pos += MARKER;
            self.skip_spaces();
        }
        self.ignore();
        None
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.pos += rest.len() - rest.trim_start_matches(SPACES).len();
    }

    /// Whether a right delimiter follows, and whether with a trim marker.
    fn at_right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_marker(rest) && rest[MARKER..].starts_with(RIGHT) {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn right_delim(&mut self) -> Token<'a> {
        let trim = self.at_right_delim() == Some(true);
        if trim {
            self.pos += MARKER;
            self.ignore();
        }
        self.pos += RIGHT.len();
        let token = self.take(Kind::RightDelim);
        if trim {
            self.skip_spaces();
            self.ignore();
        }
        self.inside = false;
        token
    }

    fn inside_action(&mut self, has_function: &dyn Fn(&str) -> bool) -> Token<'a> {
        if self.at_right_delim().is_some() {
            if self.parens == 0 {
                return self.right_delim();
            }
            return self.error("unclosed left paren");
        }
        let Some(c) = self.next() else {
            return self.error("unclosed action");
        };
        match c {
            _ if is_space(c) => {
                self.backup();
                self.space()
            }
            '=' => self.take(Kind::Assign),
            ':' if self.next() == Some('=') => self.take(Kind::Declare),
            ':' => self.error("expected :="),
            '|' => self.take(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string"),
            '`' => self.raw(),
            '$' => self.field_or_variable(Kind::Variable),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '.' if !self.peek().is_none_or(|c| c.is_ascii_digit()) => self.field_or_variable(Kind::Field),
            '.' | '+' | '-' | '0'..='9' => {
                self.backup();
                self.number()
            }
            _ if is_word(c) => {
                self.backup();
                self.identifier(has_function)
            }
            '(' => {
                self.parens += 1;
                self.take(Kind::LeftParen)
            }
            ')' if self.parens == 0 => self.error("unexpected right paren"),
            ')' => {
                self.parens -= 1;
                self.take(Kind::RightParen)
            }
            _ if c.is_ascii() && is_print(c) => self.take(Kind::Char),
            _ => self.error(format!(
                "unrecognized character in action: {}",
                code_point(Some(c))
            )),
        }
    }

    fn space(&mut self) -> Token<'a> {
        let mut count = 0;
        while self.peek().is_some_and(is_space) {
            self.next();
            count += 1;
        }
        // The last space may belong to a trim marker.
        let last = self.input.get(self.pos.saturating_sub(1)..).unwrap_or_default();
        if has_right_marker(last) && last[MARKER..].starts_with(RIGHT) {
            self.backup();
            if count == 1 {
                return self.right_delim();
            }
        }
        self.take(Kind::Space)
    }

    fn identifier(&mut self, has_function: &dyn Fn(&str) -> bool) -> Token<'a> {
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        if !self.at_terminator() {
            return self.error(format!("bad character {}", code_point(self.peek())));
        }
        let word = self.pending();
        match Kind::keyword(word) {
            Some(Kind::Break | Kind::Continue) if has_function(word) => self.take(Kind::Identifier),
            Some(kind) => self.take(kind),
            None if matches!(word, "true" | "false") => self.take(Kind::Bool),
            None => self.take(Kind::Identifier),
        }
    }

    fn field_or_variable(&mut self, kind: Kind) -> Token<'a> {
        if self.at_terminator() {
            return self.take(if kind == Kind::Field { Kind::Dot } else { kind });
        }
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        if !self.at_terminator() {
            return self.error(format!("bad character {}", code_point(self.peek())));
        }
        self.take(kind)
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(c) => is_space(c) || self.rest().starts_with(RIGHT),
        }
    }

    fn quoted(&mut self, delimiter: char, kind: Kind, unterminated: &str) -> Token<'a> {
        loop {
            match self.next() {
                Some('\\') => match self.next() {
                    None | Some('\n') => return self.error(unterminated),
                    Some(_) => {}
                },
                None | Some('\n') => return self.error(unterminated),
                Some(c) if c == delimiter => return self.take(kind),
                Some(_) => {}
            }
        }
    }

    fn raw(&mut self) -> Token<'a> {
        loop {
            match self.next() {
                None => return self.error("unterminated raw quoted string"),
                Some('`') => return self.take(Kind::RawString),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Token<'a> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || !self.pending().ends_with('i') {
                return self.bad_number();
            }
            return self.take(Kind::Complex);
        }
        self.take(Kind::Number)
    }

    fn bad_number(&mut self) -> Token<'a> {
        let text = quote(self.pending().as_bytes());
        self.error(format!("bad number syntax: {text}"))
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if !exponent.is_empty() && self.accept(exponent) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_word) {
            self.next();
            return false;
        }
        true
    }
}

fn has_left_marker(text: &str) -> bool {
    matches!(text.as_bytes(), [b'-', b' ' | b'\t' | b'\r' | b'\n', ..])
}

fn has_right_marker(text: &str) -> bool {
    matches!(text.as_bytes(), [b' ' | b'\t' | b'\r' | b'\n', b'-', ..])
}

/// Go's `%#U`.
fn code_point(c: Option<char>) -> String {
    match c {
        // Past the end Go has -1, which is no character.
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
        Some(c) if is_print(c) => {
            let quoted = quote_char(c);
            let shown = if quoted.contains('\\') {
                format!("'{c}'")
            } else {
                quoted
            };
            format!("U+{:04X} {shown}", u32::from(c))
        }
        Some(c) => format!("U+{:04X}", u32::from(c)),
    }
}
