//! Schedules and time zones.

use super::{at::At, errors::Errors};

/// A field of a schedule: its least and greatest number, and names for its numbers.
struct Field(u32, u32, &'static [&'static str]);

const FIELDS: &[Field] = &[
    Field(0, 59, &[]),
    Field(0, 23, &[]),
    Field(1, 31, &[]),
    Field(
        1,
        12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    Field(0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// What the reader of schedules says of one that it cannot read.
pub(super) fn complaint(text: &str) -> Option<String> {
    let mut rest = text;
    if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
        let (zone, after) = text.split_once(' ').unwrap_or((text, ""));
        let name = zone.split_once('=').map(|(_, n)| n).unwrap_or_default();
        if !known_zone(name) {
            return Some(format!("provided bad location {name}: unknown time zone {name}"));
        }
        rest = after.trim();
    }
    if rest.starts_with('@') {
        return descriptor(rest);
    }
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Some(format!(
            "expected exactly 5 fields, found {}: [{}]",
            fields.len(),
            fields.join(" ")
        ));
    }
    fields.iter().zip(FIELDS).find_map(|(text, field)| {
        text.split(',')
            .filter(|part| !part.is_empty())
            .find_map(|part| range(part, field))
    })
}

fn descriptor(text: &str) -> Option<String> {
    match text {
        "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@midnight" | "@hourly" => None,
        _ => match text.strip_prefix("@every ") {
            Some(duration) if stdx::duration::parse(duration).is_ok() => None,
            Some(duration) => Some(format!(
                "failed to parse duration {text}: time: invalid duration \"{duration}\""
            )),
            None => Some(format!("unrecognized descriptor: {text}")),
        },
    }
}

fn range(part: &str, field: &Field) -> Option<String> {
    let steps: Vec<&str> = part.split('/').collect();
    let ends: Vec<&str> = steps[0].split('-').collect();
    let (mut start, mut end) = (field.0, field.1);
    if ends[0] != "*" && ends[0] != "?" {
        start = match number(ends[0], field) {
            Ok(n) => n,
            Err(text) => return Some(text),
        };
        end = match ends.as_slice() {
            [_] => start,
            [_, last] => match number(last, field) {
                Ok(n) => n,
                Err(text) => return Some(text),
            },
            _ => return Some(format!("too many hyphens: {part}")),
        };
    }
    match steps.as_slice() {
        [_] => {}
        [_, step] => {
            match step.parse::<u32>() {
                Ok(0) => return Some(format!("step of range should be a positive number: {part}")),
                Ok(_) => {}
                Err(_) => return Some(not_a_number(step)),
            }
            if ends.len() == 1 && ends[0] != "*" && ends[0] != "?" {
                end = field.1;
            }
        }
        _ => return Some(format!("too many slashes: {part}")),
    }
    if start < field.0 {
        return Some(format!(
            "beginning of range ({start}) below minimum ({}): {part}",
            field.0
        ));
    }
    if end > field.1 {
        return Some(format!(
            "end of range ({end}) above maximum ({}): {part}",
            field.1
        ));
    }
    if start > end {
        return Some(format!(
            "beginning of range ({start}) beyond end of range ({end}): {part}"
        ));
    }
    None
}

fn number(text: &str, field: &Field) -> Result<u32, String> {
    if let Some(i) = field.2.iter().position(|n| n.eq_ignore_ascii_case(text)) {
        return Ok(field.0 + u32::try_from(i).unwrap_or_default());
    }
    if let Ok(n) = text.parse::<i64>()
        && n < 0
    {
        return Err(format!("negative number ({n}) not allowed: {text}"));
    }
    text.parse().map_err(|_| not_a_number(text))
}

fn not_a_number(text: &str) -> String {
    format!("failed to parse int from {text}: strconv.Atoi: parsing \"{text}\": invalid syntax")
}

/// The name of a time zone, if one is given.
pub(super) fn time_zone(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    if at.is_empty() {
        return errors.invalid(at, "timeZone must be nil or non-empty string");
    }
    if at.text().eq_ignore_ascii_case("Local") {
        let text = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.invalid(at, text);
    }
    if !known_zone(at.text()) {
        errors.invalid(at, &format!("unknown time zone {}", at.text()));
    }
}

/// DIFFERENCE: only the area of a zone is looked at, as there is no table of zones.
fn known_zone(name: &str) -> bool {
    const AREAS: &[&str] = &[
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Brazil",
        "Canada",
        "Chile",
        "Etc",
        "Europe",
        "Indian",
        "Mexico",
        "Pacific",
        "US",
    ];
    const PLAIN: &[&str] = &[
        "UTC",
        "GMT",
        "UCT",
        "Zulu",
        "Universal",
        "Local",
        "CET",
        "EET",
        "EST",
        "HST",
        "MET",
        "MST",
        "WET",
        "Cuba",
        "Egypt",
        "Eire",
        "GB",
        "Hongkong",
        "Iceland",
        "Iran",
        "Israel",
        "Jamaica",
        "Japan",
        "Libya",
        "NZ",
        "Poland",
        "Portugal",
        "PRC",
        "ROC",
        "ROK",
        "Singapore",
        "Turkey",
        "CST6CDT",
        "EST5EDT",
        "MST7MDT",
        "PST8PDT",
    ];
    match name.split_once('/') {
        Some((area, place)) => {
            AREAS.contains(&area)
                && place.starts_with(|c: char| c.is_ascii_uppercase())
                && place
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "/_+-".contains(c))
        }
        None => PLAIN.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn schedules() {
        for good in [
            "*/5 * * * *",
            "0 0 1 jan sun",
            "@daily",
            "1-5,7 */2 1 * 1-5",
            "TZ=UTC * * * * *",
            "5/15 * * * *",
        ] {
            assert_eq!(complaint(good), None, "{good}");
        }
        let found = complaint("nope").unwrap_or_default();
        assert_eq!(found, "expected exactly 5 fields, found 1: [nope]");
        let found = complaint("61 * * * *").unwrap_or_default();
        assert_eq!(found, "end of range (61) above maximum (59): 61");
    }
}
