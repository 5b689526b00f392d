//! Pipelines: declarations, commands, operands.

use std::{mem, rc::Rc};

use stdx::quote::quote;

use crate::{
    ast::{Arg, ArgKind, Command, Pipe},
    lex::Kind,
    number::{Number, unquote},
};

use super::{Parser, Result};

impl Parser<'_, '_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        self.enter("max expression depth exceeded")?;
        let mut pipe = Pipe {
            pos: self.peek_solid().pos,
            declared: Vec::new(),
            assigns: false,
            commands: Vec::new(),
        };
        while self.declaration(&mut pipe, context)? {}
        loop {
            let token = self.next_solid();
            match token.kind {
                kind if kind == end => {
                    self.check(&pipe, context)?;
                    self.leave();
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
    }

    /// Reads a declared variable, if one stands there; whether another may follow.
    fn declaration(&mut self, pipe: &mut Pipe, context: &str) -> Result<bool> {
        let variable = self.peek_solid();
        if variable.kind != Kind::Variable {
            return Ok(false);
        }
        self.next();
        // A space after the variable has to be given back if nothing is declared.
        let after = self.peek().clone();
        let next = self.peek_solid();
        let comma = next.kind == Kind::Char && next.text == ",";
        if matches!(next.kind, Kind::Assign | Kind::Declare) || comma {
            pipe.assigns |= next.kind == Kind::Assign;
            self.next_solid();
            let name: Rc<str> = (&*variable.text).into();
            pipe.declared.push(name.clone());
            self.vars.push(name);
            if !comma {
                return Ok(false);
            }
            if context == "range" && pipe.declared.len() < 2 {
                return match self.peek_solid().kind {
                    Kind::Variable | Kind::RightDelim | Kind::RightParen => Ok(true),
                    _ => self.fail("range can only initialize variables"),
                };
            }
            return self.fail(format!("too many declarations in {context}"));
        }
        if after.kind == Kind::Space {
            self.backup3(variable, after);
        } else {
            self.backup2(variable);
        }
        Ok(false)
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Result<()> {
        if pipe.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            if let Some(Arg {
                kind:
                    ArgKind::Bool(_) | ArgKind::Dot | ArgKind::Nil | ArgKind::Number(_) | ArgKind::String { .. },
                ..
            }) = command.args.first()
            {
                let stage = index + 1;
                return self.fail(format!("non executable command in pipeline stage {stage}"));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command> {
        let mut args = Vec::new();
        loop {
            self.peek_solid();
            if let Some(operand) = self.operand()? {
                args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if args.is_empty() {
            return self.fail("empty command");
        }
        Ok(Command { args })
    }

    fn operand(&mut self) -> Result<Option<Arg>> {
        let Some(mut arg) = self.term()? else {
            return Ok(None);
        };
        if self.peek().kind != Kind::Field {
            return Ok(Some(arg));
        }
        let pos = self.peek().pos;
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.extend(names(&self.next().text));
        }
        arg = match arg.kind {
            ArgKind::Field(mut names) => {
                names.append(&mut fields);
                Arg {
                    pos,
                    kind: ArgKind::Field(names),
                }
            }
            ArgKind::Variable(mut names) => {
                names.append(&mut fields);
                Arg {
                    pos,
                    kind: ArgKind::Variable(names),
                }
            }
            ArgKind::Bool(_) | ArgKind::String { .. } | ArgKind::Number(_) | ArgKind::Nil | ArgKind::Dot => {
                let shown = quote(arg.to_string().as_bytes());
                return self.fail(format!("unexpected . after term {shown}"));
            }
            _ => Arg {
                pos,
                kind: ArgKind::Chain(Box::new(arg), mem::take(&mut fields)),
            },
        };
        Ok(Some(arg))
    }

    fn term(&mut self) -> Result<Option<Arg>> {
        let token = self.next_solid();
        let kind = match token.kind {
            Kind::Identifier => {
                if !(self.shared.has_function)(&token.text) {
                    let name = quote(token.text.as_bytes());
                    return self.fail(format!("function {name} not defined"));
                }
                ArgKind::Function((&*token.text).into())
            }
            Kind::Dot => ArgKind::Dot,
            Kind::Nil => ArgKind::Nil,
            Kind::Variable => {
                if !self.vars.iter().any(|name| **name == *token.text) {
                    let name = quote(token.text.as_bytes());
                    return self.fail(format!("undefined variable {name}"));
                }
                ArgKind::Variable(vec![(&*token.text).into()])
            }
            Kind::Field => ArgKind::Field(names(&token.text).collect()),
            Kind::Bool => ArgKind::Bool(token.text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => match Number::parse(&token.text) {
                Ok(number) => ArgKind::Number(number),
                Err(text) => return self.fail(text),
            },
            Kind::LeftParen => {
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                return Ok(Some(Arg {
                    pos: pipe.pos,
                    kind: ArgKind::Pipe(Box::new(pipe)),
                }));
            }
            Kind::String | Kind::RawString => match unquote(&token.text) {
                Some(text) => ArgKind::String {
                    quoted: (&*token.text).into(),
                    text: text.into(),
                },
                None => return self.fail("invalid syntax"),
            },
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Arg { pos: token.pos, kind }))
    }
}

/// The names of a field token, which starts with its dot.
fn names(token: &str) -> impl Iterator<Item = Rc<str>> {
    token.split('.').skip(1).map(Rc::from)
}
