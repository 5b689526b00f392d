//! Expressions and what becomes of them.

use serde_json::json;

use super::*;

fn schema() -> serde_json::Value {
    json!({"type": "object", "properties": {
        "i": {"type": "integer"}, "s": {"type": "string", "maxLength": 50},
        "l": {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 20}},
        "m": {"type": "object", "maxProperties": 10, "additionalProperties": {"type": "string", "maxLength": 20}},
        "d": {"type": "number"}, "dt": {"type": "string", "format": "date-time"},
        "ios": {"x-kubernetes-int-or-string": true}, "a-b": {"type": "string"},
        "big": {"type": "array", "maxItems": 1000, "items": {"type": "string", "maxLength": 10}},
        "ul": {"type": "array", "items": {"type": "string"}}, "us": {"type": "string"},
    }})
}

fn compile(source: &str) -> Result<(Program, Shape), String> {
    let shape = Shape::of(&schema(), false, "self").unwrap();
    let program = Environment::new()
        .with("self", shape.ty.clone())
        .compile(source)?;
    Ok((program, shape))
}

fn evaluate(source: &str) -> String {
    let (program, _) = match compile(source) {
        Ok(compiled) => compiled,
        Err(text) => return text,
    };
    let object = json!({"i": 3, "s": "abc", "l": ["b", "a"], "m": {"k": "v"}, "d": 1.5, "ios": "x",
        "dt": "2026-01-02T03:04:05Z", "a-b": "dash"});
    let own = Value::read(&object, &schema(), false);
    match program.evaluate(&[("self", own)], PER_CALL).0 {
        Ok(value) => operators::plain(&value),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn what_the_genuine_checker_refuses() {
    for (source, text) in [
        (
            "foo == 1",
            "1:1: undeclared reference to 'foo' (in container '')\n | foo == 1\n | ^",
        ),
        (
            "self.nope == 1",
            "1:5: undefined field 'nope'\n | self.nope == 1\n | ....^",
        ),
        (
            "self.i + self.s == 'x'",
            "1:8: found no matching overload for '_+_' applied to '(int, string)'",
        ),
        (
            "self.s == null",
            "1:8: found no matching overload for '_==_' applied to '(string, null)'",
        ),
        (
            "self.i == 1u",
            "1:8: found no matching overload for '_==_' applied to '(int, uint)'",
        ),
        (
            "self.s.reverse() == 'x'",
            "1:15: found no matching overload for 'reverse' applied to 'string.()'",
        ),
        ("self.s.matches('(')", "1:16: invalid matches argument"),
        (
            "self.i >",
            "1:9: Syntax error: mismatched input '<EOF>' expecting {'[', ",
        ),
        (
            "[1, 'a'].size() == 2",
            "1:5: expected type 'int' but found 'string'",
        ),
    ] {
        let refused = compile(source).err().unwrap_or_default();
        assert!(
            refused.starts_with(&format!("ERROR: <input>:{text}")),
            "{source}: {refused}"
        );
    }
    assert_eq!(
        compile("math.greatest(1,2) == 2")
            .err()
            .unwrap()
            .matches("undeclared reference")
            .count(),
        2
    );
    assert_eq!(
        compile("self.i == in")
            .err()
            .unwrap()
            .matches("mismatched input")
            .count(),
        2
    );
    let authorizer = compile("authorizer.path('/x').check('get').allowed()")
        .err()
        .unwrap();
    assert_eq!(authorizer.matches("ERROR").count(), 1, "{authorizer}");
}

#[test]
fn values_of_expressions() {
    for (source, value) in [
        ("self.l.all(x, x != '')", "true"),
        ("self.l.exists(i, v, i == 1 && v == 'a')", "true"),
        ("self.l.filter(x, x == 'a').size()", "1"),
        ("self.l.map(x, x + '1').join(',')", "b1,a1"),
        ("self.m.transformMap(k, v, v + 'x')['k']", "vx"),
        ("self.l.transformList(i, v, v).size()", "2"),
        ("self.?s.orValue('z')", "abc"),
        ("self.?us.orValue('z')", "z"),
        ("self.m[?'no'].hasValue()", "false"),
        ("self.?s.optMap(x, x + '1').orValue('')", "abc1"),
        ("self.l.sortBy(x, x)[0]", "a"),
        ("has(self.us) || self.a__dash__b == 'dash'", "true"),
        ("type(self.ios) == string ? self.ios == 'x' : false", "true"),
        ("'%s-%d %.2f'.format([self.s, self.i, 1.5])", "abc-3 1.50"),
        ("self.dt.getFullYear()", "2026"),
        ("quantity('1Gi').isGreaterThan(quantity('1000M'))", "true"),
        ("quantity('100m').add(quantity('0.9')).asInteger()", "1"),
        ("cidr('10.0.0.0/8').containsIP('10.2.3.4') && !isIP('x')", "true"),
        ("url('https://a.example:80/x?q=1').getHostname()", "a.example"),
        ("semver('1.2.3').isLessThan(semver('1.10.0'))", "true"),
        ("format.dns1123Label().validate('A_b').hasValue()", "true"),
        ("sets.contains(self.l, ['a'])", "true"),
        ("'a1b22'.findAll('[0-9]+').size()", "2"),
        ("size('\\u00e9') + -1", "0"),
        ("10 / (self.i - 3) > 1", "division by zero"),
        ("self.us == 'a'", "no such key: us"),
        ("self.l[5] == 'a'", "index out of bounds: 5"),
        ("int('x') > 0", "type conversion error from 'string' to 'int'"),
        (
            "ip('x').family() == 4",
            "IP Address \"x\" parse error during conversion from string: ParseAddr(\"x\"): unable to parse IP",
        ),
        (
            "url('::').getHost() == ''",
            "URL parse error during conversion from string: parse \"::\": missing protocol scheme",
        ),
        ("self.l[5] == 'a' || true", "true"),
        ("duration('90m').getHours() + lists.range(3).sum()", "4"),
    ] {
        assert_eq!(evaluate(source), value, "{source}");
    }
}

#[test]
fn costs_are_bounded_by_the_schema() {
    for (source, dear) in [
        ("self.l.all(x, self.l.all(y, x == y))", false),
        (
            "self.big.all(x, self.big.all(y, self.big.all(z, x == y && y == z)))",
            true,
        ),
        ("self.ul.all(x, self.ul.all(y, x == y))", true),
        ("self.us.contains('x')", false),
        ("self.?s.optMap(x, x + '1').orValue('') == 'a1'", true),
        ("self.m.transformMap(k, v, v + 'x').size() > 0", false),
        ("'v ' + string(self.i) == ''", true),
    ] {
        let (program, shape) = compile(source).unwrap();
        assert_eq!(program.most(Some(&shape)) > 10_000_000, dear, "{source}");
    }
}

#[test]
fn evaluation_stops_when_it_costs_too_much() {
    let source = "lists.range(1000).all(x, lists.range(1000).all(y, x + y >= 0))";
    assert_eq!(evaluate(source), Fault::Budget.to_string());
}
