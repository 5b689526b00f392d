//! Tokens to a tree, in the words of the genuine parser where it refuses.

use crate::{
    ast::{Call, Element, Entry, Expr, Kind, Literal, Select},
    issue::Issue,
    lexer::{Lexeme, Token, tokens},
    limits, macros,
};

const OPERAND: &str = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

/// Words that may not name anything.
pub(crate) const RESERVED: [&str; 16] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
];

/// Binary operators by precedence, weakest first.
const BINARY: [&[(&str, &str)]; 5] = [
    &[("||", "_||_")],
    &[("&&", "_&&_")],
    &[
        ("<", "_<_"),
        ("<=", "_<=_"),
        (">=", "_>=_"),
        (">", "_>_"),
        ("==", "_==_"),
        ("!=", "_!=_"),
        ("in", "@in"),
    ],
    &[("+", "_+_"), ("-", "_-_")],
    &[("*", "_*_"), ("/", "_/_"), ("%", "_%_")],
];

/// Parses an expression and expands its macros.
pub(crate) fn parse(source: &str) -> Result<Expr, Vec<Issue>> {
    if source.chars().count() > limits::EXPRESSION {
        let text = format!(
            "expression code point size exceeds limit: size: {}, limit {}",
            source.chars().count(),
            limits::EXPRESSION
        );
        return Err(vec![Issue { at: 0, text }]);
    }
    let (tokens, issues) = tokens(source);
    let mut parser = Parser {
        letters: source.chars().collect(),
        tokens,
        at: 0,
        issues,
        last: 0,
        depth: 0,
    };
    let expr = parser.expression();
    let rest = parser.peek().clone();
    if rest.lexeme != Lexeme::End && parser.issues.is_empty() {
        let verb = if parser
            .tokens
            .get(parser.at + 1)
            .is_some_and(|next| next.lexeme == Lexeme::End)
        {
            "extraneous"
        } else {
            "mismatched"
        };
        parser.issue(
            rest.at,
            format!("Syntax error: {verb} input '{}' expecting <EOF>", rest.text),
        );
    }
    if parser.issues.is_empty() {
        Ok(expr)
    } else {
        Err(parser.issues)
    }
}

pub(crate) struct Parser {
    letters: Vec<char>,
    tokens: Vec<Token>,
    at: usize,
    issues: Vec<Issue>,
    last: u32,
    depth: usize,
}

impl Parser {
    pub(crate) fn node(&mut self, at: usize, kind: Kind) -> Expr {
        self.last += 1;
        Expr {
            id: self.last,
            at,
            kind,
        }
    }

    pub(crate) fn issue(&mut self, at: usize, text: impl Into<String>) {
        if self.issues.len() < limits::ERRORS {
            self.issues.push(Issue {
                at,
                text: text.into(),
            });
        }
    }

    pub(crate) fn call(&mut self, at: usize, function: &str, args: Vec<Expr>) -> Expr {
        self.node(
            at,
            Kind::Call(Box::new(Call {
                function: function.into(),
                target: None,
                args,
            })),
        )
    }

    pub(crate) fn method(&mut self, at: usize, function: &str, target: Expr, args: Vec<Expr>) -> Expr {
        self.node(
            at,
            Kind::Call(Box::new(Call {
                function: function.into(),
                target: Some(target),
                args,
            })),
        )
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        if token.lexeme != Lexeme::End {
            self.at += 1;
        }
        token
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek().lexeme, Lexeme::Sign(own) if own == sign)
    }

    fn accept(&mut self, sign: &str) -> Option<usize> {
        self.is(sign).then(|| self.take().at)
    }

    fn expect(&mut self, sign: &str) {
        if self.accept(sign).is_some() {
            return;
        }
        let found = self.peek().clone();
        if !self.issues.is_empty() {
            return;
        }
        if self
            .tokens
            .get(self.at + 1)
            .is_some_and(|next| next.lexeme == Lexeme::Sign(own(sign)))
        {
            self.issue(
                found.at,
                format!(
                    "Syntax error: extraneous input '{}' expecting '{sign}'",
                    found.text
                ),
            );
            self.at += 2;
            return;
        }
        let text = if found.lexeme == Lexeme::End {
            format!("Syntax error: missing '{sign}' at '{}'", found.text)
        } else {
            format!(
                "Syntax error: mismatched input '{}' expecting '{sign}'",
                found.text
            )
        };
        self.issue(found.at, text);
    }

    fn expression(&mut self) -> Expr {
        self.depth += 1;
        if self.depth > limits::DEPTH {
            let at = self.peek().at;
            self.at = self.tokens.len() - 1;
            self.issue(
                at,
                format!("expression recursion limit exceeded: {}", limits::DEPTH),
            );
            self.depth -= 1;
            return self.node(at, Kind::Broken);
        }
        let condition = self.binary(0);
        let whole = match self.accept("?") {
            Some(at) => {
                let then = self.binary(0);
                self.expect(":");
                let otherwise = self.expression();
                self.call(at, "_?_:_", vec![condition, then, otherwise])
            }
            None => condition,
        };
        self.depth -= 1;
        whole
    }

    fn binary(&mut self, level: usize) -> Expr {
        let Some(operators) = BINARY.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1);
        loop {
            let found = match self.peek().lexeme {
                Lexeme::Sign(sign) => operators.iter().find(|(own, _)| *own == sign),
                _ => None,
            };
            let Some((_, function)) = found else { return left };
            let at = self.take().at;
            let right = self.binary(level + 1);
            left = self.call(at, function, vec![left, right]);
        }
    }

    fn unary(&mut self) -> Expr {
        for (sign, function) in [("!", "!_"), ("-", "-_")] {
            let Some(at) = self.accept(sign) else { continue };
            let mut count = 1;
            while self.accept(sign).is_some() {
                count += 1;
            }
            if sign == "-" && count == 1 && matches!(self.peek().lexeme, Lexeme::Int(_) | Lexeme::Float(_)) {
                let literal = self.number(at, "-");
                return self.postfix(literal);
            }
            let operand = self.member();
            return if count % 2 == 1 {
                self.call(at, function, vec![operand])
            } else {
                operand
            };
        }
        self.member()
    }

    fn member(&mut self) -> Expr {
        let primary = self.primary();
        self.postfix(primary)
    }

    fn postfix(&mut self, mut expr: Expr) -> Expr {
        loop {
            if let Some(at) = self.accept(".") {
                let optional = self.accept("?").is_some();
                let name = self.take();
                let Lexeme::Ident(field) = name.lexeme else {
                    let end = name.lexeme == Lexeme::End;
                    let blank = self.letters.get(at + 1).is_some_and(|letter| *letter == ' ');
                    let gap = if blank { " " } else { "" };
                    let shown = if end { "" } else { name.text.as_str() };
                    self.issue(
                        name.at,
                        format!("Syntax error: no viable alternative at input '.{gap}{shown}'"),
                    );
                    return expr;
                };
                expr = if optional {
                    let key = self.node(name.at, Kind::Literal(Literal::String(field.into())));
                    self.call(at, "_?._", vec![expr, key])
                } else if let Some(open) = self.accept("(") {
                    let args = self.arguments(")");
                    macros::method(self, open, &field, expr, args)
                } else {
                    self.select(at, expr, &field, false)
                };
            } else if let Some(at) = self.accept("[") {
                let optional = self.accept("?").is_some();
                let index = self.expression();
                self.expect("]");
                expr = self.call(at, if optional { "_[?_]" } else { "_[_]" }, vec![expr, index]);
            } else if self.is("{") && matches!(expr.kind, Kind::Ident(_) | Kind::Select(_)) {
                let at = self.take().at;
                let name = expr.qualified().unwrap_or_default();
                self.message();
                // Messages exist nowhere among the types that rules see.
                expr = self.call(at, &name, Vec::new());
            } else {
                return expr;
            }
        }
    }

    pub(crate) fn select(&mut self, at: usize, operand: Expr, field: &str, test: bool) -> Expr {
        self.node(
            at,
            Kind::Select(Box::new(Select {
                operand,
                field: field.into(),
                test,
            })),
        )
    }

    fn message(&mut self) {
        while !self.is("}") && self.issues.is_empty() {
            let name = self.take();
            if !matches!(name.lexeme, Lexeme::Ident(_)) {
                let text = format!(
                    "Syntax error: mismatched input '{}' expecting {{'}}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}}",
                    name.text
                );
                self.issue(name.at, text);
                return;
            }
            self.expect(":");
            self.expression();
            if self.accept(",").is_none() {
                break;
            }
        }
        self.expect("}");
    }

    fn arguments(&mut self, close: &str) -> Vec<Expr> {
        let mut args = Vec::new();
        if self.accept(close).is_some() {
            return args;
        }
        loop {
            args.push(self.expression());
            if self.accept(",").is_none() {
                break;
            }
        }
        self.expect(close);
        args
    }

    fn primary(&mut self) -> Expr {
        let token = self.peek().clone();
        match token.lexeme {
            Lexeme::Ident(name) => {
                self.take();
                self.name(token.at, &name)
            }
            Lexeme::Sign(".") => {
                self.take();
                let name = self.take();
                self.name(name.at, &name.text)
            }
            Lexeme::Sign("(") => {
                self.take();
                let inner = self.expression();
                self.expect(")");
                inner
            }
            Lexeme::Sign("[") => {
                self.take();
                let elements = self.elements();
                self.node(token.at, Kind::List(elements))
            }
            Lexeme::Sign("{") => {
                self.take();
                let entries = self.entries();
                self.node(token.at, Kind::Map(entries))
            }
            Lexeme::Sign("true" | "false") => self.literal(Literal::Bool(token.text == "true")),
            Lexeme::Sign("null") => self.literal(Literal::Null),
            Lexeme::String(text) => self.literal(Literal::String(text.into())),
            Lexeme::Bytes(bytes) => self.literal(Literal::Bytes(bytes.into())),
            Lexeme::Int(_) | Lexeme::Uint(_) | Lexeme::Float(_) => self.number(token.at, ""),
            Lexeme::Sign(_) | Lexeme::End => {
                self.issue(
                    token.at,
                    format!(
                        "Syntax error: mismatched input '{}' expecting {OPERAND}",
                        token.text
                    ),
                );
                self.node(token.at, Kind::Broken)
            }
        }
    }

    fn literal(&mut self, literal: Literal) -> Expr {
        let at = self.take().at;
        self.node(at, Kind::Literal(literal))
    }

    fn name(&mut self, at: usize, name: &str) -> Expr {
        if RESERVED.contains(&name) {
            self.issue(at, format!("reserved identifier: {name}"));
        }
        match self.accept("(") {
            Some(open) => {
                let args = self.arguments(")");
                macros::function(self, open, name, args)
            }
            None => self.node(at, Kind::Ident(name.into())),
        }
    }

    fn elements(&mut self) -> Vec<Element> {
        let mut elements = Vec::new();
        while !self.is("]") {
            let optional = self.accept("?").is_some();
            let value = self.expression();
            elements.push(Element { value, optional });
            if self.accept(",").is_none() {
                break;
            }
        }
        self.expect("]");
        elements
    }

    fn entries(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        while !self.is("}") {
            let optional = self.accept("?").is_some();
            let key = self.expression();
            self.expect(":");
            let value = self.expression();
            entries.push(Entry { key, value, optional });
            if self.accept(",").is_none() || !self.issues.is_empty() {
                break;
            }
        }
        self.expect("}");
        entries
    }

    fn number(&mut self, at: usize, sign: &str) -> Expr {
        let token = self.take();
        let whole = |text: &str| match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(hex) => i128::from_str_radix(hex, 16),
            None => text.parse::<i128>(),
        };
        let literal = match &token.lexeme {
            Lexeme::Int(text) => whole(text)
                .ok()
                .map(|number| if sign == "-" { -number } else { number })
                .and_then(|number| i64::try_from(number).ok())
                .map(Literal::Int)
                .ok_or("invalid int literal"),
            Lexeme::Uint(text) => whole(text)
                .ok()
                .and_then(|number| u64::try_from(number).ok())
                .map(Literal::Uint)
                .ok_or("invalid uint literal"),
            _ => format!("{sign}{}", token.text)
                .parse()
                .map(Literal::Double)
                .map_err(|_| "invalid double literal"),
        };
        match literal {
            Ok(literal) => self.node(at, Kind::Literal(literal)),
            Err(text) => {
                self.issue(at, text);
                self.node(at, Kind::Broken)
            }
        }
    }

    pub(crate) fn ident(&mut self, at: usize, name: &str) -> Expr {
        self.node(at, Kind::Ident(name.into()))
    }
}

/// The sign as the lexer's own text.
fn own(sign: &str) -> &'static str {
    match sign {
        ")" => ")",
        "]" => "]",
        "}" => "}",
        _ => ":",
    }
}
