//! Exact decimal arithmetic as shopspring/decimal does it, for sums of floats that look right.

use num_bigint::BigInt;

use crate::error::Error;

/// Digits after the point of a quotient.
const DIVISION_DIGITS: i32 = 16;
/// Larger differences of exponents are no use to a float.
const MAX_SHIFT: i32 = 4096;

#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// `digits` times ten to the power of `exponent`.
#[derive(Clone)]
pub(crate) struct Decimal {
    digits: BigInt,
    exponent: i32,
}

impl Decimal {
    pub(crate) fn from_float(value: f64) -> Result<Self, Error> {
        if !value.is_finite() {
            let shown = crate::float::shortest(value);
            return Err(Error::new(format!("Cannot create a Decimal from {shown}")));
        }
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i32 = exponent.parse().unwrap_or_default();
        Ok(Self {
            digits: format!("{whole}{fraction}").parse().unwrap_or_default(),
            exponent: exponent - i32::try_from(fraction.len()).unwrap_or_default(),
        })
    }

    fn at(&self, exponent: i32) -> BigInt {
        let shift = (self.exponent - exponent).clamp(0, MAX_SHIFT);
        &self.digits * power(shift)
    }

    pub(crate) fn apply(&self, operation: Operation, other: &Self) -> Result<Self, Error> {
        let exponent = self.exponent.min(other.exponent);
        Ok(match operation {
            Operation::Add => Self {
                digits: self.at(exponent) + other.at(exponent),
                exponent,
            },
            Operation::Subtract => Self {
                digits: self.at(exponent) - other.at(exponent),
                exponent,
            },
            Operation::Multiply => Self {
                digits: &self.digits * &other.digits,
                exponent: self.exponent.saturating_add(other.exponent),
            },
            Operation::Divide => return self.divide(other),
        })
    }

    fn divide(&self, other: &Self) -> Result<Self, Error> {
        let zero = BigInt::from(0);
        if other.digits == zero {
            return Err(Error::new("decimal division by 0"));
        }
        let shift = self.exponent - other.exponent + DIVISION_DIGITS;
        let (mut dividend, mut divisor) = (self.digits.clone(), other.digits.clone());
        if shift >= 0 {
            dividend *= power(shift.min(MAX_SHIFT));
        } else {
            divisor *= power((-shift).min(MAX_SHIFT));
        }
        let mut quotient = &dividend / &divisor;
        let remainder: BigInt = &dividend - &quotient * &divisor;
        let magnitude = |it: BigInt| if it < BigInt::from(0) { -it } else { it };
        if magnitude(remainder) * 2 >= magnitude(divisor.clone()) {
            let negative = (dividend < zero) != (divisor < zero);
            quotient += if negative { -1 } else { 1 };
        }
        Ok(Self {
            digits: quotient,
            exponent: -DIVISION_DIGITS,
        })
    }

    pub(crate) fn to_float(&self) -> f64 {
        format!("{}e{}", self.digits, self.exponent)
            .parse()
            .unwrap_or_default()
    }
}

fn power(exponent: i32) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or_default())
}
