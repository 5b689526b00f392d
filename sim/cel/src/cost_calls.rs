//! Prices of functions.

use crate::{
    cost::{Coster, LETTER, Node, PATTERN, Price},
    range::Range,
    types::Type,
};

fn size(coster: &Coster<'_>, node: &Node) -> Range {
    node.size
        .or_else(|| coster.bound(&node.path))
        .unwrap_or(Range::UNKNOWN)
}

fn cost(cost: Range) -> Option<Price> {
    Some(Price { cost, size: None })
}

fn sized(cost: Range, size: Range) -> Option<Price> {
    Some(Price {
        cost,
        size: Some(size),
    })
}

/// The items of a list.
fn items(node: &Node) -> Option<Node> {
    let Type::List(item) = &node.ty else { return None };
    let mut path = node.path.clone();
    if !path.is_empty() {
        path.push("@items".into());
    }
    Some(Node {
        path,
        ty: (**item).clone(),
        size: None,
        number: None,
    })
}

/// Functions of the cluster's own libraries.
pub(crate) fn library(
    coster: &Coster<'_>,
    function: &str,
    overload: &str,
    target: Option<&Node>,
    args: &[Node],
) -> Option<Price> {
    let first = args.first().map(|arg| size(coster, arg));
    match function {
        "check" => cost(Range::exactly(350_000)),
        "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" => {
            let target = target?;
            let own = size(coster, target);
            let Some(item) = items(target) else {
                return cost(own.scaled(LETTER));
            };
            let mut each = Range::ONE;
            if matches!(item.ty, Type::String | Type::Bytes) {
                each = each.plus(size(coster, &item).scaled(LETTER));
            }
            cost(own.times(each))
        }
        "url" => sized(first?.scaled(LETTER), first?),
        "lowerAscii" | "upperAscii" | "substring" | "trim" => {
            let own = size(coster, target?);
            sized(own.scaled(LETTER), own)
        }
        "replace" if args.len() >= 2 => {
            let own = size(coster, target?);
            sized(
                own.scaled(2.0 * LETTER),
                replaced(own, size(coster, &args[0]), size(coster, &args[1])),
            )
        }
        "split" => {
            let own = size(coster, target?);
            let most = match args.get(1).and_then(|count| count.number) {
                Some(count) => count as u64,
                None => own.max,
            };
            sized(own.scaled(2.0 * LETTER), Range { min: 0, max: most })
        }
        "join" => {
            let target = target?;
            let count = size(coster, target);
            let mut own = items(target).map_or(Range::default(), |item| count.times(size(coster, &item)));
            if let Some(separator) = first {
                let gaps = Range {
                    min: count.min.saturating_sub(1),
                    max: count.max.saturating_sub(1),
                };
                own = own.plus(separator.times(gaps));
            }
            sized(own.scaled(LETTER), own)
        }
        "find" | "findAll" => {
            let own = size(coster, target?);
            let walked = own.plus(Range::ONE).scaled(LETTER);
            sized(
                walked.times(first?.scaled(PATTERN)),
                Range { min: 0, max: own.max },
            )
        }
        _ => values(function, overload, args, first),
    }
}

/// Functions of addresses, quantities, versions and formats.
fn values(function: &str, overload: &str, args: &[Node], first: Option<Range>) -> Option<Price> {
    match function {
        "ip" if overload == "cidr_ip" => cost(Range::ONE),
        "cidr" | "isIP" | "isCIDR" | "ip" | "quantity" | "isQuantity" | "semver" | "isSemver" => {
            cost(first?.scaled(LETTER))
        }
        "ip.isCanonical" => cost(first?.scaled(2.0 * LETTER)),
        "containsIP" | "containsCIDR" => {
            let bytes = Range { min: 4, max: 16 };
            let mut own = bytes.plus(bytes).scaled(LETTER);
            if function == "containsCIDR" {
                own = own.plus(bytes.scaled(LETTER)).plus(Range::ONE);
            }
            if overload.ends_with("_string") {
                own = own.plus(first?.scaled(LETTER));
            }
            cost(own)
        }
        "validate" => cost(first?.scaled(LETTER).scaled(128.0 * PATTERN)),
        "_==_" => {
            let kinds = ["net.IP", "net.CIDR", "kubernetes.Quantity", "kubernetes.Semver"];
            let known = |node: &Node| matches!(node.ty, Type::Opaque(name) if kinds.contains(&name));
            args.iter().all(known).then_some(Price {
                cost: Range::ONE,
                size: None,
            })
        }
        _ => None,
    }
}

fn replaced(own: Range, from: Range, to: Range) -> Range {
    let ceil = |whole: u64, part: u64| (whole as f64 / part as f64).ceil() as u64;
    let (mut count, mut kept) = (Range::default(), Range::default());
    if from.min == 0 {
        count.max = own.max.saturating_add(1);
        kept.max = own.max;
    } else if to.max <= from.min {
        kept.max = own.max;
    } else {
        count.max = ceil(own.max, from.min);
    }
    if from.max == 0 {
        count.min = own.min.saturating_add(1);
        kept.min = own.min;
    } else if from.max <= to.min {
        kept.min = own.min;
    } else {
        count.min = ceil(own.min, from.max);
    }
    count.times(to).plus(kept)
}

/// Functions of the language itself whose price depends on sizes.
pub(crate) fn standard(overload: &str, target: Option<&Node>, args: &[Node]) -> Option<Price> {
    let size = |node: &Node| node.size.unwrap_or(Range::UNKNOWN);
    match (overload, args) {
        ("string_format", _) => cost(size(target?).scaled(LETTER)),
        ("string_to_bytes", [arg]) => {
            let own = size(arg);
            let most = own.max.saturating_mul(4);
            sized(
                own.scaled(LETTER),
                Range {
                    min: own.min,
                    max: most,
                },
            )
        }
        ("bytes_to_string", [arg]) => {
            let own = size(arg);
            sized(
                own.scaled(LETTER),
                Range {
                    min: own.min / 4,
                    max: own.max,
                },
            )
        }
        ("strings_quote", [arg]) => {
            let own = size(arg);
            let longer = Range {
                min: own.min.saturating_add(2),
                max: own.max.saturating_mul(2).saturating_add(2),
            };
            sized(own.scaled(LETTER), longer)
        }
        ("starts_with_string" | "ends_with_string", [arg]) => cost(size(arg).scaled(LETTER)),
        ("in_list", [_, list]) => cost(size(list)),
        ("matches_string", [pattern]) => {
            let walked = size(target?).plus(Range::ONE).scaled(LETTER);
            cost(walked.times(size(pattern).scaled(PATTERN)))
        }
        ("contains_string", [part]) => {
            let walked = size(target?).scaled(LETTER);
            cost(walked.times(size(part).scaled(LETTER)))
        }
        (
            "equals"
            | "not_equals"
            | "less_string"
            | "less_equals_string"
            | "greater_string"
            | "greater_equals_string"
            | "less_bytes"
            | "less_equals_bytes"
            | "greater_bytes"
            | "greater_equals_bytes",
            [left, right],
        ) => {
            let most = size(left).max.min(size(right).max);
            let compared = Range {
                min: u64::from(most > 0),
                max: most,
            };
            cost(compared.scaled(LETTER))
        }
        _ => None,
    }
}
