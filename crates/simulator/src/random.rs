//! Deterministic numbers: the same seed gives the same fleet on every machine and in every
//! version, which is why this does not come from a library.

/// A stream of pseudo-random numbers (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Returns the stream that belongs to `seed`.
    pub(crate) const fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next 64 bits.
    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// A number in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number in `[0, bound)`; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Whether an event of this probability happens now.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// A waiting time with this mean (exponential distribution).
    pub(crate) fn waiting(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// A duration whose median and 95th percentile are given (log-normal distribution).
    pub(crate) fn duration(&mut self, median: f64, p95: f64) -> f64 {
        let sigma = (p95 / median).ln() / 1.645;
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        median * (sigma * normal).exp()
    }
}

/// Mixes two numbers into one that looks random.
pub(crate) const fn mix(left: u64, right: u64) -> u64 {
    scramble(left.rotate_left(32) ^ scramble(right.wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

/// Mixes a text into a number (FNV-1a, then scrambled).
pub(crate) fn mix_text(seed: u64, text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(seed, hash)
}

const fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut left, mut right) = (Random::new(7), Random::new(7));
        assert!((0..100).all(|_| left.bits() == right.bits()));
        assert_ne!(Random::new(1).bits(), Random::new(2).bits());
    }

    #[test]
    fn durations_have_the_median_and_the_percentile_they_were_given() {
        let mut random = Random::new(1);
        let mut drawn: Vec<f64> = (0..20_000).map(|_| random.duration(100.0, 400.0)).collect();
        drawn.sort_by(f64::total_cmp);
        assert!((drawn[10_000] - 100.0).abs() < 5.0);
        assert!((drawn[19_000] - 400.0).abs() < 30.0);
    }
}
