//! Reading times.

use stdx::quote::quote;

use super::{DAYS, MONTHS, Moment, civil, days_before, fraction_length, next_part};

#[derive(Default)]
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    year_day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    afternoon: Option<bool>,
    offset: i64,
}

/// Reads a time.
pub(crate) fn parse(layout: &str, value: &str) -> Result<Moment, String> {
    let failed = |value_rest: &str, part: &str| {
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quote(value.as_bytes()),
            quote(layout.as_bytes()),
            quote(value_rest.as_bytes()),
            quote(part.as_bytes())
        )
    };
    let out_of_range = |what: &str| format!("parsing time {}: {what} out of range", quote(value.as_bytes()));
    let mut fields = Fields::default();
    let (mut form, mut rest) = (layout, value);
    loop {
        let next = next_part(form);
        let before = next.map_or(form, |(before, _, _)| before);
        rest = skip(rest, before).ok_or_else(|| failed(rest, before))?;
        let Some((_, part, after)) = next else { break };
        let hold = rest;
        rest = read(part, rest, &mut fields, after).map_err(|error| match error {
            Wrong::Form => failed(hold, part),
            Wrong::Range(what) => out_of_range(what),
        })?;
        form = after;
    }
    if !rest.is_empty() {
        return Err(format!(
            "parsing time {}: extra text: {}",
            quote(value.as_bytes()),
            quote(rest.as_bytes())
        ));
    }
    moment(&fields).map_err(out_of_range)
}

/// Skips literal text; a space of the layout stands for any number of them.
fn skip<'a>(value: &'a str, prefix: &str) -> Option<&'a str> {
    let mut rest = value;
    let mut prefix = prefix;
    while let Some(c) = prefix.chars().next() {
        if c == ' ' {
            if !rest.is_empty() && !rest.starts_with(' ') {
                return None;
            }
            prefix = prefix.trim_start_matches(' ');
            rest = rest.trim_start_matches(' ');
            continue;
        }
        rest = rest.strip_prefix(c)?;
        prefix = &prefix[c.len_utf8()..];
    }
    Some(rest)
}

enum Wrong {
    Form,
    Range(&'static str),
}

fn digits(value: &str, least: usize, most: usize) -> Result<(i64, &str), Wrong> {
    let count = value.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return Err(Wrong::Form);
    }
    Ok((value[..count].parse().unwrap_or_default(), &value[count..]))
}

fn word<'a>(value: &'a str, names: &[&str], length: Option<usize>) -> Result<(i64, &'a str), Wrong> {
    for (index, name) in names.iter().enumerate() {
        let name = &name[..length.unwrap_or(name.len())];
        if value
            .get(..name.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(name))
        {
            return Ok((i64::try_from(index).unwrap_or_default(), &value[name.len()..]));
        }
    }
    Err(Wrong::Form)
}

#[expect(clippy::too_many_lines, reason = "one arm for each part of a layout")]
fn read<'a>(part: &str, value: &'a str, fields: &mut Fields, after: &str) -> Result<&'a str, Wrong> {
    let within = |number: i64, low: i64, high: i64, what: &'static str| {
        if (low..=high).contains(&number) {
            Ok(number)
        } else {
            Err(Wrong::Range(what))
        }
    };
    let rest;
    match part {
        "2006" => (fields.year, rest) = digits(value, 4, 4)?,
        "06" => {
            let (year, tail) = digits(value, 2, 2)?;
            fields.year = if year >= 69 { year + 1900 } else { year + 2000 };
            rest = tail;
        }
        "January" | "Jan" => {
            let (month, tail) = word(value, &MONTHS, (part == "Jan").then_some(3))?;
            (fields.month, rest) = (month + 1, tail);
        }
        "Monday" | "Mon" => (_, rest) = word(value, &DAYS, (part == "Mon").then_some(3))?,
        "01" | "1" => {
            let (month, tail) = digits(value, part.len(), 2)?;
            (fields.month, rest) = (within(month, 1, 12, "month")?, tail);
        }
        "02" | "2" | "_2" => {
            let value = if part == "_2" {
                value.strip_prefix(' ').unwrap_or(value)
            } else {
                value
            };
            (fields.day, rest) = digits(value, if part == "02" { 2 } else { 1 }, 2)?;
            within(fields.day, 1, 31, "day")?;
        }
        "002" | "__2" => {
            (fields.year_day, rest) = digits(value.trim_start_matches(' '), 1, 3)?;
            within(fields.year_day, 1, 366, "day-of-year")?;
        }
        "15" | "03" | "3" => {
            let (hour, tail) = digits(value, if part == "03" { 2 } else { 1 }, 2)?;
            (fields.hour, rest) = (within(hour, 0, if part == "15" { 23 } else { 12 }, "hour")?, tail);
        }
        "04" | "4" => {
            let (minute, tail) = digits(value, part.len(), 2)?;
            (fields.minute, rest) = (within(minute, 0, 59, "minute")?, tail);
        }
        "05" | "5" => {
            let (second, tail) = digits(value, part.len(), 2)?;
            fields.second = within(second, 0, 59, "second")?;
            // A fraction may follow even if the layout has none.
            rest = if fraction_length(after).is_some() {
                tail
            } else {
                read_fraction(tail, fields).unwrap_or(tail)
            };
        }
        "PM" | "pm" => {
            let (index, tail) = word(value, &["AM", "PM"], None)?;
            (fields.afternoon, rest) = (Some(index == 1), tail);
        }
        "MST" => {
            let count = value.bytes().take_while(u8::is_ascii_uppercase).count();
            if !(3..=5).contains(&count) {
                return Err(Wrong::Form);
            }
            rest = &value[count..];
        }
        _ if part.starts_with('Z') && value.starts_with('Z') => rest = &value[1..],
        _ if part.starts_with(['Z', '-']) => rest = read_zone(part, value, fields)?,
        _ if part.ends_with('9') => rest = read_fraction(value, fields).unwrap_or(value),
        _ => {
            let length = part.len();
            let tail = value.get(..length).ok_or(Wrong::Form)?;
            if read_fraction(tail, fields) != Some("") {
                return Err(Wrong::Form);
            }
            rest = &value[length..];
        }
    }
    Ok(rest)
}

fn read_fraction<'a>(value: &'a str, fields: &mut Fields) -> Option<&'a str> {
    let tail = value.strip_prefix(['.', ','])?;
    let count = tail.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return None;
    }
    let digits: String = tail[..count].chars().chain("000000000".chars()).take(9).collect();
    fields.nanos = digits.parse().unwrap_or_default();
    Some(&tail[count..])
}

fn read_zone<'a>(part: &str, value: &'a str, fields: &mut Fields) -> Result<&'a str, Wrong> {
    let length = part.len();
    let text = value.get(..length).ok_or(Wrong::Form)?;
    let sign = match text.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(Wrong::Form),
    };
    if text.contains(':') != part.contains(':') {
        return Err(Wrong::Form);
    }
    let all: String = text[1..].chars().filter(|c| *c != ':').collect();
    if !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::Form);
    }
    let pair = |at: usize| {
        all.get(at..at + 2)
            .map_or(0, |it| it.parse::<i64>().unwrap_or_default())
    };
    fields.offset = sign * (pair(0) * 3600 + pair(2) * 60 + pair(4));
    Ok(&value[length..])
}

fn moment(fields: &Fields) -> Result<Moment, &'static str> {
    let hour = match fields.afternoon {
        Some(true) if fields.hour < 12 => fields.hour + 12,
        Some(false) if fields.hour == 12 => 0,
        _ => fields.hour,
    };
    let days = if fields.year_day > 0 {
        days_before(fields.year, 1, 1) + fields.year_day - 1
    } else {
        let (month, day) = (fields.month.max(1), fields.day.max(1));
        let days = days_before(fields.year, month, day);
        if civil(days) != (fields.year, month, day) {
            return Err("day");
        }
        days
    };
    let local = days * 86_400 + hour * 3600 + fields.minute * 60 + fields.second;
    Ok(Moment {
        seconds: local - fields.offset,
        nanos: fields.nanos,
        offset: fields.offset,
    })
}
