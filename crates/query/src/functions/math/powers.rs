//! Roots, powers and logarithms.

use crate::functions::entry::{Entry, real};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "sqrt",
        1,
        "sqrt(x)",
        "Square root.",
        &["* | sqrt(4) as x"],
        |_, a| real("math_sqrt", Run::Real(|x| x[0].sqrt()), a),
    ),
    Entry::new(
        "cbrt",
        1,
        "cbrt(x)",
        "Cube root.",
        &["* | cbrt(27) as x"],
        |_, a| real("math_cbrt", Run::Real(|x| x[0].cbrt()), a),
    ),
    Entry::new(
        "hypot",
        2,
        "hypot(a, b)",
        "Length of the hypotenuse: the root of a² + b².",
        &["* | hypot(3, 4) as x"],
        |_, a| real("math_hypot", Run::Real(|x| x[0].hypot(x[1])), a),
    ),
    Entry::new(
        "pow",
        2,
        "pow(a, b)",
        "a to the power of b.",
        &["* | pow(2, 3) as x"],
        |_, a| real("math_pow", Run::Real(|x| x[0].powf(x[1])), a),
    )
    .or(&["power"]),
    Entry::new(
        "exp",
        1,
        "exp(x)",
        "e to the power of x.",
        &["* | exp(1) as x"],
        |_, a| real("math_exp", Run::Real(|x| x[0].exp()), a),
    ),
    Entry::new(
        "expm1",
        1,
        "expm1(x)",
        "e to the power of x, less one; exact for small x.",
        &["* | expm1(0.1) as x"],
        |_, a| real("math_expm1", Run::Real(|x| x[0].exp_m1()), a),
    ),
    Entry::new(
        "log",
        1,
        "log(x)",
        "Natural logarithm.",
        &["* | log(2) as x"],
        |_, a| real("math_log", Run::Real(|x| x[0].ln()), a),
    )
    .or(&["ln"]),
    Entry::new(
        "log10",
        1,
        "log10(x)",
        "Logarithm to base 10.",
        &["* | log10(100) as x"],
        |_, a| real("math_log10", Run::Real(|x| x[0].log10()), a),
    ),
    Entry::new(
        "log1p",
        1,
        "log1p(x)",
        "Natural logarithm of one more; exact for small x.",
        &["* | log1p(0.1) as x"],
        |_, a| real("math_log1p", Run::Real(|x| x[0].ln_1p()), a),
    ),
];
