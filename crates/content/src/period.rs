//! A length of time in a content file: `"5m"`, read and written as people write it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

impl Period {
    /// Returns a period of whole seconds.
    pub const fn seconds(seconds: u64) -> Period {
        Period(Duration::from_secs(seconds))
    }

    /// Returns a period of whole minutes.
    pub const fn minutes(minutes: u64) -> Period {
        Period::seconds(minutes * 60)
    }

    /// The length in nanoseconds.
    pub fn nanos(self) -> i64 {
        model::duration::nanos(self.0)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u128); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
        let mut rest = self.0.as_millis();
        if rest == 0 {
            return f.write_str("0s");
        }
        let mut separator = "";
        for (unit, length) in UNITS {
            if rest >= length {
                write!(f, "{separator}{}{unit}", rest / length)?;
                rest %= length;
                separator = " ";
            }
        }
        Ok(())
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Period, D::Error> {
        model::duration::deserialize(from).map(Period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["0s", "5m", "1h 30m", "24h", "2s 500ms"] {
            let period = Period(model::duration::parse(text).unwrap());
            assert_eq!(period.to_string(), text);
        }
    }
}
