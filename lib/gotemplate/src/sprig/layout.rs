//! Times in Go's layouts, whose reference is the second of January 2006, 15:04:05.

mod parse;

pub(crate) use parse::parse;

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
