//! Text in quotes as Go's `%q` prints it.

use std::fmt;

pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\x07' => f.write_str("\\a")?,
                '\x08' => f.write_str("\\b")?,
                '\x0b' => f.write_str("\\v")?,
                '\x0c' => f.write_str("\\f")?,
                ' ' => f.write_str(" ")?,
                it if it.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(it))?,
                it if (it.is_control() || it.is_whitespace()) && u32::from(it) < 0x1_0000 => {
                    write!(f, "\\u{:04x}", u32::from(it))?;
                }
                it => write!(f, "{it}")?,
            }
        }
        f.write_str("\"")
    }
}
