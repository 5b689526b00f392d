//! The order of keys in printed maps: runs of digits count as numbers, letters come after everything else.

use std::cmp::Ordering;

/// Compares two keys as go-yaml sorts the keys of a map.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let mut pairs = left.char_indices().zip(right.chars());
    let Some(((at, x), y)) = pairs.find(|((_, x), y)| x != y) else {
        return left.len().cmp(&right.len());
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (same, a) = left.split_at(at);
    let b = right.split_at(at).1;
    // A zero after other digits is part of a longer number: both runs then start as if from one.
    let inside_number = (x == '0' || y == '0')
        && same
            .chars()
            .rev()
            .take_while(|c| c.is_numeric())
            .any(|c| c != '0');
    let run = |text: &str| {
        let digits = text.bytes().take_while(u8::is_ascii_digit);
        digits.fold((i64::from(inside_number), 0_usize), |(number, length), digit| {
            let number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            (number, length + 1)
        })
    };
    run(a).cmp(&run(b)).then(x.cmp(&y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_numbers_and_letters_come_last() {
        let mut keys = vec![
            "a10", "a9", "a-b", "aB", "ab", "a", "1", "10", "9", "z", "_z", "a/b", "a.b",
        ];
        keys.sort_by(|x, y| compare(x, y));
        assert_eq!(
            keys,
            [
                "_z", "1", "9", "10", "a", "a-b", "a.b", "a/b", "a9", "a10", "aB", "ab", "z"
            ]
        );
    }
}
