//! Reading a log as somebody asked for it.

use apiserver::{LogRequest, LogStream};
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::watch;

use crate::log::{Line, Log};

struct Reader {
    log: Log,
    growth: watch::Receiver<u64>,
    next: u64,
    follow: bool,
    timestamps: bool,
    /// Bytes that may still be sent.
    room: usize,
    over: bool,
}

/// The lines that were asked for.
pub(crate) fn stream(log: Log, wanted: &LogRequest) -> LogStream {
    let growth = log.growth();
    let (kept, next, ended) = log.from(0);
    let since = wanted.since;
    let mut first: Vec<Line> = kept
        .into_iter()
        .filter(|line| since.is_none_or(|since| line.at >= since))
        .collect();
    if let Some(tail) = wanted.tail {
        let tail = usize::try_from(tail).unwrap_or(usize::MAX);
        let skip = first.len().saturating_sub(tail);
        first.drain(..skip);
    }
    let limit = wanted.limit.and_then(|limit| usize::try_from(limit).ok());
    let mut reader = Reader {
        log,
        growth,
        next,
        follow: wanted.follow,
        timestamps: wanted.timestamps,
        room: limit.unwrap_or(usize::MAX),
        over: ended,
    };
    let first = reader.render(&first);
    let rest = stream::unfold(reader, |mut reader| async move {
        let bytes = reader.more().await?;
        Some((bytes, reader))
    });
    stream::iter(first).chain(rest).boxed()
}

impl Reader {
    fn render(&mut self, lines: &[Line]) -> Option<Bytes> {
        let mut bytes = Vec::new();
        for line in lines {
            if self.timestamps {
                bytes.extend(line.at.to_string().as_bytes());
                bytes.push(b' ');
            }
            bytes.extend(&*line.text);
        }
        bytes.truncate(self.room);
        self.room -= bytes.len();
        (!bytes.is_empty()).then(|| Bytes::from(bytes))
    }

    /// What was written since, once there is something; `None` at the end.
    async fn more(&mut self) -> Option<Bytes> {
        loop {
            if !self.follow || self.room == 0 {
                return None;
            }
            self.growth.mark_unchanged();
            let (lines, next, ended) = self.log.from(self.next);
            self.next = next;
            if let Some(bytes) = self.render(&lines) {
                return Some(bytes);
            }
            self.over |= ended;
            if self.over {
                return None;
            }
            self.growth.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use edges::Clock;

    use super::*;

    async fn text(log: &Log, wanted: LogRequest) -> String {
        let parts: Vec<Bytes> = stream(log.clone(), &wanted).collect().await;
        String::from_utf8(parts.concat()).unwrap()
    }

    #[tokio::test]
    async fn the_end_of_a_log_is_cut_as_asked_for() {
        let log = Log::new(Clock::system());
        for line in ["one\n", "two\n", "three\n"] {
            log.push(line.as_bytes());
        }
        let all = LogRequest::default();
        assert_eq!(text(&log, all.clone()).await, "one\ntwo\nthree\n");
        let tail = LogRequest {
            tail: Some(1),
            ..all.clone()
        };
        assert_eq!(text(&log, tail).await, "three\n");
        let limit = LogRequest {
            limit: Some(5),
            ..all.clone()
        };
        assert_eq!(text(&log, limit).await, "one\nt");
        let stamped = LogRequest {
            tail: Some(1),
            timestamps: true,
            ..all
        };
        assert!(text(&log, stamped).await.ends_with("Z three\n"));
    }

    #[tokio::test]
    async fn who_follows_sees_every_line_until_the_container_ends() {
        let log = Log::new(Clock::system());
        log.push(b"one\n");
        let wanted = LogRequest {
            follow: true,
            ..LogRequest::default()
        };
        let mut lines = stream(log.clone(), &wanted);
        assert_eq!(lines.next().await.unwrap(), "one\n");
        log.push(b"two\n");
        assert_eq!(lines.next().await.unwrap(), "two\n");
        log.end();
        assert!(lines.next().await.is_none());
    }
}
