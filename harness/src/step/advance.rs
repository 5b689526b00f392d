//! `advance: 1h` — lets time pass.

use crate::{scenario::Span, session::Session, verdict::Miss};

pub(super) async fn run(span: Span, session: &mut Session) -> Result<(), Miss> {
    session.advance(span.0).await
}
