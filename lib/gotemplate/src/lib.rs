//! Go's text/template, with the functions that Helm gives to templates.
//!
//! A [`Set`] holds parsed templates; [`Set::execute`] runs one on a [`Value`]. What Go's reflection sees in error texts
//! and conversions is part of the value model: every value has a Go type, and maps are shared and change. Time, chance,
//! keys and the cluster arrive as a [`World`].

mod ast;
mod builtin;
mod error;
mod exec;
mod float;
mod format;
mod function;
mod lex;
mod limits;
mod number;
mod outside;
mod parse;
mod set;
mod sprig;
mod value;

pub use error::Error;
pub use exec::Run;
pub use function::{Body, Function, Type};
pub use outside::{CertificateRequest, Nowhere, World};
pub use set::{Functions, Missing, Set, deep};
pub use sprig::functions;
pub use value::{Element, LIST, List, ListType, MAP, Map, MapType, Object, TEXT_MAP, TEXTS, Text, Value};
