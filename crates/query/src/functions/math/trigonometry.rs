//! Angles, in radians.

use crate::functions::entry::{Entry, real};
use crate::functions::kernels::Run;

/// A function of one number.
macro_rules! angle {
    ($name:literal, $kernel:literal, $summary:literal, $run:expr) => {
        Entry::new(
            $name,
            1,
            concat!($name, "(x)"),
            $summary,
            &[concat!("* | ", $name, "(0.5) as x")],
            |_, a| real($kernel, Run::Real(|x| $run(x[0])), a),
        )
    };
}

pub(super) const ENTRIES: &[Entry] = &[
    angle!("sin", "math_sin", "Sine of an angle in radians.", f64::sin),
    angle!(
        "cos",
        "math_cos",
        "Cosine of an angle in radians.",
        f64::cos
    ),
    angle!(
        "tan",
        "math_tan",
        "Tangent of an angle in radians.",
        f64::tan
    ),
    angle!(
        "asin",
        "math_asin",
        "Angle of a sine, in radians.",
        f64::asin
    ),
    angle!(
        "acos",
        "math_acos",
        "Angle of a cosine, in radians.",
        f64::acos
    ),
    angle!(
        "atan",
        "math_atan",
        "Angle of a tangent, in radians.",
        f64::atan
    ),
    angle!("sinh", "math_sinh", "Hyperbolic sine.", f64::sinh),
    angle!("cosh", "math_cosh", "Hyperbolic cosine.", f64::cosh),
    angle!("tanh", "math_tanh", "Hyperbolic tangent.", f64::tanh),
    angle!(
        "toDegrees",
        "math_degrees",
        "Radians as degrees.",
        f64::to_degrees
    ),
    angle!(
        "toRadians",
        "math_radians",
        "Degrees as radians.",
        f64::to_radians
    ),
    Entry::new(
        "atan2",
        2,
        "atan2(y, x)",
        "Angle of the point (x, y), in radians.",
        &["* | atan2(1, 1) as x"],
        |_, a| real("math_atan2", Run::Real(|x| x[0].atan2(x[1])), a),
    ),
];
