//! Go's syntax of regular expressions in that of the regex crate: the same engine family, other habits.

/// Translates a pattern, or says what Go says is wrong with it.
pub(crate) fn translate(pattern: &str) -> Result<String, String> {
    let mut reader = Reader {
        pattern,
        at: 0,
        out: String::new(),
        depth: 0,
    };
    reader.run()?;
    Ok(reader.out)
}

/// Go's limit of groups within groups.
const MAX_NESTING: usize = 1000;
/// Go's limit of a repetition.
const MAX_REPEAT: u32 = 1000;

struct Reader<'a> {
    pattern: &'a str,
    at: usize,
    out: String,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.pattern[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each character that means something"
    )]
    fn run(&mut self) -> Result<(), String> {
        // Whether something stands before that can be repeated, and whether it is a repetition.
        let mut repeatable = false;
        let mut last_repeat: Option<usize> = None;
        while let Some(c) = self.peek() {
            let start = self.at;
            let mut repeat = None;
            match c {
                '*' | '+' | '?' => {
                    self.bump();
                    repeat = Some(start);
                    self.out.push(c);
                }
                '{' => match self.counted()? {
                    Some(text) => {
                        repeat = Some(start);
                        self.out.push_str(&text);
                    }
                    None => {
                        self.bump();
                        self.out.push_str("\\{");
                        repeatable = true;
                    }
                },
                '(' => {
                    self.group()?;
                    repeatable = false;
                }
                ')' => {
                    if self.depth == 0 {
                        return Err(format!("unexpected ): `{}`", self.pattern));
                    }
                    self.depth -= 1;
                    self.bump();
                    self.out.push(')');
                    repeatable = true;
                }
                '|' => {
                    self.bump();
                    self.out.push('|');
                    repeatable = false;
                }
                '[' => {
                    self.class()?;
                    repeatable = true;
                }
                '\\' => {
                    self.escape()?;
                    repeatable = true;
                }
                _ => {
                    self.bump();
                    match c {
                        ']' | '}' | '&' | '~' | '-' | '#' => self.out.push('\\'),
                        _ => {}
                    }
                    self.out.push(c);
                    repeatable = true;
                }
            }
            let Some(start) = repeat else {
                last_repeat = None;
                continue;
            };
            if let Some(first) = last_repeat {
                return Err(format!(
                    "invalid nested repetition operator: `{}`",
                    &self.pattern[first..self.at]
                ));
            }
            if !repeatable {
                return Err(format!(
                    "missing argument to repetition operator: `{}`",
                    &self.pattern[start..self.at]
                ));
            }
            if self.peek() == Some('?') {
                self.bump();
                self.out.push('?');
            }
            last_repeat = Some(start);
        }
        if self.depth > 0 {
            return Err(format!("missing closing ): `{}`", self.pattern));
        }
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`; anything else is literal.
    fn counted(&mut self) -> Result<Option<String>, String> {
        let Some(end) = self.rest().find('}') else {
            return Ok(None);
        };
        let text = &self.rest()[..=end];
        let inner = &text[1..end];
        let (low, high) = inner.split_once(',').unwrap_or((inner, inner));
        let number = |text: &str| {
            let valid = !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_digit());
            let valid = valid && (text.len() == 1 || !text.starts_with('0'));
            text.parse::<u32>().ok().filter(|_| valid)
        };
        let Some(low) = number(low) else { return Ok(None) };
        let high = if high.is_empty() {
            None
        } else {
            match number(high) {
                Some(high) => Some(high),
                None => return Ok(None),
            }
        };
        if low > MAX_REPEAT || high.is_some_and(|high| high > MAX_REPEAT || high < low) {
            return Err(format!("invalid repeat count: `{text}`"));
        }
        self.at += text.len();
        Ok(Some(text.to_owned()))
    }

    fn group(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(format!("expression nests too deeply: `{}`", self.pattern));
        }
        let rest = self.rest();
        if !rest.starts_with("(?") {
            self.bump();
            self.out.push('(');
            return Ok(());
        }
        if rest.starts_with("(?P<") || rest.starts_with("(?<") {
            let Some(end) = rest.find('>') else {
                return Err(format!("invalid named capture: `{rest}`"));
            };
            let name = rest[..end].split_once('<').map_or("", |(_, name)| name);
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
            {
                return Err(format!("invalid named capture: `{}`", &rest[..=end]));
            }
            self.at += end + 1;
            self.out.push_str(&format!("(?P<{name}>"));
            return Ok(());
        }
        let flags = rest[2..]
            .find(|c: char| !matches!(c, 'i' | 'm' | 's' | 'U' | '-'))
            .unwrap_or(rest.len() - 2);
        let end = 2 + flags;
        match rest[end..].chars().next() {
            Some(closing @ (':' | ')')) if flags > 0 || closing == ':' => {
                self.at += end + 1;
                self.out.push_str(&rest[..=end]);
                if closing == ')' {
                    self.depth -= 1;
                }
                Ok(())
            }
            Some(c) => {
                let shown = &rest[..end + c.len_utf8()];
                Err(format!("invalid or unsupported Perl syntax: `{shown}`"))
            }
            None => Err(format!("invalid or unsupported Perl syntax: `{rest}`")),
        }
    }

    /// A backslash outside brackets.
    fn escape(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let mut chars = rest.chars();
        chars.next();
        let Some(c) = chars.next() else {
            return Err("trailing backslash at end of expression: ``".to_owned());
        };
        let simple = match c {
            'd' => "[0-9]",
            'D' => "[^0-9]",
            's' => "[\\t\\n\\f\\r ]",
            'S' => "[^\\t\\n\\f\\r ]",
            'w' => "[0-9A-Za-z_]",
            'W' => "[^0-9A-Za-z_]",
            'b' => "(?-u:\\b)",
            'B' => "(?-u:\\B)",
            'A' => "\\A",
            'z' => "\\z",
            'C' => "(?s-u:.)",
            'Q' => {
                let quoted = &rest[2..];
                let (literal, length) = match quoted.split_once("\\E") {
                    Some((literal, _)) => (literal, literal.len() + 4),
                    None => (quoted, rest.len()),
                };
                self.out.push_str(&regex::escape(literal));
                self.at += length;
                return Ok(());
            }
            'p' | 'P' => return self.property(),
            _ => {
                let code = self.character()?;
                self.out.push_str(&regex::escape(&code.to_string()));
                return Ok(());
            }
        };
        self.at += 1 + c.len_utf8();
        self.out.push_str(simple);
        Ok(())
    }

    fn property(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let length = if rest[2..].starts_with('{') {
            rest.find('}').map(|end| end + 1)
        } else {
            rest[2..].chars().next().map(|c| 2 + c.len_utf8())
        };
        let Some(length) = length else {
            return Err(format!("invalid character class range: `{rest}`"));
        };
        self.out.push_str(&rest[..length].replace("{^", "{"));
        if rest[..length].contains("{^") {
            return Err(format!("invalid character class range: `{}`", &rest[..length]));
        }
        self.at += length;
        Ok(())
    }

    /// A backslash that stands for one character.
    fn character(&mut self) -> Result<char, String> {
        let rest = self.rest();
        let mut chars = rest.chars();
        chars.next();
        let Some(c) = chars.next() else {
            return Err("trailing backslash at end of expression: ``".to_owned());
        };
        let bad = || Err(format!("invalid escape sequence: `\\{c}`"));
        let (code, length) = match c {
            'a' => (7, 2),
            'f' => (12, 2),
            'n' => (10, 2),
            'r' => (13, 2),
            't' => (9, 2),
            'v' => (11, 2),
            '1'..='7' if !rest[2..].starts_with(|c: char| ('0'..='7').contains(&c)) => return bad(),
            '0'..='7' => {
                let digits = rest[1..]
                    .chars()
                    .take(3)
                    .take_while(|c| ('0'..='7').contains(c))
                    .count();
                (
                    u32::from_str_radix(&rest[1..1 + digits], 8).unwrap_or_default(),
                    1 + digits,
                )
            }
            'x' => {
                let (digits, length) = match rest[2..].strip_prefix('{') {
                    Some(inner) => match inner.find('}') {
                        Some(end) => (&inner[..end], 4 + end),
                        None => return bad(),
                    },
                    None => match rest.get(2..4) {
                        Some(digits) => (digits, 4),
                        None => return Err(format!("invalid escape sequence: `{rest}`")),
                    },
                };
                match u32::from_str_radix(digits, 16) {
                    Ok(code) => (code, length),
                    Err(_) => return Err(format!("invalid escape sequence: `\\x{digits}`")),
                }
            }
            _ if c.is_ascii_alphanumeric() || !c.is_ascii() => return bad(),
            _ => (u32::from(c), 2),
        };
        self.at += length;
        char::from_u32(code).map_or_else(bad, Ok)
    }

    /// A class in brackets.
    fn class(&mut self) -> Result<(), String> {
        let start = self.at;
        let missing = |pattern: &str| Err(format!("missing closing ]: `{}`", &pattern[start..]));
        self.bump();
        self.out.push('[');
        if self.peek() == Some('^') {
            self.bump();
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let from = self.at;
            let rest = self.rest();
            match self.peek() {
                None => return missing(self.pattern),
                Some(']') if !first => break,
                Some('[') if rest.starts_with("[:") && rest.contains(":]") => {
                    let end = rest.find(":]").unwrap_or_default() + 2;
                    self.out.push_str(&rest[..end]);
                    self.at += end;
                    first = false;
                    continue;
                }
                Some('\\') if rest.starts_with("\\p") || rest.starts_with("\\P") => {
                    self.property()?;
                    first = false;
                    continue;
                }
                Some('\\') if rest.len() > 1 && "dDsSwW".contains(&rest[1..2]) => {
                    self.escape()?;
                    first = false;
                    continue;
                }
                Some(_) => {}
            }
            first = false;
            let low = self.class_character()?;
            let mut high = low;
            if self.rest().starts_with('-') && !self.rest().starts_with("-]") {
                self.bump();
                if self.peek().is_none() {
                    return missing(self.pattern);
                }
                high = self.class_character()?;
                if high < low {
                    return Err(format!(
                        "invalid character class range: `{}`",
                        &self.pattern[from..self.at]
                    ));
                }
            }
            push_member(&mut self.out, low);
            if high > low {
                self.out.push('-');
                push_member(&mut self.out, high);
            }
        }
        self.bump();
        self.out.push(']');
        Ok(())
    }

    fn class_character(&mut self) -> Result<char, String> {
        if self.peek() == Some('\\') {
            return self.character();
        }
        Ok(self.bump().unwrap_or_default())
    }
}

fn push_member(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{:02X}", u32::from(c)));
    }
}
