//! Times in Go's layouts, whose reference is the second of January 2006, 15:04:05.

use stdx::quote::quote;

/// What `String` of a time prints.
pub(crate) const STRING: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// A point in time and the zone it is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since 1970.
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
    /// Seconds east of UTC.
    pub(crate) offset: i64,
}

/// A moment on the calendar.
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) weekday: i64,
    pub(crate) year_day: i64,
}

impl Moment {
    /// The first of January of year one, which is Go's zero time.
    pub(crate) const ZERO: Self = Self {
        seconds: -62_135_596_800,
        nanos: 0,
        offset: 0,
    };

    pub(crate) fn at(seconds: i64, nanos: u32) -> Self {
        Self {
            seconds,
            nanos,
            offset: 0,
        }
    }

    pub(crate) fn date(self) -> Date {
        let local = self.seconds.saturating_add(self.offset);
        let (days, rest) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        Date {
            year,
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: (days + 4).rem_euclid(7),
            year_day: days - days_before(year, 1, 1) + 1,
        }
    }
}

/// The date of a day counted from 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day counted from 1970 of a date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The parts of layouts, longer ones before those they start with.
const PARTS: &[&str] = &[
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "_2006",
    "-07:00:00",
    "-070000",
    "-07:00",
    "-0700",
    "-07",
    "Z07:00:00",
    "Z070000",
    "Z07:00",
    "Z0700",
    "Z07",
    "__2",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "PM",
    "pm",
    "_2",
    "1",
    "2",
    "3",
    "4",
    "5",
];

/// The next part of a layout: what stands before it, the part, what follows.
fn next_part(layout: &str) -> Option<(&str, &str, &str)> {
    for (at, _) in layout.char_indices() {
        let rest = &layout[at..];
        if let Some(length) = fraction_length(rest) {
            return Some((&layout[..at], &rest[..length], &rest[length..]));
        }
        let Some(part) = PARTS.iter().copied().find(|part| rest.starts_with(*part)) else {
            continue;
        };
        // `_2006` is an underscore and a year; `Jan` does not start a longer word, unless it is the month's.
        if part == "_2006" {
            return Some((&layout[..=at], "2006", &rest[5..]));
        }
        if part == "Jan" && rest[3..].starts_with(|c: char| c.is_ascii_lowercase()) {
            continue;
        }
        if part == "Mon" && rest[3..].starts_with(|c: char| c.is_ascii_lowercase()) {
            continue;
        }
        return Some((&layout[..at], part, &rest[part.len()..]));
    }
    None
}

/// `.000`, `,000`, `.999` or `,999` not followed by a digit.
fn fraction_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digit = *bytes.get(1).filter(|byte| matches!(byte, b'0' | b'9'))?;
    if !matches!(bytes.first(), Some(b'.' | b',')) {
        return None;
    }
    let count = bytes[1..].iter().take_while(|byte| **byte == digit).count();
    let followed = bytes.get(1 + count).is_some_and(u8::is_ascii_digit);
    (!followed).then_some(1 + count)
}

/// Formats a moment.
pub(crate) fn format(layout: &str, moment: Moment) -> String {
    let date = moment.date();
    let mut out = String::new();
    let mut rest = layout;
    while let Some((before, part, after)) = next_part(rest) {
        out.push_str(before);
        out.push_str(&shown(part, &date, moment));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn name(names: &[&'static str], index: i64) -> &'static str {
    usize::try_from(index)
        .ok()
        .and_then(|at| names.get(at).copied())
        .unwrap_or_default()
}

fn shown(part: &str, date: &Date, moment: Moment) -> String {
    let twelve = |hour: i64| if hour % 12 == 0 { 12 } else { hour % 12 };
    let two = |number: i64| format!("{number:02}");
    match part {
        "2006" => format!("{:04}", date.year),
        "06" => two(date.year.rem_euclid(100)),
        "January" => name(&MONTHS, date.month - 1).to_owned(),
        "Jan" => name(&MONTHS, date.month - 1)[..3].to_owned(),
        "01" => two(date.month),
        "1" => date.month.to_string(),
        "Monday" => name(&DAYS, date.weekday).to_owned(),
        "Mon" => name(&DAYS, date.weekday)[..3].to_owned(),
        "02" => two(date.day),
        "_2" => format!("{:2}", date.day),
        "2" => date.day.to_string(),
        "002" => format!("{:03}", date.year_day),
        "__2" => format!("{:3}", date.year_day),
        "15" => two(date.hour),
        "03" => two(twelve(date.hour)),
        "3" => twelve(date.hour).to_string(),
        "04" => two(date.minute),
        "4" => date.minute.to_string(),
        "05" => two(date.second),
        "5" => date.second.to_string(),
        "PM" => if date.hour >= 12 { "PM" } else { "AM" }.to_owned(),
        "pm" => if date.hour >= 12 { "pm" } else { "am" }.to_owned(),
        "MST" if moment.offset == 0 => "UTC".to_owned(),
        "MST" => zone("-0700", moment.offset),
        _ if part.starts_with('Z') && moment.offset == 0 => "Z".to_owned(),
        _ if part.starts_with(['Z', '-']) => zone(part, moment.offset),
        _ => fraction(part, moment.nanos),
    }
}

fn zone(part: &str, offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let all = offset.abs();
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    match &part[1..] {
        "07" => format!("{sign}{hours:02}"),
        "0700" => format!("{sign}{hours:02}{minutes:02}"),
        "07:00" => format!("{sign}{hours:02}:{minutes:02}"),
        "070000" => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

fn fraction(part: &str, nanos: u32) -> String {
    let digits = format!("{nanos:09}");
    let kept = digits.get(..(part.len() - 1).min(9)).unwrap_or(&digits);
    if part.ends_with('9') {
        let kept = kept.trim_end_matches('0');
        return if kept.is_empty() {
            String::new()
        } else {
            format!("{}{kept}", &part[..1])
        };
    }
    format!("{}{kept}", &part[..1])
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for layout in [
            "2006-01-02T15:04:05Z07:00",
            "Mon Jan _2 15:04:05 2006",
            "02 Jan 06 15:04 -0700",
            "Monday, 02-Jan-06 15:04:05 MST",
            "2006-01-02 15:04:05.000 03 PM",
        ] {
            let moment = Moment::at(1_583_333_445, 0);
            let shown = format(layout, moment);
            let back = parse(layout, &shown).unwrap();
            assert_eq!(format(layout, back), shown);
        }
        assert_eq!(format("2006-01-02 15:04:05", Moment::ZERO), "0001-01-01 00:00:00");
        assert!(
            parse("2006-01-02", "2021-02-30")
                .unwrap_err()
                .ends_with("day out of range")
        );
    }
}
