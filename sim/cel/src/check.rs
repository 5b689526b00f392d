//! Types of expressions, and what does not fit.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    ast::{Call, Expr, Fold, Kind, Literal, Select},
    issue::Issue,
    library::{FUNCTIONS, Overload},
    types::{Bindings, Type},
    validators,
};

/// An expression with the types of its parts.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) expr: Expr,
    pub(crate) types: BTreeMap<u32, Type>,
    /// Which overloads a call may mean.
    pub(crate) overloads: BTreeMap<u32, Vec<String>>,
    /// The variables it names.
    pub(crate) variables: Vec<String>,
}

impl Checked {
    pub(crate) fn of(&self, expr: &Expr) -> Type {
        self.types.get(&expr.id).cloned().unwrap_or(Type::Dyn)
    }
}

/// Checks an expression against the variables there are.
pub(crate) fn check(mut expr: Expr, variables: &[(String, Type)]) -> Result<Checked, Vec<Issue>> {
    let mut checker = Checker {
        variables,
        scopes: Vec::new(),
        bindings: Bindings::default(),
        types: BTreeMap::new(),
        overloads: BTreeMap::new(),
        used: Vec::new(),
        issues: Vec::new(),
    };
    checker.expr(&mut expr);
    if !checker.issues.is_empty() {
        return Err(checker.issues);
    }
    let bindings = checker.bindings;
    let types = checker
        .types
        .into_iter()
        .map(|(id, ty)| (id, bindings.resolve(&ty, true)))
        .collect();
    let checked = Checked {
        expr,
        types,
        overloads: checker.overloads,
        variables: checker.used,
    };
    let issues = validators::check(&checked);
    if issues.is_empty() {
        Ok(checked)
    } else {
        Err(issues)
    }
}

struct Checker<'a> {
    variables: &'a [(String, Type)],
    scopes: Vec<(Arc<str>, Type)>,
    bindings: Bindings,
    types: BTreeMap<u32, Type>,
    overloads: BTreeMap<u32, Vec<String>>,
    used: Vec<String>,
    issues: Vec<Issue>,
}

/// Names of types, which are values too.
fn named(name: &str) -> Option<Type> {
    Some(match name {
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "null_type" => Type::Null,
        "list" => Type::list(Type::Dyn),
        "map" => Type::map(Type::Dyn, Type::Dyn),
        "type" => Type::TypeOf(Arc::new(Type::Dyn)),
        "optional_type" => Type::optional(Type::Dyn),
        "google.protobuf.Timestamp" => Type::Timestamp,
        "google.protobuf.Duration" => Type::Duration,
        "net.IP" => Type::Opaque("net.IP"),
        "net.CIDR" => Type::Opaque("net.CIDR"),
        "kubernetes.URL" => Type::Opaque("kubernetes.URL"),
        "kubernetes.Quantity" => Type::Opaque("kubernetes.Quantity"),
        "kubernetes.Semver" => Type::Opaque("kubernetes.Semver"),
        _ => return None,
    })
}

impl Checker<'_> {
    fn issue(&mut self, at: usize, text: String) {
        self.issues.push(Issue { at, text });
    }

    fn undeclared(&mut self, at: usize, name: &str) {
        self.issue(at, format!("undeclared reference to '{name}' (in container '')"));
    }

    fn lookup(&mut self, name: &str) -> Option<Type> {
        if let Some((_, ty)) = self.scopes.iter().rev().find(|(own, _)| &**own == name) {
            return Some(ty.clone());
        }
        if let Some((own, ty)) = self.variables.iter().find(|(own, _)| own == name) {
            if !self.used.contains(own) {
                self.used.push(own.clone());
            }
            return Some(ty.clone());
        }
        named(name).map(|ty| Type::TypeOf(Arc::new(ty)))
    }

    fn get(&self, expr: &Expr) -> Type {
        let ty = self.types.get(&expr.id).unwrap_or(&Type::Error);
        self.bindings.resolve(ty, false)
    }

    fn expr(&mut self, expr: &mut Expr) {
        let (id, at) = (expr.id, expr.at);
        let ty = match &mut expr.kind {
            Kind::Literal(literal) => match literal {
                Literal::Null => Type::Null,
                Literal::Bool(_) => Type::Bool,
                Literal::Int(_) => Type::Int,
                Literal::Uint(_) => Type::Uint,
                Literal::Double(_) => Type::Double,
                Literal::String(_) => Type::String,
                Literal::Bytes(_) => Type::Bytes,
            },
            Kind::Ident(name) => {
                let name = Arc::clone(name);
                self.lookup(&name).unwrap_or_else(|| {
                    self.undeclared(at, &name);
                    Type::Error
                })
            }
            Kind::Select(_) => {
                let qualified = expr.qualified().filter(|name| named(name).is_some());
                if let Some(name) = qualified {
                    expr.kind = Kind::Ident(name.as_str().into());
                    self.lookup(&name).unwrap_or(Type::Error)
                } else if let Kind::Select(select) = &mut expr.kind {
                    self.select(at, select)
                } else {
                    Type::Error
                }
            }
            Kind::Call(call) => self.call(id, at, call),
            Kind::List(elements) => {
                let mut item: Option<Type> = None;
                for element in elements.iter_mut() {
                    self.expr(&mut element.value);
                    let mut own = self.get(&element.value);
                    if element.optional {
                        own = self.unwrapped(element.value.at, own);
                    }
                    item = Some(self.join(item, own));
                }
                Type::list(item.unwrap_or_else(|| self.bindings.fresh()))
            }
            Kind::Map(entries) => {
                let mut ends: (Option<Type>, Option<Type>) = (None, None);
                for entry in entries.iter_mut() {
                    self.expr(&mut entry.key);
                    self.expr(&mut entry.value);
                    let key = self.get(&entry.key);
                    let mut value = self.get(&entry.value);
                    if entry.optional {
                        value = self.unwrapped(entry.value.at, value);
                    }
                    ends = (Some(self.join(ends.0, key)), Some(self.join(ends.1, value)));
                }
                let key = ends.0.unwrap_or_else(|| self.bindings.fresh());
                let value = ends.1.unwrap_or_else(|| self.bindings.fresh());
                Type::map(key, value)
            }
            Kind::Fold(fold) => self.fold(fold),
            Kind::Broken => Type::Error,
        };
        self.types.insert(id, ty);
    }

    fn unwrapped(&mut self, at: usize, ty: Type) -> Type {
        match ty {
            Type::Optional(inner) => (*inner).clone(),
            other if other.loose() => Type::Dyn,
            other => {
                self.issue(
                    at,
                    format!("expected type 'optional_type({other})' but found '{other}'"),
                );
                Type::Dyn
            }
        }
    }

    fn join(&mut self, before: Option<Type>, next: Type) -> Type {
        match before {
            None => next,
            Some(before) if self.bindings.fit(&next, &before) => {
                if next.loose() {
                    next
                } else {
                    before
                }
            }
            Some(_) => Type::Dyn,
        }
    }

    fn select(&mut self, at: usize, select: &mut Select) -> Type {
        self.expr(&mut select.operand);
        let found = self.field(at, &select.operand, &select.field, false);
        if select.test { Type::Bool } else { found }
    }

    fn field(&mut self, at: usize, operand: &Expr, field: &str, optional: bool) -> Type {
        let operand = self.get(operand);
        let (target, wrapped) = match &operand {
            Type::Optional(inner) => ((**inner).clone(), true),
            other => (other.clone(), false),
        };
        let found = match self.bindings.resolve(&target, false) {
            Type::Map(_, value) => (*value).clone(),
            Type::Object(decl) => match decl.fields.get(field) {
                Some(shape) => shape.ty.clone(),
                None => {
                    self.issue(at, format!("undefined field '{field}'"));
                    Type::Error
                }
            },
            Type::Var(_) => {
                self.bindings.fit(&Type::Dyn, &target);
                Type::Dyn
            }
            other if other.loose() => Type::Dyn,
            other => {
                self.issue(at, format!("type '{other}' does not support field selection"));
                Type::Dyn
            }
        };
        if wrapped || optional {
            Type::optional(found)
        } else {
            found
        }
    }

    fn call(&mut self, id: u32, at: usize, call: &mut Call) -> Type {
        if &*call.function == "_?._" && call.args.len() == 2 {
            self.expr(&mut call.args[0]);
            let key = match &call.args[1].kind {
                Kind::Literal(Literal::String(key)) => Arc::clone(key),
                _ => "".into(),
            };
            self.types.insert(call.args[1].id, Type::String);
            self.overloads.insert(id, vec!["select_optional_field".into()]);
            return self.field(at, &call.args[0], &key, true);
        }
        for arg in &mut call.args {
            self.expr(arg);
        }
        if let Some(target) = &mut call.target {
            let whole = target
                .qualified()
                .map(|prefix| format!("{prefix}.{}", call.function))
                .filter(|name| FUNCTIONS.contains_key(name));
            match whole {
                Some(name) => {
                    call.function = name.as_str().into();
                    call.target = None;
                }
                None => self.expr(target),
            }
        }
        let Some(overloads) = FUNCTIONS.get(&*call.function) else {
            let name = Arc::clone(&call.function);
            self.undeclared(at, &name);
            return Type::Error;
        };
        self.resolve(id, at, call, overloads)
    }

    fn resolve(&mut self, id: u32, at: usize, call: &Call, overloads: &[Overload]) -> Type {
        if matches!(&*call.function, "_&&_" | "_||_") {
            for arg in &call.args {
                let ty = self.get(arg);
                if !self.bindings.fit(&ty, &Type::Bool) {
                    self.issue(
                        arg.at,
                        format!(
                            "expected type 'bool' but found '{}'",
                            self.bindings.resolve(&ty, true)
                        ),
                    );
                }
            }
            self.overloads.insert(id, vec![overloads[0].id.clone()]);
            return Type::Bool;
        }
        let given: Vec<Type> = call
            .target
            .iter()
            .chain(&call.args)
            .map(|arg| self.get(arg))
            .collect();
        let mut result: Option<Type> = None;
        let mut matching = Vec::new();
        for overload in overloads
            .iter()
            .filter(|overload| overload.member == call.target.is_some())
        {
            let mut fresh = BTreeMap::new();
            let wanted: Vec<Type> = overload
                .params
                .iter()
                .map(|param| self.instantiate(param, &mut fresh))
                .collect();
            let made = self.instantiate(&overload.result, &mut fresh);
            if self.bindings.fit_all(&given, &wanted) {
                matching.push(overload.id.clone());
                let own = self.bindings.resolve(&made, false);
                result = Some(match result {
                    None => own,
                    Some(before) if before.loose() || before == own => before,
                    Some(_) => Type::Dyn,
                });
            }
        }
        if let Some(result) = result {
            self.overloads.insert(id, matching);
            return result;
        }
        let shown: Vec<String> = given
            .iter()
            .map(|ty| self.bindings.resolve(ty, true).to_string())
            .collect();
        let signature = match (call.target.is_some(), shown.split_first()) {
            (true, Some((target, args))) => format!("{target}.({})", args.join(", ")),
            _ => format!("({})", shown.join(", ")),
        };
        self.issue(
            at,
            format!(
                "found no matching overload for '{}' applied to '{signature}'",
                call.function
            ),
        );
        Type::Error
    }

    fn instantiate(&mut self, ty: &Type, fresh: &mut BTreeMap<&'static str, Type>) -> Type {
        match ty {
            Type::Param(name) => {
                if let Some(known) = fresh.get(name) {
                    return known.clone();
                }
                let made = self.bindings.fresh();
                fresh.insert(name, made.clone());
                made
            }
            Type::List(item) => Type::list(self.instantiate(item, fresh)),
            Type::Optional(inner) => Type::optional(self.instantiate(inner, fresh)),
            Type::TypeOf(inner) => Type::TypeOf(Arc::new(self.instantiate(inner, fresh))),
            Type::Map(key, value) => Type::map(self.instantiate(key, fresh), self.instantiate(value, fresh)),
            other => other.clone(),
        }
    }

    fn fold(&mut self, fold: &mut Fold) -> Type {
        self.expr(&mut fold.range);
        self.expr(&mut fold.init);
        let range = self.get(&fold.range);
        let (first, second) = match &range {
            Type::List(item) if fold.second.is_some() => (Type::Int, (**item).clone()),
            Type::List(item) => ((**item).clone(), Type::Dyn),
            Type::Map(key, value) => ((**key).clone(), (**value).clone()),
            Type::Var(_) => {
                self.bindings.fit(&Type::Dyn, &range);
                (Type::Dyn, Type::Dyn)
            }
            other if other.loose() => (Type::Dyn, Type::Dyn),
            other => {
                let text = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.issue(fold.range.at, text);
                (Type::Error, Type::Error)
            }
        };
        let depth = self.scopes.len();
        let accu = self.get(&fold.init);
        self.scopes.push((Arc::clone(&fold.accu), accu.clone()));
        self.scopes.push((Arc::clone(&fold.var), first));
        if let Some(name) = &fold.second {
            self.scopes.push((Arc::clone(name), second));
        }
        self.expr(&mut fold.condition);
        self.wanted(&fold.condition, &Type::Bool);
        self.expr(&mut fold.step);
        self.wanted(&fold.step, &accu);
        self.scopes.truncate(depth + 1);
        self.expr(&mut fold.result);
        self.scopes.truncate(depth);
        self.get(&fold.result)
    }

    fn wanted(&mut self, expr: &Expr, wanted: &Type) {
        let found = self.get(expr);
        if !self.bindings.fit(&found, wanted) {
            let wanted = self.bindings.resolve(wanted, true);
            let found = self.bindings.resolve(&found, true);
            self.issue(expr.at, format!("expected type '{wanted}' but found '{found}'"));
        }
    }
}
