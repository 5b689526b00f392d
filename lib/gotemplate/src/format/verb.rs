//! `fmt.Sprintf`: flags, widths, precisions, argument indexes, and what it says about mistakes.

use stdx::quote::{quote, quote_char};

use crate::{float::format_float, limits::MAX_DEPTH, value::Value};

use super::{push, push_source};

/// Go refuses larger widths and precisions.
const MAX_NUMBER: i64 = 1_000_000;

#[derive(Clone, Copy, Default)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%#v`
    source: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

struct Printer<'a> {
    format: &'a [u8],
    at: usize,
    args: &'a [Value],
    arg: usize,
    reordered: bool,
    /// The index in brackets was good.
    good_index: bool,
    after_index: bool,
    out: Vec<u8>,
}

/// `fmt.Sprintf`.
pub(crate) fn sprintf(format: &[u8], args: &[Value]) -> Vec<u8> {
    let mut printer = Printer {
        format,
        at: 0,
        args,
        arg: 0,
        reordered: false,
        good_index: true,
        after_index: false,
        out: Vec::new(),
    };
    printer.run();
    printer.out
}

impl Printer<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn say(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn run(&mut self) {
        while let Some(byte) = self.peek() {
            self.at += 1;
            if byte == b'%' {
                self.good_index = true;
                self.directive();
            } else {
                self.out.push(byte);
            }
        }
        if !self.reordered && self.arg < self.args.len() {
            self.say("%!(EXTRA ");
            for index in self.arg..self.args.len() {
                if index > self.arg {
                    self.say(", ");
                }
                match &self.args[index] {
                    Value::Nil => self.say("<nil>"),
                    value => {
                        self.say(value.type_name());
                        self.say("=");
                        push(&mut self.out, value, 0);
                    }
                }
            }
            self.say(")");
        }
    }

    fn directive(&mut self) {
        let mut flags = Flags::default();
        self.after_index = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        self.index();
        self.width(&mut flags);
        self.precision(&mut flags);
        if !self.after_index {
            self.index();
        }
        let Some(verb) = self.verb() else {
            self.say("%!(NOVERB)");
            return;
        };
        match verb {
            '%' => self.out.push(b'%'),
            _ if !self.good_index => self.say(&format!("%!{verb}(BADINDEX)")),
            _ => match self.args.get(self.arg) {
                None => self.say(&format!("%!{verb}(MISSING)")),
                Some(value) => {
                    self.arg += 1;
                    if verb == 'v' {
                        flags.source = flags.sharp;
                        flags.sharp = false;
                        flags.plus = false;
                    }
                    print(&mut self.out, value, verb, flags, 0);
                }
            },
        }
    }

    fn verb(&mut self) -> Option<char> {
        let rest = self.format.get(self.at..).unwrap_or_default();
        let chunk = rest.utf8_chunks().next()?;
        match chunk.valid().chars().next() {
            Some(c) => {
                self.at += c.len_utf8();
                Some(c)
            }
            None => {
                self.at += 1;
                Some(char::REPLACEMENT_CHARACTER)
            }
        }
    }

    fn number(&mut self) -> Option<i64> {
        let start = self.at;
        let mut number = 0_i64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = (number * 10 + i64::from(digit - b'0')).min(MAX_NUMBER + 1);
            self.at += 1;
        }
        (self.at > start).then_some(number)
    }

    /// `[n]`
    fn index(&mut self) {
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            self.good_index = false;
            self.at += 1;
            return;
        };
        let number = std::str::from_utf8(&rest[1..end])
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse::<usize>().ok());
        self.at += end + 1;
        match number.and_then(|it| it.checked_sub(1)) {
            Some(index) if index < self.args.len() => {
                self.arg = index;
                self.after_index = true;
            }
            _ => self.good_index = false,
        }
    }

    fn star(&mut self) -> Option<i64> {
        let value = self.args.get(self.arg).and_then(Value::as_int);
        if self.arg < self.args.len() {
            self.arg += 1;
        }
        self.after_index = false;
        value.filter(|it| (-MAX_NUMBER..=MAX_NUMBER).contains(it))
    }

    fn width(&mut self, flags: &mut Flags) {
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.star() {
                None => self.say("%!(BADWIDTH)"),
                Some(width) => {
                    flags.minus |= width < 0;
                    flags.zero &= width >= 0;
                    flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
            }
            return;
        }
        if let Some(width) = self.number() {
            if self.after_index {
                self.good_index = false;
            }
            flags.width = usize::try_from(width).ok().filter(|_| width <= MAX_NUMBER);
        }
    }

    fn precision(&mut self, flags: &mut Flags) {
        if self.peek() != Some(b'.') {
            return;
        }
        self.at += 1;
        if self.after_index {
            self.good_index = false;
        }
        self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.star().map(usize::try_from) {
                Some(Ok(precision)) => flags.precision = Some(precision),
                Some(Err(_)) => {}
                None => self.say("%!(BADPREC)"),
            }
            return;
        }
        let precision = self.number().unwrap_or(0);
        flags.precision = usize::try_from(precision)
            .ok()
            .filter(|_| precision <= MAX_NUMBER);
    }
}

fn print(out: &mut Vec<u8>, value: &Value, verb: char, flags: Flags, depth: usize) {
    if depth > MAX_DEPTH {
        out.extend_from_slice(b"...");
        return;
    }
    match (verb, value) {
        ('w', Value::List(_) | Value::Map(_)) => bad(out, value, verb, flags),
        ('T', _) => pad(out, value.type_name().as_bytes(), flags),
        ('v', Value::Nil) if depth == 0 => pad(out, b"<nil>", flags),
        (_, Value::Nil) if depth > 0 => out.extend_from_slice(b"<nil>"),
        ('v', _) if flags.source => push_source(out, value, depth),
        ('t' | 'v', Value::Bool(it)) => pad(out, if *it { b"true" } else { b"false" }, flags),
        (_, Value::Int(it) | Value::Int64(it)) => integer(out, value, *it, verb, flags),
        (_, Value::Uint8(it)) => integer(out, value, i64::from(*it), verb, flags),
        (_, Value::Float(it)) => float(out, value, *it, verb, flags),
        (_, Value::Text(it)) => text(out, value, it, verb, flags),
        ('s' | 'x' | 'X' | 'q', Value::Bytes(it)) => text(out, value, it, verb, flags),
        (_, Value::List(_) | Value::Bytes(_)) => {
            out.push(b'[');
            for (index, item) in value.elements().unwrap_or_default().iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                print(out, item, verb, flags, depth + 1);
            }
            out.push(b']');
        }
        (_, Value::Map(map)) => {
            out.extend_from_slice(b"map[");
            for (index, (key, item)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                print(out, &Value::Text(key.clone()), verb, flags, depth + 1);
                out.push(b':');
                print(out, item, verb, flags, depth + 1);
            }
            out.push(b']');
        }
        ('v' | 's' | 'q' | 'x' | 'X', Value::Object(object)) if object.shown().is_some() => {
            let shown = object.shown().unwrap_or_default();
            text(out, value, shown.as_bytes(), verb, flags);
        }
        ('v' | 's', Value::Object(_)) => push(out, value, depth),
        _ => bad(out, value, verb, flags),
    }
}

/// `%!verb(type=value)`
fn bad(out: &mut Vec<u8>, value: &Value, verb: char, flags: Flags) {
    out.extend_from_slice(format!("%!{verb}(").as_bytes());
    if matches!(value, Value::Nil) {
        out.extend_from_slice(b"<nil>");
    } else {
        out.extend_from_slice(format!("{}=", value.type_name()).as_bytes());
        print(out, value, 'v', flags, 0);
    }
    out.push(b')');
}

/// Pads to the width, counted in characters.
fn pad(out: &mut Vec<u8>, bytes: &[u8], flags: Flags) {
    let length = String::from_utf8_lossy(bytes).chars().count();
    let missing = flags.width.unwrap_or(0).saturating_sub(length);
    let filler = if flags.zero && !flags.minus { b'0' } else { b' ' };
    let spaces = std::iter::repeat_n(filler, missing);
    if flags.minus {
        out.extend_from_slice(bytes);
        out.extend(spaces);
    } else {
        out.extend(spaces);
        out.extend_from_slice(bytes);
    }
}

fn text(out: &mut Vec<u8>, value: &Value, bytes: &[u8], verb: char, flags: Flags) {
    let cut = || match flags.precision {
        None => bytes.to_vec(),
        Some(precision) => String::from_utf8_lossy(bytes)
            .chars()
            .take(precision)
            .collect::<String>()
            .into_bytes(),
    };
    match verb {
        'v' | 's' => pad(out, &cut(), flags),
        'q' => {
            let cut = cut();
            let raw = flags.sharp
                && !cut
                    .iter()
                    .any(|byte| *byte == b'`' || (*byte < b' ' && *byte != b'\t'));
            let quoted = match std::str::from_utf8(&cut) {
                Ok(text) if raw => format!("`{text}`"),
                _ if flags.plus => ascii(&quote(&cut)),
                _ => quote(&cut),
            };
            pad(out, quoted.as_bytes(), flags);
        }
        'x' | 'X' => {
            let bytes = &bytes[..flags.precision.unwrap_or(bytes.len()).min(bytes.len())];
            let mut hex = String::new();
            for (index, byte) in bytes.iter().enumerate() {
                if flags.space && index > 0 {
                    hex.push(' ');
                }
                if flags.sharp && (flags.space || index == 0) {
                    hex.push_str(if verb == 'x' { "0x" } else { "0X" });
                }
                let pair = if verb == 'x' {
                    format!("{byte:02x}")
                } else {
                    format!("{byte:02X}")
                };
                hex.push_str(&pair);
            }
            pad(out, hex.as_bytes(), flags);
        }
        _ => bad(out, value, verb, flags),
    }
}

fn integer(out: &mut Vec<u8>, value: &Value, number: i64, verb: char, flags: Flags) {
    let magnitude = number.unsigned_abs();
    let (digits, prefix) = match verb {
        'd' | 'v' => (magnitude.to_string(), ""),
        'b' => (format!("{magnitude:b}"), "0b"),
        'o' => (format!("{magnitude:o}"), "0"),
        'O' => (format!("0o{magnitude:o}"), ""),
        'x' => (format!("{magnitude:x}"), "0x"),
        'X' => (format!("{magnitude:X}"), "0X"),
        'c' => return pad(out, character(number).to_string().as_bytes(), flags),
        'q' if flags.plus => return pad(out, ascii(&quote_char(character(number))).as_bytes(), flags),
        'q' => return pad(out, quote_char(character(number)).as_bytes(), flags),
        'U' => {
            let mut shown = format!("U+{number:04X}");
            let c = character(number);
            if flags.sharp && number >= 0 && stdx::quote::is_print(c) {
                shown.push_str(&format!(" '{c}'"));
            }
            return pad(out, shown.as_bytes(), Flags { zero: false, ..flags });
        }
        _ => return bad(out, value, verb, flags),
    };
    if flags.precision == Some(0) && number == 0 {
        return pad(out, b"", Flags { zero: false, ..flags });
    }
    let sign = match number {
        ..0 => "-",
        _ if flags.plus => "+",
        _ if flags.space => " ",
        _ => "",
    };
    let mut prefix = if flags.sharp { prefix } else { "" };
    let mut least = flags.precision.unwrap_or(0);
    if flags.zero && !flags.minus && flags.precision.is_none() {
        least = flags.width.unwrap_or(0).saturating_sub(sign.len());
    }
    let zeros = "0".repeat(least.saturating_sub(digits.len()));
    if prefix == "0" && (digits.starts_with('0') || !zeros.is_empty()) {
        prefix = "";
    }
    let whole = format!("{sign}{prefix}{zeros}{digits}");
    pad(out, whole.as_bytes(), Flags { zero: false, ..flags });
}

/// `%#g` and its kin: a decimal point always, and zeros at the end.
fn with_point(shown: &str, form: u8, precision: Option<usize>) -> String {
    let mut missing = match form {
        b'g' | b'G' | b'x' | b'X' => precision.unwrap_or(6),
        _ => 0,
    };
    let unsigned = shown.trim_start_matches('-');
    let end = if matches!(form, b'x' | b'X') {
        ['p', 'P']
    } else {
        ['e', 'E']
    };
    let (mut number, tail) = match unsigned.find(end) {
        Some(at) => (unsigned[..at].to_owned(), &unsigned[at..]),
        None => (unsigned.to_owned(), ""),
    };
    // QUIRK: the letter of a hexadecimal prefix counts as a digit.
    let significant = number
        .trim_start_matches(['0', '.'])
        .chars()
        .filter(|c| *c != '.')
        .count();
    missing = missing.saturating_sub(significant);
    if !number.contains('.') {
        if number == "0" {
            missing = missing.saturating_sub(1);
        }
        number.push('.');
    }
    number.push_str(&"0".repeat(missing));
    let sign = if shown.starts_with('-') { "-" } else { "" };
    format!("{sign}{number}{tail}")
}

/// Escapes what is not ASCII.
fn ascii(quoted: &str) -> String {
    let mut out = String::with_capacity(quoted.len());
    for c in quoted.chars() {
        let code = u32::from(c);
        match code {
            0..=0x7f => out.push(c),
            0x80..=0xffff => out.push_str(&format!("\\u{code:04x}")),
            _ => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}

fn character(number: i64) -> char {
    u32::try_from(number)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn float(out: &mut Vec<u8>, value: &Value, number: f64, verb: char, flags: Flags) {
    let (form, precision) = match verb {
        'v' => (b'g', flags.precision),
        'g' | 'G' => (if verb == 'g' { b'g' } else { b'G' }, flags.precision),
        'e' | 'E' => (
            if verb == 'e' { b'e' } else { b'E' },
            Some(flags.precision.unwrap_or(6)),
        ),
        'f' | 'F' => (b'f', Some(flags.precision.unwrap_or(6))),
        'x' | 'X' => (if verb == 'x' { b'x' } else { b'X' }, flags.precision),
        'b' => (b'b', None),
        _ => return bad(out, value, verb, flags),
    };
    let mut shown = format_float(number, form, precision);
    if flags.sharp && form != b'b' && number.is_finite() {
        shown = with_point(&shown, form, precision);
    }
    let (mut sign, digits) = match shown.as_bytes().first() {
        Some(b'-') => ("-", &shown[1..]),
        Some(b'+') => ("+", &shown[1..]),
        _ => ("+", shown.as_str()),
    };
    let finite = number.is_finite();
    if sign == "+" && !flags.plus {
        sign = if flags.space { " " } else { "" };
        // Without a flag, infinity keeps its sign.
        if number == f64::INFINITY && !flags.space {
            sign = "+";
        }
    }
    if flags.zero && !flags.minus && finite {
        let zeros = flags.width.unwrap_or(0).saturating_sub(sign.len() + digits.len());
        let whole = format!("{sign}{}{digits}", "0".repeat(zeros));
        out.extend_from_slice(whole.as_bytes());
        return;
    }
    let whole = format!("{sign}{digits}");
    pad(out, whole.as_bytes(), Flags { zero: false, ..flags });
}
