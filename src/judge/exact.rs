//! Logarithm and exponential from additions, multiplications and divisions alone.
//!
//! The library functions may differ in the last digit from machine to machine; these do not, because IEEE 754 rounds every
//! step of them correctly. Their error is below 1e-13, relative.

/// The natural logarithm of 2.
const LN_2: f64 = std::f64::consts::LN_2;
/// Bits of the fraction of an `f64`.
const FRACTION_BITS: u32 = 52;
/// Terms of the series of the logarithm: for arguments within ±0.172 the next one is below 1e-17.
const LN_TERMS: u32 = 11;
/// Terms of the series of the exponential: for arguments within ±0.35 the next one is below 1e-17.
const EXP_TERMS: u32 = 14;

/// The natural logarithm of a positive, finite, normal number; NaN for any other.
pub fn ln(value: f64) -> f64 {
    if !(value.is_normal() && value > 0.0) {
        return f64::NAN;
    }
    // value = fraction · 2^power, with a fraction between √½ and √2.
    let bits = value.to_bits();
    let mut power = (bits >> FRACTION_BITS) as i64 - 1023;
    let mut fraction = f64::from_bits((bits & ((1 << FRACTION_BITS) - 1)) | (1023 << FRACTION_BITS));
    if fraction > std::f64::consts::SQRT_2 {
        fraction /= 2.0;
        power += 1;
    }
    // ln(f) = 2 artanh(z), z = (f − 1) / (f + 1).
    let z = (fraction - 1.0) / (fraction + 1.0);
    let square = z * z;
    let series = (0..=LN_TERMS).rev().fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    2.0 * z * series + power as f64 * LN_2
}

/// The exponential, for arguments within ±700; 0 below, infinity above.
pub fn exp(value: f64) -> f64 {
    if value.is_nan() {
        return value;
    }
    if value.abs() > 700.0 {
        return if value < 0.0 { 0.0 } else { f64::INFINITY };
    }
    let power = (value / LN_2).round();
    let rest = value - power * LN_2;
    let series = (1..=EXP_TERMS).rev().fold(1.0, |sum, term| 1.0 + rest * sum / f64::from(term));
    series * f64::from_bits(((power as i64 + 1023) as u64) << FRACTION_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_library() {
        for step in -2_000..=2_000 {
            let value = f64::from(step) / 10.0;
            let (found, expected) = (exp(value), value.exp());
            assert!((found / expected - 1.0).abs() < 1e-12, "exp({value}) = {found}");
            let (found, expected) = (ln(expected), value);
            assert!((found - expected).abs() < 1e-12 * (1.0 + expected.abs()), "ln(e^{value}) = {found}");
        }
        for value in [1e-300, 0.1, 0.5, std::f64::consts::SQRT_2, 1.0, 3.0, 1e300] {
            assert!((ln(value) - value.ln()).abs() <= 1e-13 * (1.0 + value.ln().abs()), "ln({value})");
        }
        assert_eq!((ln(1.0), exp(0.0)), (0.0, 1.0));
    }

    #[test]
    fn what_has_no_logarithm_is_not_a_number() {
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(ln(value).is_nan());
        }
        assert_eq!((exp(-1e9), exp(1e9)), (0.0, f64::INFINITY));
        assert!(exp(f64::NAN).is_nan());
    }
}
