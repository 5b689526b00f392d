//! The generic registry: every resource goes through these functions, a strategy record says how kinds differ.

mod binding;
mod create;
mod delete;
mod list;
mod meta;
mod patch;
mod read;
mod scale;
mod update;
mod watch;

pub(crate) use read::{stored_form, view};
pub(crate) use scale::selector_text;

pub(crate) use crate::custom::view_value;
pub(crate) use watch::{Plan, bookmark, event_for, expired_event};
