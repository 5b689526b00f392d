//! What an expression may cost at most, by the bounds of the values it sees.

use std::collections::BTreeMap;

use crate::{
    ast::{Call, Expr, Fold, Kind, Literal},
    check::Checked,
    cost_calls,
    decl::Shape,
    macros::ACCUMULATOR,
    range::Range,
    types::Type,
};

/// The cost of walking over one letter.
pub(crate) const LETTER: f64 = 0.1;
/// The cost of a letter of a pattern.
pub(crate) const PATTERN: f64 = 0.25;
const LIST: u64 = 10;
const MAP: u64 = 30;

/// The upper bound of the cost. `shape` is the type of every variable.
pub(crate) fn most(checked: &Checked, shape: Option<&Shape>) -> u64 {
    let mut coster = Coster {
        checked,
        shape,
        paths: BTreeMap::new(),
        sizes: BTreeMap::new(),
        entries: BTreeMap::new(),
        locals: Vec::new(),
    };
    coster.expr(&checked.expr).max
}

/// Sizes of the keys and values of a list or map that is known.
#[derive(Debug, Clone, Copy)]
struct Entries {
    list: bool,
    key: Range,
    value: Range,
}

struct Local {
    name: String,
    path: Vec<String>,
    size: Option<Range>,
    entries: Option<Entries>,
}

/// A part of an expression as the prices of functions see it.
pub(crate) struct Node {
    pub(crate) path: Vec<String>,
    pub(crate) ty: Type,
    pub(crate) size: Option<Range>,
    /// The value, if it is a whole number that is written out.
    pub(crate) number: Option<i64>,
}

/// The price of a call, and the size of what it makes.
pub(crate) struct Price {
    pub(crate) cost: Range,
    pub(crate) size: Option<Range>,
}

pub(crate) struct Coster<'a> {
    checked: &'a Checked,
    shape: Option<&'a Shape>,
    paths: BTreeMap<u32, Vec<String>>,
    sizes: BTreeMap<u32, Range>,
    entries: BTreeMap<u32, Entries>,
    locals: Vec<Local>,
}

impl Coster<'_> {
    fn local(&self, name: &str) -> Option<&Local> {
        self.locals.iter().rev().find(|local| local.name == name)
    }

    fn path(&self, expr: &Expr) -> Vec<String> {
        if let Kind::Ident(name) = &expr.kind
            && let Some(local) = self.local(name)
        {
            return local.path.clone();
        }
        self.paths.get(&expr.id).cloned().unwrap_or_default()
    }

    /// The bound of what a path leads to. Whatever variable it starts at has the one shape.
    pub(crate) fn bound(&self, path: &[String]) -> Option<Range> {
        let (_, rest) = path.split_first()?;
        let mut shape = self.shape?;
        for step in rest {
            shape = match step.as_str() {
                "@items" | "@values" => shape.inner.as_deref()?,
                "@keys" => {
                    // Keys are texts without a bound of their own.
                    return matches!(shape.ty, Type::Map(..)).then_some(Range { min: 0, max: 0 });
                }
                "@indices" => return None,
                field => shape.field(field)?,
            };
        }
        Some(Range {
            min: 0,
            max: shape.most,
        })
    }

    fn size(&self, expr: &Expr) -> Option<Range> {
        if let Some(size) = self.sizes.get(&expr.id) {
            return Some(*size);
        }
        let own = match &expr.kind {
            Kind::Literal(Literal::String(text)) => Some(text.chars().count()),
            Kind::Literal(Literal::Bytes(bytes)) => Some(bytes.len()),
            Kind::Literal(_) => Some(1),
            Kind::List(elements) => Some(elements.len()),
            Kind::Map(entries) => Some(entries.len()),
            _ => None,
        };
        if let Some(own) = own {
            return Some(Range::exactly(own as u64));
        }
        if let Some(bound) = self.bound(&self.path(expr)) {
            return Some(bound);
        }
        match self.checked.of(expr) {
            Type::Null
            | Type::Bool
            | Type::Double
            | Type::Duration
            | Type::Int
            | Type::Timestamp
            | Type::Uint => return Some(Range::ONE),
            _ => {}
        }
        match &expr.kind {
            Kind::Ident(name) => self.local(name).and_then(|local| local.size),
            _ => None,
        }
    }

    fn entries(&self, expr: &Expr) -> Option<Entries> {
        if let Some(entries) = self.entries.get(&expr.id) {
            return Some(*entries);
        }
        match &expr.kind {
            Kind::Ident(name) => self.local(name).and_then(|local| local.entries),
            _ => None,
        }
    }

    fn size_or_unknown(&self, expr: &Expr) -> Range {
        self.size(expr).unwrap_or(Range::UNKNOWN)
    }

    fn node(&self, expr: &Expr) -> Node {
        let mut path = self.path(expr);
        if path.first().is_some_and(|first| first == ACCUMULATOR) {
            path.clear();
        }
        Node {
            path,
            ty: self.checked.of(expr),
            size: self.size(expr),
            number: match expr.kind {
                Kind::Literal(Literal::Int(number)) => Some(number),
                _ => None,
            },
        }
    }

    fn expr(&mut self, expr: &Expr) -> Range {
        match &expr.kind {
            Kind::Literal(_) | Kind::Broken => Range::default(),
            Kind::Ident(name) => {
                let path = match self.local(name) {
                    Some(local) => local.path.clone(),
                    None => vec![name.to_string()],
                };
                self.paths.insert(expr.id, path);
                Range::ONE
            }
            Kind::Select(select) => {
                let operand = self.expr(&select.operand);
                if select.test {
                    return operand;
                }
                let mut path = self.path(&select.operand);
                path.push(select.field.to_string());
                self.paths.insert(expr.id, path);
                match self.checked.of(&select.operand) {
                    Type::Map(..) | Type::Object(_) => operand.plus(Range::ONE),
                    _ => operand,
                }
            }
            Kind::Call(call) => self.call(expr, call),
            Kind::List(elements) => {
                let mut sum = Range::exactly(LIST);
                let mut item: Option<Range> = None;
                for element in elements {
                    sum = sum.plus(self.expr(&element.value));
                    let own = self.size_or_unknown(&element.value);
                    item = Some(item.map_or(own, |item| item.union(own)));
                }
                let value = item.unwrap_or_default();
                let key = Range::ONE;
                self.entries.insert(
                    expr.id,
                    Entries {
                        list: true,
                        key,
                        value,
                    },
                );
                sum
            }
            Kind::Map(entries) => {
                let mut sum = Range::exactly(MAP);
                let mut ends: Option<(Range, Range)> = None;
                for entry in entries {
                    sum = sum.plus(self.expr(&entry.key)).plus(self.expr(&entry.value));
                    let own = (
                        self.size_or_unknown(&entry.key),
                        self.size_or_unknown(&entry.value),
                    );
                    ends = Some(ends.map_or(own, |ends| (ends.0.union(own.0), ends.1.union(own.1))));
                }
                let (key, value) = ends.unwrap_or_default();
                self.entries.insert(
                    expr.id,
                    Entries {
                        list: false,
                        key,
                        value,
                    },
                );
                sum
            }
            Kind::Fold(fold) => self.fold(expr, fold),
        }
    }

    fn push(&mut self, name: &str, path: Vec<String>, size: Option<Range>, entries: Option<Entries>) {
        self.locals.push(Local {
            name: name.to_owned(),
            path,
            size,
            entries,
        });
    }

    /// A loop's variable: the key or the value of an entry of the range.
    fn iterate(&mut self, name: &str, range: &Expr, key: bool) {
        let entries = self.entries(range);
        let list = entries.map_or(matches!(self.checked.of(range), Type::List(_)), |entries| {
            entries.list
        });
        let size = entries.map(|entries| if key { entries.key } else { entries.value });
        let step = match (list, key) {
            (true, true) => "@indices",
            (false, true) => "@keys",
            (true, false) => "@items",
            (false, false) => "@values",
        };
        let mut path = self.path(range);
        path.push(step.to_owned());
        self.push(name, path, size, None);
    }

    fn fold(&mut self, expr: &Expr, fold: &Fold) -> Range {
        let mut sum = self.expr(&fold.range).plus(self.expr(&fold.init));
        let depth = self.locals.len();
        let (path, size, entries) = (
            self.path(&fold.init),
            self.size(&fold.init),
            self.entries(&fold.init),
        );
        self.push(&fold.accu, path, size, entries);
        if &*fold.accu != ACCUMULATOR {
            // Only gives a value a name.
            sum = sum.plus(self.expr(&fold.result));
            self.locals.truncate(depth);
            if let Some(size) = self.size(&fold.result) {
                self.sizes.insert(expr.id, size);
            }
            if let Some(entries) = self.entries(&fold.result) {
                self.entries.insert(expr.id, entries);
            }
            return sum;
        }
        match &fold.second {
            Some(second) => {
                self.iterate(&fold.var, &fold.range, true);
                self.iterate(second, &fold.range, false);
            }
            None => {
                let list = self
                    .entries(&fold.range)
                    .map_or(matches!(self.checked.of(&fold.range), Type::List(_)), |entries| {
                        entries.list
                    });
                self.iterate(&fold.var, &fold.range, !list);
            }
        }
        let round = self.expr(&fold.condition).plus(self.expr(&fold.step));
        self.locals.truncate(depth + 1);
        sum = sum.plus(self.expr(&fold.result));
        self.locals.truncate(depth);
        let count = self.size_or_unknown(&fold.range);
        match &fold.init.kind {
            Kind::Literal(_) => {
                if let Some(size) = self.size(&fold.init) {
                    self.sizes.insert(expr.id, size);
                }
            }
            Kind::List(_) | Kind::Map(_) => {
                self.sizes.insert(expr.id, count);
                if let Some(entries) = self.entries(&fold.step) {
                    self.entries.insert(expr.id, entries);
                }
            }
            _ => {}
        }
        sum.plus(count.times(round))
    }

    fn call(&mut self, expr: &Expr, call: &Call) -> Range {
        if &*call.function == "dyn" && call.args.len() == 1 {
            let cost = self.expr(&call.args[0]).plus(Range::ONE);
            if let Some(size) = self.size(&call.args[0]) {
                self.sizes.insert(expr.id, size);
            }
            if let Some(entries) = self.entries(&call.args[0]) {
                self.entries.insert(expr.id, entries);
            }
            return cost;
        }
        let costs: Vec<Range> = call.args.iter().map(|arg| self.expr(arg)).collect();
        let nodes: Vec<Node> = call.args.iter().map(|arg| self.node(arg)).collect();
        let mut sum = Range::default();
        let target = call.target.as_ref().map(|target| {
            sum = self.expr(target);
            self.node(target)
        });
        let overloads = self.checked.overloads.get(&expr.id).cloned().unwrap_or_default();
        if overloads.is_empty() {
            return Range::default();
        }
        let mut cost: Option<Range> = None;
        let mut size: Option<Range> = None;
        for overload in &overloads {
            let price = self.price(expr, call, overload, target.as_ref(), (&nodes, &costs));
            cost = Some(cost.map_or(price.cost, |cost| cost.union(price.cost)));
            if let Some(own) = price.size {
                size = Some(size.map_or(own, |size| size.union(own)));
            }
            let step = match overload.as_str() {
                "index_list" => Some("@items"),
                "index_map" => Some("@values"),
                _ => None,
            };
            if let (Some(step), Some(list)) = (step, call.args.first()) {
                size = self.entries(list).map(|entries| entries.value);
                let mut path = self.path(list);
                path.push(step.to_owned());
                self.paths.insert(expr.id, path);
            }
            size = size.or_else(|| self.size(expr));
        }
        if let Some(size) = size {
            self.sizes.insert(expr.id, size);
        }
        sum.plus(cost.unwrap_or_default())
    }

    fn price(
        &mut self,
        expr: &Expr,
        call: &Call,
        overload: &str,
        target: Option<&Node>,
        (args, costs): (&[Node], &[Range]),
    ) -> Price {
        let all = costs.iter().fold(Range::default(), |sum, cost| sum.plus(*cost));
        if let Some(mut price) = cost_calls::library(self, &call.function, overload, target, args) {
            price.cost = price.cost.plus(all);
            return price;
        }
        let plain = |cost: Range| Price { cost, size: None };
        match (overload, args, costs) {
            ("logical_or" | "logical_and", _, [left, right]) => plain(Range {
                min: left.min,
                max: left.max.saturating_add(right.max),
            }),
            ("conditional", [_, then, otherwise], [condition, then_cost, otherwise_cost]) => {
                let size = then
                    .size
                    .unwrap_or(Range::UNKNOWN)
                    .union(otherwise.size.unwrap_or(Range::UNKNOWN));
                if let (Some(own), Some(other)) = (self.entries(&call.args[1]), self.entries(&call.args[2])) {
                    self.entries.insert(expr.id, own.union(other));
                }
                Price {
                    cost: condition.plus(then_cost.union(*otherwise_cost)),
                    size: Some(size),
                }
            }
            ("add_list" | "add_string" | "add_bytes", [left, right], _) => {
                let size = left
                    .size
                    .unwrap_or(Range::UNKNOWN)
                    .plus(right.size.unwrap_or(Range::UNKNOWN));
                if let (Some(own), Some(other)) = (self.entries(&call.args[0]), self.entries(&call.args[1])) {
                    self.entries.insert(expr.id, own.union(other));
                }
                let own = if overload == "add_list" {
                    Range::ONE
                } else {
                    size.scaled(LETTER)
                };
                Price {
                    cost: own.plus(all),
                    size: Some(size),
                }
            }
            _ => cost_calls::standard(overload, target, args).map_or_else(
                || plain(Range::ONE.plus(all)),
                |price| Price {
                    cost: price.cost.plus(all),
                    size: price.size,
                },
            ),
        }
    }
}

impl Entries {
    fn union(self, other: Self) -> Self {
        Self {
            list: self.list,
            key: self.key.union(other.key),
            value: self.value.union(other.value),
        }
    }
}
