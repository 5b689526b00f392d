//! Schedules of CronJobs: five fields, or a name such as `@daily`.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};

use crate::limits::CRON_DAYS;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// When something is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// At the minutes that all fields name.
    Calendar(Box<Calendar>),
    /// `@every 90s`: so many seconds after the last time.
    Every(i64),
}

/// Sets of numbers as bits; which of the two day fields is `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calendar {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

impl Schedule {
    /// Reads a schedule; nothing if it is malformed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(every) = text.strip_prefix("@every ") {
            let seconds = stdx::duration::parse(every.trim()).ok()?.as_secs().max(1);
            return Some(Self::Every(i64::try_from(seconds).ok()?));
        }
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return None;
        };
        let star = |field: &str| field.starts_with(['*', '?']);
        Some(Self::Calendar(Box::new(Calendar {
            minutes: set(minutes, 0, 59, &[])?,
            hours: set(hours, 0, 23, &[])?,
            days: set(days, 1, 31, &[])?,
            months: set(months, 1, 12, &MONTHS)?,
            weekdays: set(weekdays, 0, 6, &DAYS)?,
            any_day: star(days),
            any_weekday: star(weekdays),
        })))
    }

    /// The first time after `time`.
    pub(crate) fn next(&self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Every(seconds) => {
                let start = Timestamp::from_second(time.as_second()).ok()?;
                start.checked_add(seconds.seconds()).ok()
            }
            Self::Calendar(calendar) => calendar.next(time, zone),
        }
    }
}

impl Calendar {
    fn next(&self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let start = zone.to_datetime(time);
        let mut date = start.date();
        for day in 0..CRON_DAYS {
            if self.names(date) {
                let after = (day == 0).then_some(start);
                if let Some(found) = self.in_day(date, after, time, zone) {
                    return Some(found);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn names(&self, date: Date) -> bool {
        let has = |set: u64, number: i8| set & (1 << number) != 0;
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        // Two restrictions widen each other.
        let fits = if self.any_day || self.any_weekday {
            day && weekday
        } else {
            day || weekday
        };
        has(self.months, date.month()) && fits
    }

    fn in_day(
        &self,
        date: Date,
        after: Option<DateTime>,
        time: Timestamp,
        zone: &TimeZone,
    ) -> Option<Timestamp> {
        for hour in 0..24_i8 {
            let passed = after.is_some_and(|after| hour < after.hour());
            if passed || self.hours & (1 << hour) == 0 {
                continue;
            }
            for minute in (0..60_i8).filter(|minute| self.minutes & (1 << minute) != 0) {
                let local = date.at(hour, minute, 0, 0);
                let found = zone.to_timestamp(local).ok()?;
                if found > time {
                    return Some(found);
                }
            }
        }
        None
    }
}

/// One field as bits: lists of numbers, names, ranges and steps.
fn set(field: &str, least: u32, most: u32, names: &[&str]) -> Option<u64> {
    let mut bits = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let number = |text: &str| -> Option<u32> {
            let lower = text.to_ascii_lowercase();
            match names.iter().position(|name| *name == lower) {
                Some(at) => u32::try_from(at).ok().map(|at| at + least),
                None => text.parse().ok(),
            }
        };
        let (first, last) = if matches!(range, "*" | "?") {
            (least, most)
        } else if let Some((first, last)) = range.split_once('-') {
            (number(first)?, number(last)?)
        } else {
            let first = number(range)?;
            (first, if part.contains('/') { most } else { first })
        };
        if first < least || last > most || first > last {
            return None;
        }
        for value in (first..=last).step_by(usize::try_from(step).ok()?) {
            bits |= 1_u64 << value;
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_name_their_next_time() {
        for (schedule, now, expected) in [
            ("* * * * *", "2024-01-01T00:00:30Z", "2024-01-01T00:01:00Z"),
            ("*/15 3 * * *", "2024-01-01T03:45:00Z", "2024-01-02T03:00:00Z"),
            ("0 0 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 12 13 * fri", "2024-09-12T13:00:00Z", "2024-09-13T12:00:00Z"),
            ("0 12 13 * fri", "2024-09-13T13:00:00Z", "2024-09-20T12:00:00Z"),
            ("@weekly", "2024-01-01T00:00:00Z", "2024-01-07T00:00:00Z"),
            (
                "5-7,9 0 * jan-mar ?",
                "2024-01-01T00:07:00Z",
                "2024-01-01T00:09:00Z",
            ),
            ("@every 90s", "2024-01-01T00:00:00Z", "2024-01-01T00:01:30Z"),
        ] {
            let next = Schedule::parse(schedule)
                .unwrap()
                .next(now.parse().unwrap(), &TimeZone::UTC);
            assert_eq!(next, Some(expected.parse().unwrap()), "{schedule}");
        }
        for wrong in ["", "* * * *", "60 * * * *", "5-1 * * * *", "*/0 * * * *"] {
            assert_eq!(Schedule::parse(wrong), None, "{wrong}");
        }
    }
}
