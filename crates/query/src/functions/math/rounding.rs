//! Whole numbers near a number.

use crate::functions::entry::{Entry, real};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "abs",
        1,
        "abs(x)",
        "The number without its sign.",
        &["* | abs(-1) as x"],
        |_, a| real("math_abs", Run::Real(|x| x[0].abs()), a),
    ),
    Entry::new(
        "ceil",
        1,
        "ceil(x)",
        "The next whole number above.",
        &["* | ceil(1.2) as x"],
        |_, a| real("math_ceil", Run::Real(|x| x[0].ceil()), a),
    )
    .or(&["ceiling"]),
    Entry::new(
        "floor",
        1,
        "floor(x)",
        "The next whole number below.",
        &["* | floor(1.2) as x"],
        |_, a| real("math_floor", Run::Real(|x| x[0].floor()), a),
    ),
    Entry::new(
        "round",
        1,
        "round(x [, digits])",
        "Rounded to a whole number, or to digits after the point; a half goes up.",
        &["* | round(1.234, 2) as x"],
        |_, a| real("math_round", Run::Real(round), a),
    )
    .up_to(2),
    Entry::new(
        "rint",
        1,
        "rint(x)",
        "Rounded to a whole number; a half goes to the even one.",
        &["* | rint(2.5) as x"],
        |_, a| real("math_rint", Run::Real(|x| x[0].round_ties_even()), a),
    ),
    Entry::new(
        "floorMod",
        2,
        "floorMod(a, b)",
        "The rest of a division, with the sign of the divisor.",
        &["* | floorMod(-7, 3) as x"],
        |_, a| {
            real(
                "math_floor_mod",
                Run::Real(|x| x[0] - (x[0] / x[1]).floor() * x[1]),
                a,
            )
        },
    ),
];

fn round(arguments: &[f64]) -> f64 {
    let value = arguments[0];
    match arguments.get(1) {
        None => (value + 0.5).floor(),
        Some(digits) => {
            let factor = 10_f64.powf(digits.trunc().clamp(-300.0, 300.0));
            let rounded = (value * factor + 0.5).floor() / factor;
            // Beyond the precision of a double there is nothing to round.
            if rounded.is_finite() { rounded } else { value }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_goes_up() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        near(round(&[2.5]), 3.0);
        near(round(&[-2.5]), -2.0);
        near(round(&[1.005_1, 2.0]), 1.01);
        near(round(&[1234.0, -2.0]), 1200.0);
        near(round(&[1.5, 400.0]), 1.5);
    }
}
