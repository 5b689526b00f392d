//! Templates that know one another by name.

use std::{collections::BTreeMap, rc::Rc, thread};

use stdx::quote::quote;

use crate::{
    ast::Tree, error::Error, exec::Run, function::Function, limits::STACK_BYTES, outside::World,
    parse::parse, value::Value,
};

/// The functions that templates can call besides Go's own.
pub type Functions = BTreeMap<&'static str, Function>;

/// What a key that a map lacks evaluates to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// No value at all.
    #[default]
    Invalid,
    /// The zero value of the map's elements.
    Zero,
    /// An error.
    Error,
}

/// Templates that know one another by name.
#[derive(Clone)]
pub struct Set {
    trees: BTreeMap<Rc<str>, Rc<Tree>>,
    pub(crate) functions: Rc<Functions>,
    pub(crate) missing: Missing,
}

/// Go's own functions, which the executor knows.
const BUILTINS: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print",
    "printf", "println", "slice", "urlquery",
];

impl Set {
    /// A set without templates.
    pub fn new(functions: Rc<Functions>, missing: Missing) -> Self {
        Self {
            trees: BTreeMap::new(),
            functions,
            missing,
        }
    }

    /// Parses a text and adds it under its name, and what it defines under theirs. What has a name already is replaced,
    /// unless the new template says nothing.
    ///
    /// # Errors
    /// `template: NAME:LINE: what`, as Go words it.
    pub fn parse(&mut self, name: &str, text: &str) -> Result<(), Error> {
        for tree in self.trees_of(name, text)? {
            self.add(tree);
        }
        Ok(())
    }

    fn trees_of(&self, name: &str, text: &str) -> Result<Vec<Tree>, Error> {
        let has = |name: &str| BUILTINS.contains(&name) || self.functions.contains_key(name);
        parse(name, text, &has)
    }

    fn add(&mut self, tree: Tree) {
        if tree.is_empty() && self.trees.contains_key(&tree.name) {
            return;
        }
        self.trees.insert(tree.name.clone(), Rc::new(tree));
    }

    pub(crate) fn find(&self, name: &str) -> Option<Rc<Tree>> {
        self.trees.get(name).cloned()
    }

    /// Parses a text for one use: the set that it sees and its own tree.
    pub(crate) fn with(self: &Rc<Self>, name: &str, text: &str) -> Result<(Rc<Self>, Rc<Tree>), Error> {
        let mut trees = self.trees_of(name, text)?;
        let Some(last) = trees.pop() else {
            return Err(Error::new(format!("template: {name}: nothing to parse")));
        };
        let own = Rc::new(last);
        if trees.is_empty() {
            return Ok((self.clone(), own));
        }
        let mut set = Self::clone(self);
        for tree in trees {
            set.add(tree);
        }
        Ok((Rc::new(set), own))
    }

    /// Executes a template on data.
    ///
    /// # Errors
    /// What Go reports, with the place in the template.
    pub fn execute(
        self: &Rc<Self>,
        name: &str,
        data: &Value,
        world: &mut dyn World,
    ) -> Result<Vec<u8>, Error> {
        let Some(tree) = self.find(name) else {
            return Err(no_template(name));
        };
        let mut run = Run::new(world, self.clone());
        run.execute(&tree, data)?;
        Ok(run.output())
    }
}

pub(crate) fn no_template(name: &str) -> Error {
    let name = quote(name.as_bytes());
    Error::new(format!(
        "template: no template {name} associated with template \"gotpl\""
    ))
}

/// Runs something that executes templates, on a stack that is deep enough for any template.
///
/// # Errors
/// If the system gives no thread.
pub fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK_BYTES);
        let thread = builder
            .spawn_scoped(scope, work)
            .map_err(|error| Error::new(format!("no thread to render in: {error}")))?;
        match thread.join() {
            Ok(value) => Ok(value),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
