//! The Common Expression Language as the API server has it: parsed, checked against the types of schemas, priced by
//! their bounds, evaluated. Errors are in the genuine words.
//!
//! An [`Environment`] says which variables there are; it compiles a text to a [`Program`], which is evaluated with
//! values for them. Nothing is ever taken that cannot be evaluated: what the checker does not know it refuses.
//!
//! DIFFERENCE: messages (`Object{…}`) cannot be built, and the authorizer's functions are known but never decided.

mod ast;
mod check;
mod cost;
mod cost_calls;
mod decl;
mod eval;
mod formats;
mod functions;
mod issue;
mod lexer;
mod library;
mod limits;
mod lists;
mod macros;
mod net;
mod operators;
mod parser;
mod pattern;
mod quantity;
mod range;
mod semver;
mod strings;
mod templates;
#[cfg(test)]
mod tests;
mod time;
mod types;
mod url;
mod validators;
mod value;

pub use self::{
    decl::{Decl, Shape, escape},
    eval::Fault,
    limits::REQUEST,
    types::Type,
    value::{Key, List, Opaque, Value},
};

use std::sync::Arc;

/// Highest cost of one evaluation.
pub const PER_CALL: u64 = 1_000_000;

/// The variables that an expression may name.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: Vec<(String, Type)>,
}

impl Environment {
    /// Without variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, ty: Type) -> Self {
        self.variables.push((name.to_owned(), ty));
        self
    }

    /// Compiles an expression; an error is the genuine compiler's whole text.
    pub fn compile(&self, source: &str) -> Result<Program, String> {
        let shown = |issues| issue::display(source, issues);
        let expr = parser::parse(source).map_err(shown)?;
        let checked = check::check(expr, &self.variables).map_err(shown)?;
        Ok(Program {
            checked: Arc::new(checked),
        })
    }
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Program {
    checked: Arc<check::Checked>,
}

impl Program {
    /// The type of its value.
    #[must_use]
    pub fn result(&self) -> Type {
        self.checked.of(&self.checked.expr)
    }

    /// Whether it names a variable.
    #[must_use]
    pub fn uses(&self, variable: &str) -> bool {
        self.checked.variables.iter().any(|name| name == variable)
    }

    /// The most that an evaluation may cost. `shape` is the shape of the variable.
    #[must_use]
    pub fn most(&self, shape: Option<&Shape>) -> u64 {
        cost::most(&self.checked, shape)
    }

    /// Evaluates it with these values.
    pub fn evaluate(&self, variables: &[(&str, Value)], limit: u64) -> (Result<Value, Fault>, u64) {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| Ok(value.clone()))
        };
        self.evaluate_with(&lookup, limit)
    }

    /// Evaluates it with values that `lookup` finds when they are needed. Gives the cost, too.
    pub fn evaluate_with(
        &self,
        lookup: &dyn Fn(&str) -> Option<Result<Value, Fault>>,
        limit: u64,
    ) -> (Result<Value, Fault>, u64) {
        let mut evaluator = eval::Evaluator::new(lookup, limit);
        let outcome = evaluator.expr(&self.checked.expr);
        (outcome, evaluator.cost)
    }
}
