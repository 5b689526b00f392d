//! Lines of the log, with the members that upstream's have: level, ts, msg, and the event's own.

use std::{fmt, io};

use edges::Clock;
use extension::{Log, LogEncoding, LogLevel};
use serde_json::{Map, Value, json};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Begins to log to standard error; `filter` goes before the flag's level.
pub(crate) fn begin(log: Log, filter: Option<&String>) {
    let filter = filter.map_or_else(|| level(log.level).to_owned(), Clone::clone);
    tracing_subscriber::fmt()
        .event_format(Lines(log.encoding))
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .init();
}

/// What is an error for upstream is a warning here while something is tried again.
fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Error => "warn",
    }
}

struct Lines(LogEncoding);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut members = Members::default();
        event.record(&mut members);
        let now = Clock::system().now();
        writeln!(
            writer,
            "{}",
            line(self.0, *event.metadata().level(), now, members)
        )
    }
}

fn line(encoding: LogEncoding, level: Level, now: jiff::Timestamp, members: Members) -> String {
    let word = match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN | Level::ERROR => "error",
    };
    let now = format!("{now:.3}");
    match encoding {
        LogEncoding::Json => {
            let mut all = Map::from_iter([
                ("level".to_owned(), json!(word)),
                ("ts".to_owned(), json!(now)),
                ("msg".to_owned(), json!(members.message)),
            ]);
            all.extend(members.others);
            Value::Object(all).to_string()
        }
        LogEncoding::Console => {
            let others = Value::Object(members.others);
            format!("{now}\t{}\t{}\t{others}", word.to_uppercase(), members.message)
        }
    }
}

#[derive(Default)]
struct Members {
    message: String,
    others: Map<String, Value>,
}

impl Members {
    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        } else {
            self.others.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Members {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: RT-17.
    #[test]
    fn lines_have_upstreams_members() {
        let members = || Members {
            message: "all applied".to_owned(),
            others: Map::from_iter([("name".to_owned(), json!("app"))]),
        };
        let now = jiff::Timestamp::from_millisecond(1_500).unwrap();
        let text = line(LogEncoding::Json, Level::WARN, now, members());
        let found: Value = serde_json::from_str(&text).unwrap();
        let expected =
            json!({"level": "error", "ts": "1970-01-01T00:00:01.500Z", "msg": "all applied", "name": "app"});
        assert_eq!(found, expected);
        let text = line(LogEncoding::Console, Level::INFO, now, members());
        assert_eq!(
            text,
            "1970-01-01T00:00:01.500Z\tINFO\tall applied\t{\"name\":\"app\"}"
        );
    }
}
