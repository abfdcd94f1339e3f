//! `max`, `min`, `signum`, `copySign`: the larger, the smaller, the sign.

use crate::functions::entry::{Entry, real};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "max",
        2,
        "max(a, b)",
        "The larger of two numbers. With one argument it is the aggregate.",
        &["* | max(1, 2) as x"],
        |_, a| real("math_max", Run::Real(|x| x[0].max(x[1])), a),
    ),
    Entry::new(
        "min",
        2,
        "min(a, b)",
        "The smaller of two numbers. With one argument it is the aggregate.",
        &["* | min(1, 2) as x"],
        |_, a| real("math_min", Run::Real(|x| x[0].min(x[1])), a),
    ),
    Entry::new(
        "signum",
        1,
        "signum(x)",
        "-1, 0 or 1: the sign of a number.",
        &["* | signum(-3) as x"],
        |_, a| {
            real(
                "math_signum",
                Run::Real(|x| if x[0] == 0.0 { 0.0 } else { x[0].signum() }),
                a,
            )
        },
    ),
    Entry::new(
        "copySign",
        2,
        "copySign(a, b)",
        "The first number with the sign of the second.",
        &["* | copySign(3, -1) as x"],
        |_, a| real("math_copy_sign", Run::Real(|x| x[0].copysign(x[1])), a),
    ),
];
