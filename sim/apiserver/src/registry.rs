//! The generic registry: every resource goes through these functions, a strategy record says how kinds differ.

mod binding;
mod connect;
mod create;
mod delete;
mod eviction;
mod list;
mod meta;
mod options;
mod page;
mod patch;
mod play;
mod read;
mod scale;
mod token;
mod update;
mod watch;

pub(crate) use read::{stored_form, view};
pub(crate) use scale::selector_text;
pub(crate) use token::long_lived;

pub(crate) use crate::custom::view_value;
pub(crate) use play::{Playing, Sent};
pub(crate) use watch::Plan;
