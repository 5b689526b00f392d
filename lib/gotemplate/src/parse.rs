//! From text to trees.

mod pipeline;

use std::rc::Rc;

use stdx::quote::quote;

use crate::{
    ast::{Branch, BranchKind, Node, Tree},
    error::Error,
    lex::{Kind, Lexer, Token},
    limits::MAX_NESTING,
    number::unquote,
};

type Result<T> = std::result::Result<T, Error>;

/// Parses a text; the trees of its definitions come before its own.
pub(crate) fn parse(name: &str, text: &str, has_function: &dyn Fn(&str) -> bool) -> Result<Vec<Tree>> {
    let name: Rc<str> = name.into();
    let mut shared = Shared {
        lexer: Lexer::new(text),
        has_function,
        trees: Vec::new(),
        file: name.clone(),
        text: text.into(),
        nesting: 0,
    };
    let mut parser = Parser::new(&mut shared);
    let root = parser.top()?;
    let line = parser.line();
    shared.add(name, root, line)?;
    Ok(shared.trees)
}

struct Shared<'a> {
    lexer: Lexer<'a>,
    has_function: &'a dyn Fn(&str) -> bool,
    trees: Vec<Tree>,
    file: Rc<str>,
    text: Rc<str>,
    nesting: usize,
}

impl Shared<'_> {
    fn error(&self, line: usize, text: &str) -> Error {
        Error::new(format!("template: {}:{line}: {text}", self.file))
    }

    fn add(&mut self, name: Rc<str>, root: Vec<Node>, line: usize) -> Result<()> {
        let tree = Tree {
            name,
            file: self.file.clone(),
            text: self.text.clone(),
            root,
        };
        match self.trees.iter_mut().find(|other| other.name == tree.name) {
            Some(other) if other.is_empty() => *other = tree,
            Some(_) if tree.is_empty() => {}
            Some(other) => {
                let name = quote(other.name.as_bytes());
                let text = format!("template: multiple definition of template {name}");
                return Err(self.error(line, &text));
            }
            None => self.trees.push(tree),
        }
        Ok(())
    }
}

/// How a list of nodes ends.
enum End {
    End,
    Else,
}

impl End {
    fn shown(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// What an action is: a node, or the end of the list that it stands in.
enum Item {
    Node(Node),
    End(End),
}

/// The state of one tree; the lexer is shared with the definitions inside it.
struct Parser<'s, 'a> {
    shared: &'s mut Shared<'a>,
    tokens: [Token<'a>; 3],
    peeked: usize,
    vars: Vec<Rc<str>>,
    action_line: usize,
    ranges: usize,
}

impl<'s, 'a> Parser<'s, 'a> {
    fn new(shared: &'s mut Shared<'a>) -> Self {
        let none = || Token {
            kind: Kind::Eof,
            pos: 0,
            text: "".into(),
            line: 0,
        };
        Self {
            shared,
            tokens: [none(), none(), none()],
            peeked: 0,
            vars: vec!["$".into()],
            action_line: 0,
            ranges: 0,
        }
    }

    fn line(&self) -> usize {
        self.tokens[0].line
    }

    fn fail<T>(&self, text: impl AsRef<str>) -> Result<T> {
        Err(self.shared.error(self.line(), text.as_ref()))
    }

    fn lex(&mut self) -> Token<'a> {
        self.shared.lexer.token(self.shared.has_function)
    }

    fn next(&mut self) -> Token<'a> {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.tokens[0] = self.lex();
        }
        self.tokens[self.peeked].clone()
    }

    fn backup(&mut self) {
        self.peeked += 1;
    }

    fn backup2(&mut self, first: Token<'a>) {
        self.tokens[1] = first;
        self.peeked = 2;
    }

    fn backup3(&mut self, first: Token<'a>, second: Token<'a>) {
        self.tokens[1] = second;
        self.tokens[2] = first;
        self.peeked = 3;
    }

    fn peek(&mut self) -> &Token<'a> {
        if self.peeked == 0 {
            self.peeked = 1;
            self.tokens[0] = self.lex();
        }
        &self.tokens[self.peeked - 1]
    }

    fn next_solid(&mut self) -> Token<'a> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_solid(&mut self) -> Token<'a> {
        let token = self.next_solid();
        self.backup();
        token
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token<'a>> {
        let token = self.next_solid();
        if token.kind == kind {
            return Ok(token);
        }
        self.unexpected(&token, context)
    }

    fn unexpected<T>(&self, token: &Token<'a>, context: &str) -> Result<T> {
        if token.kind != Kind::Error {
            return self.fail(format!("unexpected {} in {context}", token.shown()));
        }
        let mut extra = String::new();
        if self.action_line != 0 && self.action_line != token.line {
            let action = if token.text.ends_with(" action") {
                ""
            } else {
                " in action"
            };
            extra = format!("{action} started at {}:{}", self.shared.file, self.action_line);
        }
        self.fail(format!("{}{extra}", token.shown()))
    }

    fn enter(&mut self, text: &str) -> Result<()> {
        self.shared.nesting += 1;
        if self.shared.nesting > MAX_NESTING {
            return self.fail(text);
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.shared.nesting -= 1;
    }

    /// The whole text.
    fn top(&mut self) -> Result<Vec<Node>> {
        let mut root = Vec::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let delimiter = self.next();
                if self.next_solid().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.backup2(delimiter);
            }
            match self.text_or_action()? {
                Item::Node(node) => root.push(node),
                Item::End(end) => return self.fail(format!("unexpected {}", end.shown())),
            }
        }
        Ok(root)
    }

    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let mut inner = Parser::new(self.shared);
        let token = inner.next_solid();
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return inner.unexpected(&token, CONTEXT);
        }
        let name = inner.template_name(&token, CONTEXT)?;
        inner.expect(Kind::RightDelim, CONTEXT)?;
        let (root, end) = inner.list()?;
        if !matches!(end, End::End) {
            return inner.fail(format!("unexpected {} in {CONTEXT}", end.shown()));
        }
        let line = inner.line();
        self.shared.add(name, root, line)
    }

    fn list(&mut self) -> Result<(Vec<Node>, End)> {
        self.enter("max nesting depth exceeded")?;
        let mut list = Vec::new();
        while self.peek_solid().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::End(end) => {
                    self.leave();
                    return Ok((list, end));
                }
            }
        }
        self.fail("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Item> {
        let token = self.next_solid();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text {
                pos: token.pos,
                text: token.text.into(),
            })),
            Kind::LeftDelim => {
                self.action_line = token.line;
                let item = self.action();
                if item.is_ok() {
                    self.action_line = 0;
                }
                item
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Result<Item> {
        let token = self.next_solid();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => {
                self.loop_control("break")?;
                Node::Break { pos: token.pos }
            }
            Kind::Continue => {
                self.loop_control("continue")?;
                Node::Continue { pos: token.pos }
            }
            Kind::Else => {
                let peeked = self.peek_solid();
                if !matches!(peeked.kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Item::End(End::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::End(End::End));
            }
            Kind::If => self.control(BranchKind::If)?,
            Kind::Range => self.control(BranchKind::Range)?,
            Kind::With => self.control(BranchKind::With)?,
            Kind::Template => self.template()?,
            _ => {
                self.backup();
                let pos = self.peek().pos;
                Node::Action {
                    pos,
                    pipe: self.pipeline("command", Kind::RightDelim)?,
                }
            }
        };
        Ok(Item::Node(node))
    }

    fn loop_control(&mut self, word: &str) -> Result<()> {
        let token = self.next_solid();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, &format!("{{{{{word}}}}}"));
        }
        if self.ranges == 0 {
            return self.fail(format!("{{{{{word}}}}} outside {{{{range}}}}"));
        }
        Ok(())
    }

    fn control(&mut self, kind: BranchKind) -> Result<Node> {
        let context = match kind {
            BranchKind::If => "if",
            BranchKind::Range => "range",
            BranchKind::With => "with",
        };
        let known = self.vars.len();
        let pipe = self.pipeline(context, Kind::RightDelim)?;
        let in_range = usize::from(kind == BranchKind::Range);
        self.ranges += in_range;
        let (list, end) = self.list()?;
        self.ranges -= in_range;
        let otherwise = match end {
            End::End => None,
            End::Else => Some(self.otherwise(kind)?),
        };
        self.vars.truncate(known);
        Ok(Node::Branch(Branch {
            kind,
            pos: pipe.pos,
            pipe,
            list,
            otherwise,
        }))
    }

    fn otherwise(&mut self, kind: BranchKind) -> Result<Vec<Node>> {
        let chained = matches!(
            (kind, self.peek().kind),
            (BranchKind::If, Kind::If) | (BranchKind::With, Kind::With)
        );
        if chained {
            self.next();
            self.enter("max nesting depth exceeded")?;
            let node = self.control(kind)?;
            self.leave();
            return Ok(vec![node]);
        }
        let (list, end) = self.list()?;
        if !matches!(end, End::End) {
            return self.fail(format!("expected end; found {}", end.shown()));
        }
        Ok(list)
    }

    fn block(&mut self) -> Result<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_solid();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let mut inner = Parser::new(self.shared);
        let (root, end) = inner.list()?;
        let line = inner.line();
        if !matches!(end, End::End) {
            return self.fail(format!("unexpected {} in {CONTEXT}", end.shown()));
        }
        self.shared.add(name.clone(), root, line)?;
        Ok(Node::Template {
            pos: token.pos,
            name: (&*name).into(),
            pipe: Some(pipe),
        })
    }

    fn template(&mut self) -> Result<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_solid();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipe = None;
        if self.next_solid().kind != Kind::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Node::Template {
            pos: token.pos,
            name: (&*name).into(),
            pipe,
        })
    }

    fn template_name(&mut self, token: &Token<'a>, context: &str) -> Result<Rc<str>> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        match unquote(&token.text) {
            Some(name) => Ok(String::from_utf8_lossy(&name).into()),
            None => self.fail("invalid syntax"),
        }
    }
}
