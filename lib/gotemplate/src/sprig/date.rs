//! Times and durations. The local zone is UTC.

use std::{any::Any as Anything, rc::Rc, time::Duration};

use crate::{
    error::Error,
    exec::Run,
    function::{
        Function,
        Type::{self, Any, Object as Of, Text},
    },
    number::parse_int,
    value::{Object, Value},
};

use super::{
    Result, Row, any,
    layout::{self, Moment},
    text,
};

const NAME: &str = "time.Time";

// DIFFERENCE: there is no database of time zones: every zone but UTC counts as UTC.
pub(crate) const TABLE: &[Row] = &[
    ("now", &[], false, |run, _| Ok(time(now(run)))),
    ("date", &[Text, Any], false, |run, args| {
        formatted(run, &text(args, 0), any(args, 1))
    }),
    ("dateInZone", &[Text, Any, Text], false, |run, args| {
        formatted(run, &text(args, 0), any(args, 1))
    }),
    ("date_in_zone", &[Text, Any, Text], false, |run, args| {
        formatted(run, &text(args, 0), any(args, 1))
    }),
    ("htmlDate", &[Any], false, |run, args| {
        formatted(run, "2006-01-02", any(args, 0))
    }),
    ("htmlDateInZone", &[Any, Text], false, |run, args| {
        formatted(run, "2006-01-02", any(args, 0))
    }),
    ("dateModify", &[Text, Of(NAME)], false, |_, args| {
        Ok(modify(args).unwrap_or_else(|_| any(args, 1).clone()))
    }),
    ("date_modify", &[Text, Of(NAME)], false, |_, args| {
        Ok(modify(args).unwrap_or_else(|_| any(args, 1).clone()))
    }),
    ("mustDateModify", &[Text, Of(NAME)], false, |_, args| modify(args)),
    ("must_date_modify", &[Text, Of(NAME)], false, |_, args| {
        modify(args)
    }),
    ("toDate", &[Text, Text], false, |_, args| {
        Ok(time(
            layout::parse(&text(args, 0), &text(args, 1)).unwrap_or(Moment::ZERO),
        ))
    }),
    ("mustToDate", &[Text, Text], false, |_, args| {
        layout::parse(&text(args, 0), &text(args, 1))
            .map(time)
            .map_err(Error::new)
    }),
    ("unixEpoch", &[Of(NAME)], false, |_, args| {
        Ok(moment(any(args, 0)).map_or(0, |it| it.seconds).to_string().into())
    }),
    ("ago", &[Any], false, |run, args| {
        let now = now(run);
        let then = match any(args, 0) {
            Value::Int(seconds) | Value::Int64(seconds) => Moment::at(*seconds, 0),
            other => moment(other).unwrap_or(now),
        };
        let nanos = nanos_between(now, then);
        let second = 1_000_000_000;
        let rounded = (nanos + second / 2 * nanos.signum()) / second * second;
        Ok(shown_duration(rounded).into())
    }),
    ("duration", &[Any], false, |_, args| {
        let seconds = match any(args, 0) {
            Value::Text(_) => parse_int(&text(args, 0), 10).unwrap_or_default(),
            Value::Int64(seconds) => *seconds,
            _ => 0,
        };
        Ok(shown_duration(seconds.wrapping_mul(1_000_000_000)).into())
    }),
    ("durationRound", &[Any], false, |run, args| {
        let now = now(run);
        let nanos = match any(args, 0) {
            Value::Text(_) => nanos_of(&text(args, 0)).unwrap_or_default(),
            Value::Int64(nanos) => *nanos,
            other => moment(other).map_or(0, |then| nanos_between(now, then)),
        };
        Ok(round_duration(nanos).into())
    }),
];

/// `time.Time`
struct Time(Moment);

impl Object for Time {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn method(&self, name: &str) -> Option<Function> {
        const FORMAT: &[Type] = &[Text];
        let moment = self.0;
        let date = moment.date();
        let value = match name {
            "Format" => {
                return Some(Function::method(FORMAT, move |_, args| {
                    Ok(layout::format(&text(args, 0), moment).into())
                }));
            }
            "Unix" => Value::Int64(moment.seconds),
            "UnixMilli" => {
                Value::Int64(moment.seconds.wrapping_mul(1000) + i64::from(moment.nanos) / 1_000_000)
            }
            "UnixNano" => Value::Int64(moment.seconds.wrapping_mul(1_000_000_000) + i64::from(moment.nanos)),
            "Year" => Value::Int(date.year),
            "Day" => Value::Int(date.day),
            "YearDay" => Value::Int(date.year_day),
            "Hour" => Value::Int(date.hour),
            "Minute" => Value::Int(date.minute),
            "Second" => Value::Int(date.second),
            "Nanosecond" => Value::Int(i64::from(moment.nanos)),
            "IsZero" => Value::Bool(moment.seconds == Moment::ZERO.seconds && moment.nanos == 0),
            "UTC" | "Local" => time(Moment { offset: 0, ..moment }),
            "String" => layout::format(layout::STRING, moment).into(),
            _ => return None,
        };
        Some(Function::getter(move || value.clone()))
    }

    fn shown(&self) -> Option<String> {
        Some(layout::format(layout::STRING, self.0))
    }

    fn json(&self) -> Option<Value> {
        Some(layout::format("2006-01-02T15:04:05.999999999Z07:00", self.0).into())
    }

    fn as_any(&self) -> &dyn Anything {
        self
    }
}

fn time(moment: Moment) -> Value {
    Value::Object(Rc::new(Time(moment)))
}

fn moment(value: &Value) -> Option<Moment> {
    match value {
        Value::Object(object) => object.as_any().downcast_ref::<Time>().map(|time| time.0),
        _ => None,
    }
}

fn now(run: &mut Run<'_>) -> Moment {
    let (seconds, nanos) = run.world.now();
    Moment::at(seconds, nanos)
}

/// QUIRK: what is no time is now.
fn formatted(run: &mut Run<'_>, form: &str, value: &Value) -> Result {
    let moment = match value {
        Value::Int(seconds) | Value::Int64(seconds) => Moment::at(*seconds, 0),
        other => match moment(other) {
            Some(moment) => moment,
            None => now(run),
        },
    };
    Ok(layout::format(form, Moment { offset: 0, ..moment }).into())
}

fn modify(args: &[Value]) -> Result {
    let nanos = nanos_of(&text(args, 0)).map_err(Error::new)?;
    let Some(then) = moment(any(args, 1)) else {
        return Err(super::nil_pointer());
    };
    let total = i64::from(then.nanos) + nanos.rem_euclid(1_000_000_000);
    let seconds = then.seconds + nanos.div_euclid(1_000_000_000) + total / 1_000_000_000;
    let nanos = u32::try_from(total % 1_000_000_000).unwrap_or_default();
    Ok(time(Moment {
        seconds,
        nanos,
        ..then
    }))
}

fn nanos_of(text: &str) -> std::result::Result<i64, String> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let parsed: std::result::Result<Duration, _> = stdx::duration::parse(unsigned);
    let duration =
        parsed.map_err(|_| format!("time: invalid duration {}", stdx::quote::quote(text.as_bytes())))?;
    let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    Ok(if negative { -nanos } else { nanos })
}

fn nanos_between(now: Moment, then: Moment) -> i64 {
    now.seconds
        .saturating_sub(then.seconds)
        .saturating_mul(1_000_000_000)
        .saturating_add(i64::from(now.nanos) - i64::from(then.nanos))
}

/// A duration as Go prints it.
fn shown_duration(nanos: i64) -> String {
    let shown = stdx::duration::format(Duration::from_nanos(nanos.unsigned_abs()));
    if nanos < 0 { format!("-{shown}") } else { shown }
}

fn round_duration(nanos: i64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let nanos = nanos.unsigned_abs();
    let units = [
        (365 * 24 * 3600 * SECOND, "y"),
        (30 * 24 * 3600 * SECOND, "mo"),
        (24 * 3600 * SECOND, "d"),
        (3600 * SECOND, "h"),
        (60 * SECOND, "m"),
        (SECOND, "s"),
    ];
    match units.iter().find(|(unit, _)| nanos > *unit) {
        Some((unit, name)) => format!("{}{name}", nanos / unit),
        None => "0s".to_owned(),
    }
}
