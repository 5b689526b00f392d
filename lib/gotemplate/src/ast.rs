//! What a template consists of, and how error texts show its parts.

use std::{fmt, rc::Rc};

use stdx::quote::quote;

use crate::number::Number;

/// One parsed template.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: Rc<str>,
    /// The name of the text that it stands in.
    pub(crate) file: Rc<str>,
    pub(crate) text: Rc<str>,
    pub(crate) root: Vec<Node>,
}

impl Tree {
    /// `file:line:column` of a byte of the text.
    pub(crate) fn place(&self, pos: usize) -> String {
        let before = self.text.get(..pos).unwrap_or(&self.text);
        let line = 1 + before.matches('\n').count();
        let column = before
            .rfind('\n')
            .map_or(before.len(), |at| before.len() - at - 1);
        format!("{}:{line}:{column}", self.file)
    }

    /// Whether it says nothing: no actions, and only space as text.
    pub(crate) fn is_empty(&self) -> bool {
        self.root
            .iter()
            .all(|node| matches!(node, Node::Text { text, .. } if text.trim().is_empty()))
    }
}

#[derive(Debug)]
pub(crate) enum Node {
    Text {
        pos: usize,
        text: Box<str>,
    },
    Action {
        pos: usize,
        pipe: Pipe,
    },
    Break {
        pos: usize,
    },
    Continue {
        pos: usize,
    },
    Branch(Branch),
    Template {
        pos: usize,
        name: Box<str>,
        pipe: Option<Pipe>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BranchKind {
    If,
    Range,
    With,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) kind: BranchKind,
    pub(crate) pos: usize,
    pub(crate) pipe: Pipe,
    pub(crate) list: Vec<Node>,
    pub(crate) otherwise: Option<Vec<Node>>,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) pos: usize,
    pub(crate) declared: Vec<Rc<str>>,
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) args: Vec<Arg>,
}

#[derive(Debug)]
pub(crate) struct Arg {
    pub(crate) pos: usize,
    pub(crate) kind: ArgKind,
}

#[derive(Debug)]
pub(crate) enum ArgKind {
    Field(Vec<Rc<str>>),
    Chain(Box<Arg>, Vec<Rc<str>>),
    Function(Rc<str>),
    Pipe(Box<Pipe>),
    Variable(Vec<Rc<str>>),
    Bool(bool),
    Dot,
    Nil,
    Number(Number),
    String { quoted: Box<str>, text: Rc<[u8]> },
}

/// A part of a tree that an error is about.
#[derive(Clone, Copy)]
pub(crate) enum Part<'t> {
    Node(&'t Node),
    Pipe(&'t Pipe),
    Arg(&'t Arg),
    Command(&'t Command),
}

impl Part<'_> {
    pub(crate) fn pos(self) -> usize {
        match self {
            Self::Node(
                Node::Text { pos, .. }
                | Node::Action { pos, .. }
                | Node::Break { pos }
                | Node::Continue { pos }
                | Node::Template { pos, .. },
            ) => *pos,
            Self::Node(Node::Branch(branch)) => branch.pos,
            Self::Pipe(pipe) => pipe.pos,
            Self::Arg(arg) => arg.pos,
            Self::Command(command) => command.args.first().map_or(0, |arg| arg.start()),
        }
    }
}

impl Arg {
    /// Where its text starts; the position of a chain is that of its first field.
    fn start(&self) -> usize {
        match &self.kind {
            ArgKind::Chain(base, _) => base.start(),
            _ => self.pos,
        }
    }
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(it) => it.fmt(f),
            Self::Pipe(it) => it.fmt(f),
            Self::Arg(it) => it.fmt(f),
            Self::Command(it) => it.fmt(f),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text, .. } => f.write_str(text),
            Self::Action { pipe, .. } => write!(f, "{{{{{pipe}}}}}"),
            Self::Break { .. } => f.write_str("{{break}}"),
            Self::Continue { .. } => f.write_str("{{continue}}"),
            Self::Branch(branch) => branch.fmt(f),
            Self::Template { name, pipe, .. } => {
                write!(f, "{{{{template {}", quote(name.as_bytes()))?;
                if let Some(pipe) = pipe {
                    write!(f, " {pipe}")?;
                }
                f.write_str("}}")
            }
        }
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.kind {
            BranchKind::If => "if",
            BranchKind::Range => "range",
            BranchKind::With => "with",
        };
        write!(f, "{{{{{name} {}}}}}", self.pipe)?;
        self.list.iter().try_for_each(|node| node.fmt(f))?;
        if let Some(otherwise) = &self.otherwise {
            f.write_str("{{else}}")?;
            otherwise.iter().try_for_each(|node| node.fmt(f))?;
        }
        f.write_str("{{end}}")
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.declared.is_empty() {
            f.write_str(&self.declared.join(", "))?;
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match &arg.kind {
                ArgKind::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => arg.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ArgKind::Field(names) => names.iter().try_for_each(|name| write!(f, ".{name}")),
            ArgKind::Chain(base, names) => {
                match &base.kind {
                    ArgKind::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => base.fmt(f)?,
                }
                names.iter().try_for_each(|name| write!(f, ".{name}"))
            }
            ArgKind::Function(name) => f.write_str(name),
            ArgKind::Pipe(pipe) => pipe.fmt(f),
            ArgKind::Variable(names) => f.write_str(&names.join(".")),
            ArgKind::Bool(value) => value.fmt(f),
            ArgKind::Dot => f.write_str("."),
            ArgKind::Nil => f.write_str("nil"),
            ArgKind::Number(number) => f.write_str(&number.text),
            ArgKind::String { quoted, .. } => f.write_str(quoted),
        }
    }
}
