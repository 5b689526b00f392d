//! Letters to tokens.

use crate::issue::Issue;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Lexeme {
    Ident(String),
    Int(String),
    Uint(String),
    Float(String),
    String(String),
    Bytes(Vec<u8>),
    /// Operators, brackets, and the keywords `in`, `true`, `false`, `null`.
    Sign(&'static str),
    End,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) at: usize,
    pub(crate) lexeme: Lexeme,
    /// As written.
    pub(crate) text: String,
}

const SIGNS: [&str; 28] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":",
    "+", "*", "/", "%", "in", "true", "false", "null",
];

/// All tokens of an expression, the last an [`Lexeme::End`].
pub(crate) fn tokens(source: &str) -> (Vec<Token>, Vec<Issue>) {
    let mut lexer = Lexer {
        letters: source.chars().collect(),
        at: 0,
        issues: Vec::new(),
    };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next() {
        tokens.push(token);
    }
    tokens.push(Token {
        at: lexer.letters.len(),
        lexeme: Lexeme::End,
        text: "<EOF>".into(),
    });
    (tokens, lexer.issues)
}

struct Lexer {
    letters: Vec<char>,
    at: usize,
    issues: Vec<Issue>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).copied()
    }

    fn blank(&mut self) {
        loop {
            match self.peek(0) {
                Some(' ' | '\t' | '\r' | '\n' | '\u{c}') => self.at += 1,
                Some('/') if self.peek(1) == Some('/') => {
                    while self.peek(0).is_some_and(|letter| letter != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn next(&mut self) -> Option<Token> {
        loop {
            self.blank();
            let start = self.at;
            let letter = self.peek(0)?;
            let lexeme = match self.prefix() {
                Some((raw, bytes)) => self.string(start, raw, bytes),
                None if letter.is_ascii_digit()
                    || letter == '.' && self.peek(1).is_some_and(|next| next.is_ascii_digit()) =>
                {
                    Some(self.number())
                }
                None if letter.is_ascii_alphabetic() || letter == '_' => Some(self.word()),
                None => self.sign(),
            };
            let text: String = self.letters[start..self.at].iter().collect();
            match lexeme {
                Some(lexeme) => {
                    return Some(Token {
                        at: start,
                        lexeme,
                        text,
                    });
                }
                None if self.at == start => {
                    self.at += 1;
                    self.issue(
                        start,
                        format!("Syntax error: token recognition error at: '{letter}'"),
                    );
                }
                None => {}
            }
        }
    }

    fn issue(&mut self, at: usize, text: String) {
        self.issues.push(Issue { at, text });
    }

    fn sign(&mut self) -> Option<Lexeme> {
        let found = SIGNS.iter().find(|sign| {
            sign.chars()
                .enumerate()
                .all(|(ahead, letter)| self.peek(ahead) == Some(letter))
        })?;
        self.at += found.len();
        Some(Lexeme::Sign(found))
    }

    fn word(&mut self) -> Lexeme {
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        {
            self.at += 1;
        }
        let word: String = self.letters[start..self.at].iter().collect();
        match word.as_str() {
            "in" => Lexeme::Sign("in"),
            "true" => Lexeme::Sign("true"),
            "false" => Lexeme::Sign("false"),
            "null" => Lexeme::Sign("null"),
            _ => Lexeme::Ident(word),
        }
    }

    fn digits(&mut self, fits: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&fits) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Lexeme {
        let start = self.at;
        let taken = |lexer: &Self| lexer.letters[start..lexer.at].iter().collect::<String>();
        if self.peek(0) == Some('0') && matches!(self.peek(1), Some('x' | 'X')) {
            self.at += 2;
            self.digits(|letter| letter.is_ascii_hexdigit());
        } else {
            self.digits(|letter| letter.is_ascii_digit());
            let mut float = false;
            if self.peek(0) == Some('.') && self.peek(1).is_some_and(|next| next.is_ascii_digit()) {
                float = true;
                self.at += 1;
                self.digits(|letter| letter.is_ascii_digit());
            }
            if matches!(self.peek(0), Some('e' | 'E')) {
                let signed = usize::from(matches!(self.peek(1), Some('+' | '-')));
                if self.peek(1 + signed).is_some_and(|next| next.is_ascii_digit()) {
                    float = true;
                    self.at += 1 + signed;
                    self.digits(|letter| letter.is_ascii_digit());
                }
            }
            if float {
                return Lexeme::Float(taken(self));
            }
        }
        let text = taken(self);
        if matches!(self.peek(0), Some('u' | 'U')) {
            self.at += 1;
            return Lexeme::Uint(text);
        }
        Lexeme::Int(text)
    }

    /// Whether a string starts here, and which kind: raw, bytes. Moves to the quote.
    fn prefix(&mut self) -> Option<(bool, bool)> {
        let mut raw = false;
        let mut bytes = false;
        let mut ahead = 0;
        loop {
            match self.peek(ahead)? {
                'r' | 'R' if !raw => raw = true,
                'b' | 'B' if !bytes && !raw => bytes = true,
                '\'' | '"' => break,
                _ => return None,
            }
            ahead += 1;
        }
        self.at += ahead;
        Some((raw, bytes))
    }

    fn string(&mut self, start: usize, raw: bool, bytes: bool) -> Option<Lexeme> {
        let quote = self.peek(0)?;
        let long = self.peek(1) == Some(quote) && self.peek(2) == Some(quote);
        let width = if long { 3 } else { 1 };
        self.at += width;
        let from = self.at;
        loop {
            match self.peek(0) {
                Some('\\') if !raw => self.at += 2,
                Some(letter)
                    if letter == quote
                        && (!long || self.peek(1) == Some(quote) && self.peek(2) == Some(quote)) =>
                {
                    break;
                }
                Some('\n' | '\r') | None if !long => return self.unclosed(start),
                None => return self.unclosed(start),
                Some(_) => self.at += 1,
            }
        }
        let inner: Vec<char> = self.letters[from..self.at].to_vec();
        self.at += width;
        let unescaped = if raw {
            let text: String = inner.iter().collect();
            Ok((text.clone().into_bytes(), text))
        } else {
            unescape(&inner)
        };
        match unescaped {
            Ok((content, _)) if bytes => Some(Lexeme::Bytes(content)),
            Ok((_, content)) => Some(Lexeme::String(content)),
            Err(problem) => {
                self.issue(start, problem.to_owned());
                Some(Lexeme::String(String::new()))
            }
        }
    }

    fn unclosed(&mut self, start: usize) -> Option<Lexeme> {
        let end = self.at.min(self.letters.len());
        let text: String = self.letters[start..end].iter().collect();
        self.issue(
            start,
            format!("Syntax error: token recognition error at: '{text}'"),
        );
        self.at = end.max(start + 1);
        None
    }
}

/// The content of a literal, as bytes (where `\xff` is one byte) and as text (where it is a letter).
fn unescape(letters: &[char]) -> Result<(Vec<u8>, String), &'static str> {
    let mut bytes = Vec::new();
    let mut text = String::new();
    let mut rest = letters.iter().copied();
    while let Some(letter) = rest.next() {
        let mut push = |letter: char| {
            text.push(letter);
            bytes.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
        };
        if letter != '\\' {
            push(letter);
            continue;
        }
        let kind = rest.next().ok_or("unable to unescape string")?;
        let simple = match kind {
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            '\\' | '\'' | '"' | '`' | '?' => Some(kind),
            _ => None,
        };
        if let Some(simple) = simple {
            push(simple);
            continue;
        }
        let (first, count, radix) = match kind {
            'x' | 'X' => (None, 2, 16),
            'u' => (None, 4, 16),
            'U' => (None, 8, 16),
            '0'..='3' => (Some(kind), 2, 8),
            _ => return Err("unable to unescape string"),
        };
        let digits: String = first.into_iter().chain(rest.by_ref().take(count)).collect();
        let code = u32::from_str_radix(&digits, radix).map_err(|_| "unable to unescape string")?;
        let letter = char::from_u32(code).ok_or("unable to unescape string")?;
        if matches!(kind, 'x' | 'X' | '0'..='3') {
            text.push(letter);
            bytes.extend(u8::try_from(code).ok());
        } else {
            push(letter);
        }
    }
    Ok((bytes, text))
}
