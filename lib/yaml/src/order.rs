//! The order of keys in printed maps: runs of digits count as numbers, letters come after everything else.

use std::cmp::Ordering;

/// Compares two keys as go-yaml sorts the keys of a map.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(x, y)| x != y) else {
        return a.len().cmp(&b.len());
    };
    let (x, y) = (a[at], b[at]);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero after other digits is part of a longer number: both runs then start as if from one.
    let inside_number = (x == '0' || y == '0')
        && a[..at]
            .iter()
            .rev()
            .take_while(|c| c.is_numeric())
            .any(|c| *c != '0');
    let run = |chars: &[char]| {
        let digits = chars[at..].iter().take_while(|c| c.is_ascii_digit());
        let (mut number, mut length) = (i64::from(inside_number), 0_usize);
        for digit in digits {
            number = number.wrapping_mul(10).wrapping_add(*digit as i64 - '0' as i64);
            length += 1;
        }
        (number, length)
    };
    run(&a).cmp(&run(&b)).then(x.cmp(&y))
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
