//! `haversine`: the distance between two points on the globe.

use crate::functions::entry::{Entry, real};
use crate::functions::kernels::Run;

/// The mean radius of the Earth.
const EARTH_RADIUS_KM: f64 = 6_371.0;

pub(super) const ENTRIES: &[Entry] = &[Entry::new(
    "haversine",
    4,
    "haversine(latitude1, longitude1, latitude2, longitude2)",
    "Distance between two points on the globe, in kilometres.",
    &["* | haversine(52.5, 13.4, 48.1, 11.6) as km"],
    |_, a| real("haversine", Run::Real(distance_km), a),
)];

fn distance_km(degrees: &[f64]) -> f64 {
    let [lat1, lon1, lat2, lon2] = [0, 1, 2, 3].map(|place: usize| degrees[place].to_radians());
    let half_sine = |angle: f64| (angle / 2.0).sin().powi(2);
    let chord = half_sine(lat2 - lat1) + lat1.cos() * lat2.cos() * half_sine(lon2 - lon1);
    2.0 * EARTH_RADIUS_KM * chord.min(1.0).sqrt().asin()
}
