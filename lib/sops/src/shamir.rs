//! A secret put together from parts: Shamir's scheme over the field of 256 elements that AES uses.

/// The secret that the parts are points of; the last byte of a part is its place.
pub(crate) fn combine(parts: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let Some(first) = parts.first().filter(|_| parts.len() >= 2) else {
        return Err("less than two parts cannot be used to reconstruct the secret".to_owned());
    };
    if first.len() < 2 {
        return Err("parts must be at least two bytes".to_owned());
    }
    if parts.iter().any(|part| part.len() != first.len()) {
        return Err("all parts must be the same length".to_owned());
    }
    let places: Vec<u8> = parts.iter().filter_map(|part| part.last().copied()).collect();
    for (index, place) in places.iter().enumerate() {
        if places.iter().skip(index + 1).any(|other| other == place) {
            return Err("duplicate part detected".to_owned());
        }
    }
    let secret = (0..first.len() - 1).map(|byte| {
        let values = parts.iter().filter_map(|part| part.get(byte).copied());
        at_zero(&places, values)
    });
    Ok(secret.collect())
}

/// The polynomial's value at zero. Subtraction is addition in this field.
fn at_zero(places: &[u8], values: impl Iterator<Item = u8>) -> u8 {
    let terms = places.iter().zip(values).map(|(place, value)| {
        let others = places.iter().filter(|other| *other != place);
        let basis = others.fold(1, |basis, other| {
            times(basis, times(*other, inverse(place ^ other)))
        });
        times(value, basis)
    });
    terms.fold(0, |sum, term| sum ^ term)
}

fn times(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        let overflows = a & 0x80 != 0;
        a <<= 1;
        if overflows {
            a ^= 0x1b;
        }
        b >>= 1;
    }
    product
}

/// What times `a` is one: `a` to the power of 254.
fn inverse(a: u8) -> u8 {
    (0..253).fold(a, |power, _| times(power, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_divides() {
        for a in 1..=255 {
            assert_eq!(times(a, inverse(a)), 1, "{a}");
        }
    }

    #[test]
    fn parts_give_the_secret() {
        // The line through (0, 7) with slope 3, and (0, 200) with slope 9.
        let part = |x: u8| vec![7 ^ times(3, x), 200 ^ times(9, x), x];
        assert_eq!(combine(&[part(5), part(250)]).unwrap(), [7, 200]);
        for parts in [
            vec![],
            vec![part(1)],
            vec![part(1), part(1)],
            vec![part(1), vec![1]],
            vec![vec![1], vec![2]],
        ] {
            assert!(combine(&parts).is_err(), "{parts:?}");
        }
    }
}
