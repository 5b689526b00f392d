//! Walking a tree over data.

mod call;
mod operand;

use std::{collections::BTreeMap, mem, rc::Rc};

use regex::bytes::Regex;
use stdx::quote::quote;

use crate::{
    ast::{ArgKind, Branch, BranchKind, Command, Node, Part, Pipe, Tree},
    error::Error,
    format,
    limits::{MAX_OUTPUT, MAX_STACK, MAX_STEPS},
    outside::World,
    set::Set,
    value::{Element, Value},
};

use operand::{constant, no_arguments};

type Result<T> = std::result::Result<T, Error>;

/// A value as an expression yields it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operand {
    pub(crate) value: Value,
    /// It is held by an `interface {}`, which is what elements of maps and lists are; only error texts tell, and nil.
    pub(crate) interface: bool,
}

impl Operand {
    pub(crate) fn plain(value: Value) -> Self {
        Self {
            value,
            interface: false,
        }
    }

    pub(crate) fn of(value: Value, element: Element) -> Self {
        Self {
            value,
            interface: element == Element::Any,
        }
    }

    /// Neither a value nor an interface that holds none.
    pub(crate) fn is_invalid(&self) -> bool {
        !self.interface && matches!(self.value, Value::Nil)
    }

    pub(crate) fn is_nil_interface(&self) -> bool {
        self.interface && matches!(self.value, Value::Nil)
    }

    pub(crate) fn type_name(&self) -> &'static str {
        if self.interface {
            "interface {}"
        } else {
            self.value.type_name()
        }
    }
}

/// One execution: what it may use and what it has used.
pub struct Run<'r> {
    /// What is outside.
    pub world: &'r mut dyn World,
    pub(crate) set: Rc<Set>,
    /// How often each name is being included at the moment.
    pub(crate) included: BTreeMap<String, usize>,
    /// Patterns that were compiled before.
    pub(crate) regexes: BTreeMap<String, Regex>,
    out: Vec<u8>,
    written: usize,
    stack: usize,
    steps: u64,
}

/// What follows a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// One template at work.
pub(crate) struct Frame<'t> {
    tree: &'t Tree,
    /// What is being evaluated, for errors.
    part: Option<Part<'t>>,
    vars: Vec<(Rc<str>, Operand)>,
}

impl<'t> Frame<'t> {
    fn at(&mut self, part: Part<'t>) {
        self.part = Some(part);
    }

    fn error_with(&self, text: &str, cause: Option<Error>) -> Error {
        let name = quote(self.tree.name.as_bytes());
        match self.part {
            None => Error::executing(&self.tree.name, text, cause),
            Some(part) => {
                let place = self.tree.place(part.pos());
                Error::executing(&place, &format!("executing {name} at <{part}>: {text}"), cause)
            }
        }
    }

    fn fail<T>(&self, text: impl AsRef<str>) -> Result<T> {
        Err(self.error_with(text.as_ref(), None))
    }

    fn variable(&self, name: &str) -> Result<Operand> {
        match self.vars.iter().rev().find(|(other, _)| **other == *name) {
            Some((_, value)) => Ok(value.clone()),
            None => self.fail(format!("undefined variable: {name}")),
        }
    }

    fn assign(&mut self, name: &str, value: Operand) -> Result<()> {
        match self.vars.iter_mut().rev().find(|(other, _)| **other == *name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => self.fail(format!("undefined variable: {name}")),
        }
    }
}

impl<'r> Run<'r> {
    pub(crate) fn new(world: &'r mut dyn World, set: Rc<Set>) -> Self {
        Self {
            world,
            set,
            included: BTreeMap::new(),
            regexes: BTreeMap::new(),
            out: Vec::new(),
            written: 0,
            stack: 0,
            steps: 0,
        }
    }

    pub(crate) fn output(&mut self) -> Vec<u8> {
        mem::take(&mut self.out)
    }

    /// Executes a tree; what it writes goes to the output.
    pub(crate) fn execute(&mut self, tree: &Tree, data: &Value) -> Result<()> {
        self.template(tree, Operand::plain(data.clone()))
    }

    /// Executes a tree into a text of its own.
    pub(crate) fn capture(&mut self, tree: &Tree, data: &Value) -> Result<Vec<u8>> {
        let outer = mem::take(&mut self.out);
        let result = self.execute(tree, data);
        let own = mem::replace(&mut self.out, outer);
        result.map(|()| own)
    }

    fn template(&mut self, tree: &Tree, dot: Operand) -> Result<()> {
        let mut frame = Frame {
            tree,
            part: None,
            vars: vec![("$".into(), dot.clone())],
        };
        self.enter(&frame)?;
        let result = self.list(&mut frame, &dot, &tree.root);
        self.stack -= 1;
        result.map(|_| ())
    }

    fn enter(&mut self, frame: &Frame<'_>) -> Result<()> {
        if self.stack >= MAX_STACK {
            return frame.fail(format!("exceeded maximum template depth ({MAX_STACK})"));
        }
        self.stack += 1;
        Ok(())
    }

    fn step(&mut self, frame: &Frame<'_>) -> Result<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return frame.fail(format!("exceeded maximum number of steps ({MAX_STEPS})"));
        }
        Ok(())
    }

    fn write(&mut self, frame: &Frame<'_>, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len();
        if self.written > MAX_OUTPUT {
            return frame.fail(format!("exceeded maximum output ({MAX_OUTPUT} bytes)"));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn list<'t>(&mut self, frame: &mut Frame<'t>, dot: &Operand, nodes: &'t [Node]) -> Result<Flow> {
        for node in nodes {
            let flow = self.walk(frame, dot, node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn walk<'t>(&mut self, frame: &mut Frame<'t>, dot: &Operand, node: &'t Node) -> Result<Flow> {
        frame.at(Part::Node(node));
        self.step(frame)?;
        match node {
            Node::Text { text, .. } => self.write(frame, text.as_bytes())?,
            Node::Action { pipe, .. } => {
                let value = self.pipeline(frame, dot, pipe)?;
                if pipe.declared.is_empty() {
                    frame.at(Part::Node(node));
                    self.print(frame, &value.value)?;
                }
            }
            Node::Break { .. } => return Ok(Flow::Break),
            Node::Continue { .. } => return Ok(Flow::Continue),
            Node::Branch(branch) => {
                self.enter(frame)?;
                let known = frame.vars.len();
                let flow = match branch.kind {
                    BranchKind::Range => self.range(frame, dot, branch, node),
                    BranchKind::If | BranchKind::With => self.choose(frame, dot, branch),
                };
                frame.vars.truncate(known);
                self.stack -= 1;
                return flow;
            }
            Node::Template { name, pipe, .. } => {
                let Some(tree) = self.set.find(name) else {
                    return frame.fail(format!("template {} not defined", quote(name.as_bytes())));
                };
                let data = match pipe {
                    Some(pipe) => self.pipeline(frame, dot, pipe)?,
                    None => Operand::default(),
                };
                if self.stack >= MAX_STACK {
                    return frame.fail(format!("exceeded maximum template depth ({MAX_STACK})"));
                }
                self.template(&tree, data)?;
            }
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, frame: &Frame<'_>, value: &Value) -> Result<()> {
        match value {
            Value::Nil => self.write(frame, b"<no value>"),
            Value::Text(text) => {
                let text = text.clone();
                self.write(frame, &text)
            }
            Value::Function(_) => match frame.part {
                Some(Part::Node(node)) => {
                    frame.fail(format!("can't print {node} of type {}", value.type_name()))
                }
                _ => frame.fail("can't print a function"),
            },
            _ => self.write(frame, &format::sprint(std::slice::from_ref(value))),
        }
    }

    fn choose<'t>(&mut self, frame: &mut Frame<'t>, dot: &Operand, branch: &'t Branch) -> Result<Flow> {
        let value = self.pipeline(frame, dot, &branch.pipe)?;
        if value.value.is_true() {
            let dot = if branch.kind == BranchKind::With {
                &value
            } else {
                dot
            };
            return self.list(frame, dot, &branch.list);
        }
        match &branch.otherwise {
            Some(otherwise) => self.list(frame, dot, otherwise),
            None => Ok(Flow::Next),
        }
    }

    fn range<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        branch: &'t Branch,
        node: &'t Node,
    ) -> Result<Flow> {
        frame.at(Part::Node(node));
        let over = self.pipeline(frame, dot, &branch.pipe)?.value;
        if let Some(count) = over.as_int() {
            if branch.pipe.declared.len() > 1 {
                let shown = format::shown(&over);
                return frame.fail(format!(
                    "can't use {shown} to iterate over more than one variable"
                ));
            }
            let element = |index: i64| match over {
                Value::Int64(_) => Value::Int64(index),
                _ => Value::Int(index),
            };
            for index in 0..count {
                if self.once(frame, branch, Operand::default(), Operand::plain(element(index)))?
                    == Flow::Break
                {
                    break;
                }
            }
            if count > 0 {
                return Ok(Flow::Next);
            }
        } else if !self.each(frame, branch, &over)? {
            return Ok(Flow::Next);
        }
        match &branch.otherwise {
            Some(otherwise) => self.list(frame, dot, otherwise),
            None => Ok(Flow::Next),
        }
    }

    /// Goes over a collection; whether it was empty.
    fn each<'t>(&mut self, frame: &mut Frame<'t>, branch: &'t Branch, over: &Value) -> Result<bool> {
        match over {
            Value::Map(map) => {
                let element = map.kind().element;
                let entries = map.snapshot();
                for (key, value) in &entries {
                    let (key, value) = (
                        Operand::plain(Value::Text(key.clone())),
                        Operand::of(value.clone(), element),
                    );
                    if self.once(frame, branch, key, value)? == Flow::Break {
                        break;
                    }
                }
                Ok(entries.is_empty())
            }
            Value::List(_) | Value::Bytes(_) => {
                let (items, element) = match over {
                    Value::List(list) => (list.items().to_vec(), list.kind.element),
                    _ => (over.elements().unwrap_or_default(), Element::Bytes),
                };
                for (index, item) in items.iter().enumerate() {
                    let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                    let item = Operand::of(item.clone(), element);
                    if self.once(frame, branch, Operand::plain(index), item)? == Flow::Break {
                        break;
                    }
                }
                Ok(items.is_empty())
            }
            Value::Nil => Ok(true),
            _ => frame.fail(format!("range can't iterate over {}", format::shown(over))),
        }
    }

    /// One iteration. Declared variables stand on top of the stack already.
    fn once<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        branch: &'t Branch,
        index: Operand,
        item: Operand,
    ) -> Result<Flow> {
        let mark = frame.vars.len();
        let declared = &branch.pipe.declared;
        if branch.pipe.assigns {
            match declared.as_slice() {
                [one] => frame.assign(one, item.clone())?,
                [first, second] => {
                    frame.assign(first, index)?;
                    frame.assign(second, item.clone())?;
                }
                _ => {}
            }
        } else {
            if let Some((_, slot)) = mark
                .checked_sub(1)
                .filter(|_| !declared.is_empty())
                .and_then(|at| frame.vars.get_mut(at))
            {
                *slot = item.clone();
            }
            if let Some((_, slot)) = mark
                .checked_sub(2)
                .filter(|_| declared.len() > 1)
                .and_then(|at| frame.vars.get_mut(at))
            {
                *slot = index;
            }
        }
        let flow = self.list(frame, &item, &branch.list)?;
        frame.vars.truncate(mark);
        Ok(flow)
    }

    pub(crate) fn pipeline<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        pipe: &'t Pipe,
    ) -> Result<Operand> {
        frame.at(Part::Pipe(pipe));
        self.enter(frame)?;
        let mut value = None;
        for command in &pipe.commands {
            let mut result = self.command(frame, dot, command, value.take())?;
            result.interface = false;
            value = Some(result);
        }
        self.stack -= 1;
        let value = value.unwrap_or_default();
        for name in &pipe.declared {
            if pipe.assigns {
                frame.assign(name, value.clone())?;
            } else {
                frame.vars.push((name.clone(), value.clone()));
            }
        }
        Ok(value)
    }

    fn command<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Operand,
        command: &'t Command,
        last: Option<Operand>,
    ) -> Result<Operand> {
        self.step(frame)?;
        let Some((first, rest)) = command.args.split_first() else {
            return frame.fail("empty command");
        };
        match &first.kind {
            ArgKind::Field(names) => {
                frame.at(Part::Arg(first));
                return self.fields(frame, dot, dot.clone(), Part::Arg(first), names, rest, last);
            }
            ArgKind::Chain(..) => return self.chain(frame, dot, first, rest, last),
            ArgKind::Function(name) => {
                frame.at(Part::Arg(first));
                return self.function(frame, dot, name, Part::Command(command), rest, last);
            }
            ArgKind::Pipe(pipe) => {
                no_arguments(frame, first, rest, last.as_ref())?;
                return self.pipeline(frame, dot, pipe);
            }
            ArgKind::Variable(names) => return self.variable(frame, dot, first, names, rest, last),
            _ => {}
        }
        frame.at(Part::Arg(first));
        no_arguments(frame, first, rest, last.as_ref())?;
        match &first.kind {
            ArgKind::Dot => Ok(dot.clone()),
            ArgKind::Nil => frame.fail("nil is not a command"),
            _ => constant(frame, first),
        }
    }
}
