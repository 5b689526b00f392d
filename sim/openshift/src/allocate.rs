//! The blocks of ids and the SELinux levels that namespaces get when they are made.

use std::collections::BTreeSet;

use crate::ranges::{Block, GROUPS, LEVEL, UIDS};

const FIRST: u32 = 1_000_000_000;
const LAST: u32 = 1_999_999_999;
const SIZE: u32 = 10_000;
/// SELinux knows this many categories; a level has two.
const CATEGORIES: u64 = 1_024;
/// Every block has this many levels, of which the first is given out.
const LEVELS_PER_BLOCK: u64 = 5;

/// The number of the first block that no namespace has; `taken` are the annotations of all namespaces.
pub fn lowest_free<'a>(taken: impl Iterator<Item = &'a str>) -> Option<u32> {
    let used: BTreeSet<u32> = taken
        .filter_map(|text| Block::parse(text).ok())
        .filter_map(number)
        .collect();
    (0..=(LAST - FIRST) / SIZE).find(|number| !used.contains(number))
}

/// The number of a block, if it is one of ours.
fn number(block: Block) -> Option<u32> {
    let fits = block.start >= FIRST && block.end <= LAST && block.end.wrapping_sub(block.start) == SIZE - 1;
    let offset = block.start.wrapping_sub(FIRST);
    (fits && offset.is_multiple_of(SIZE)).then_some(offset / SIZE)
}

/// What a namespace with this block is annotated with.
pub fn annotations(number: u32) -> [(&'static str, String); 3] {
    let block = format!("{}/{SIZE}", FIRST + number * SIZE);
    [
        (UIDS, block.clone()),
        (GROUPS, block),
        (LEVEL, level(u64::from(number) * LEVELS_PER_BLOCK)),
    ]
}

/// The pair of categories with this rank, greater ones first.
fn level(rank: u64) -> String {
    let pairs = |n: u64| n * n.saturating_sub(1) / 2;
    let first = (1..CATEGORIES).rev().find(|n| pairs(*n) <= rank).unwrap_or(1);
    format!("s0:c{first},c{}", rank - pairs(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ranked_pairs() {
        assert_eq!(level(0), "s0:c1,c0");
        assert_eq!(level(1), "s0:c2,c0");
        assert_eq!(level(2), "s0:c2,c1");
        assert_eq!(level(330), "s0:c26,c5");
    }

    #[test]
    fn a_block_is_given_once() {
        assert_eq!(lowest_free(["1000000000/10000", "x"].into_iter()), Some(1));
        let [(_, uids), ..] = annotations(1);
        assert_eq!(lowest_free([uids.as_str()].into_iter()), Some(0));
    }
}
