//! The printer of `sigs.k8s.io/yaml`: libyaml's choice of scalar styles, its line folding, its quoting.

use serde_json::{Map, Number, Value};

use crate::{
    Dialect, order,
    resolve::{self, Scalar},
};

/// The column after which a space may become a line break.
const WIDTH: usize = 80;
/// Spaces of one level.
const STEP: usize = 2;
/// A longer key is written with `?`.
const SIMPLE_KEY: usize = 128;

/// Prints one value as a whole document.
pub(crate) fn document(value: &Value) -> String {
    let mut emitter = Emitter {
        out: String::new(),
        column: 0,
        whitespace: true,
        indention: true,
    };
    emitter.node(value, None, false);
    emitter.indent(0);
    emitter.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// Which styles can hold a text.
struct Analysis {
    plain: bool,
    single: bool,
    block: bool,
    multiline: bool,
}

struct Emitter {
    out: String,
    column: usize,
    /// The last character was whitespace that separates.
    whitespace: bool,
    /// Nothing but indentation and indicators stand on this line.
    indention: bool,
}

impl Emitter {
    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    /// Goes to `indent` on this line if nothing stands there yet, else on the next.
    fn indent(&mut self, indent: usize) {
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(&mut self, text: &str, needs_space: bool, indention: bool) {
        if needs_space && !self.whitespace {
            self.put(' ');
        }
        for c in text.chars() {
            self.put(c);
        }
        self.whitespace = false;
        self.indention = self.indention && indention;
    }

    /// `indent` is the parent's column, absent at the top.
    fn node(&mut self, value: &Value, indent: Option<usize>, in_map: bool) {
        match value {
            Value::Object(map) if map.is_empty() => self.indicator("{}", true, false),
            Value::Object(map) => self.map(map, indent.map_or(0, |indent| indent + STEP)),
            Value::Array(items) if items.is_empty() => self.indicator("[]", true, false),
            Value::Array(items) => {
                let level = match indent {
                    None => 0,
                    Some(indent) if in_map && !self.indention => indent,
                    Some(indent) => indent + STEP,
                };
                for item in items {
                    self.indent(level);
                    self.indicator("-", true, true);
                    self.node(item, Some(level), false);
                }
            }
            Value::Null => self.indicator("null", true, false),
            Value::Bool(value) => self.indicator(if *value { "true" } else { "false" }, true, false),
            Value::Number(number) => self.indicator(&self::number(number), true, false),
            Value::String(text) => self.text(text, indent.map_or(STEP, |indent| indent + STEP), false),
        }
    }

    fn map(&mut self, map: &Map<String, Value>, level: usize) {
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_by(|(a, _), (b, _)| order::compare(a, b));
        for (key, value) in entries {
            self.indent(level);
            let simple = key.len() <= SIMPLE_KEY && !analyse(key).multiline;
            if simple {
                self.text(key, level + STEP, true);
                self.indicator(":", false, false);
            } else {
                self.indicator("?", true, true);
                self.text(key, level + STEP, false);
                self.indent(level);
                self.indicator(":", true, true);
            }
            self.node(value, Some(level), true);
        }
    }

    fn text(&mut self, text: &str, indent: usize, key: bool) {
        match style(text, key) {
            Style::Plain => self.plain(text, indent, key),
            Style::Single => self.single(text, indent, key),
            Style::Double => self.double(text, indent, key),
            Style::Literal => self.literal(text, indent),
        }
    }

    fn plain(&mut self, text: &str, indent: usize, key: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        let mut after_space = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' {
                let fold = !key && !after_space && self.column > WIDTH && chars.peek() != Some(&' ');
                self.space(fold, indent);
            } else {
                self.put(c);
                self.indention = false;
            }
            after_space = c == ' ';
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn space(&mut self, fold: bool, indent: usize) {
        if fold {
            self.indent(indent);
        } else {
            self.put(' ');
        }
    }

    fn single(&mut self, text: &str, indent: usize, key: bool) {
        self.indicator("'", true, false);
        let (mut after_space, mut after_break) = (false, false);
        let last = text.len().saturating_sub(1);
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, c)| *c);
            if c == ' ' {
                let inside = at > 0 && at < last && next != Some(' ');
                let fold = !key && !after_space && self.column > WIDTH && inside;
                self.space(fold, indent);
                (after_space, after_break) = (true, after_break);
            } else if is_break(c) {
                if !after_break && c == '\n' {
                    self.line_break();
                }
                self.break_char(c);
                self.indention = true;
                after_break = true;
            } else {
                if after_break {
                    self.indent(indent);
                }
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
                self.indention = false;
                (after_space, after_break) = (false, false);
            }
        }
        self.indicator("'", false, false);
    }

    fn break_char(&mut self, c: char) {
        if c == '\n' {
            self.line_break();
        } else {
            self.out.push(c);
            self.column = 0;
        }
    }

    fn double(&mut self, text: &str, indent: usize, key: bool) {
        self.indicator("\"", true, false);
        // QUIRK: a text that starts with a byte order mark is escaped to its last character.
        let all = text.starts_with('\u{feff}');
        let mut after_space = false;
        let last = text.len().saturating_sub(1);
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if all || !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
                self.escape(c);
                after_space = false;
            } else if c == ' ' {
                let fold = !key && !after_space && self.column > WIDTH && at > 0 && at < last;
                self.space(fold, indent);
                if fold && chars.peek().is_some_and(|(_, c)| *c == ' ') {
                    self.put('\\');
                }
                after_space = true;
            } else {
                self.put(c);
                after_space = false;
            }
        }
        self.indicator("\"", false, false);
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(c);
                let text = match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                text.chars().for_each(|c| self.put(c));
                return;
            }
        };
        self.put('\\');
        self.put(short);
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.indicator("|", true, false);
        if text.starts_with([' ', '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
            self.indicator(&STEP.to_string(), false, false);
        }
        let mut end = text.chars().rev();
        match (end.next().is_some_and(is_break), end.next()) {
            (false, _) => self.indicator("-", false, false),
            (true, before) if before.is_none_or(is_break) => self.indicator("+", false, false),
            _ => {}
        }
        self.line_break();
        self.indention = true;
        self.whitespace = true;
        let mut after_break = true;
        for c in text.chars() {
            if is_break(c) {
                self.break_char(c);
                self.indention = true;
                after_break = true;
            } else {
                if after_break {
                    self.indent(indent);
                }
                self.put(c);
                self.indention = false;
                after_break = false;
            }
        }
    }
}

fn style(text: &str, key: bool) -> Style {
    let analysis = analyse(text);
    let is_text = resolve::plain(text, Dialect::Kubernetes) == Scalar::Text && !resolve::is_base60(text);
    let wanted = if text.contains('\n') {
        Style::Literal
    } else if is_text {
        Style::Plain
    } else {
        Style::Double
    };
    if key && analysis.multiline {
        return Style::Double;
    }
    match wanted {
        Style::Plain if analysis.plain => Style::Plain,
        Style::Plain if analysis.single => Style::Single,
        Style::Literal if analysis.block && !key => Style::Literal,
        _ => Style::Double,
    }
}

fn analyse(text: &str) -> Analysis {
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let mut special = text.starts_with('\u{feff}');
    let (mut line_breaks, mut break_space, mut space_break) = (false, false, false);
    let (mut previous, mut preceded) = (None, true);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let followed = chars
            .peek()
            .is_none_or(|next| matches!(next, ' ' | '\t') || is_break(*next));
        indicators |= match (previous, c) {
            (
                None,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`',
            ) => true,
            (None, '?' | '-') | (_, ':') => followed,
            (_, '#') => preceded,
            _ => false,
        };
        special |= !is_printable(c);
        line_breaks |= is_break(c);
        break_space |= c == ' ' && previous.is_some_and(is_break);
        space_break |= is_break(c) && previous == Some(' ');
        preceded = matches!(c, ' ' | '\t') || is_break(c);
        previous = Some(c);
    }
    let edge = |c: char| c == ' ' || is_break(c);
    let edges = text.starts_with(edge) || text.ends_with(edge);
    let broken = space_break || special;
    Analysis {
        plain: !(edges || break_space || broken || line_breaks || indicators),
        single: !(break_space || broken),
        block: !(text.is_empty() || text.ends_with(' ') || broken),
        multiline: line_breaks,
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// QUIRK: what lies outside the basic plane counts as unprintable, so emojis are escaped.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// A number after a passage through JSON.
fn number(number: &Number) -> String {
    if let Some(integer) = number.as_i64() {
        return integer.to_string();
    }
    if let Some(integer) = number.as_u64() {
        return integer.to_string();
    }
    let value = number.as_f64().unwrap_or_default();
    if value.fract() == 0.0 && value.abs() < 1e21 {
        let digits = format!("{value}");
        if let Ok(integer) = digits.parse::<i64>() {
            return integer.to_string();
        }
        if digits.parse::<u64>().is_ok() {
            return digits;
        }
    }
    go_float(value)
}

/// Go's shortest `%g`.
fn go_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
