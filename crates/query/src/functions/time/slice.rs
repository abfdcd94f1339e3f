//! `timeslice`: where the slice begins in which a moment lies.
//!
//! Neighbouring rows mostly lie in one slice, so the last one found is tried first: it costs two
//! comparisons a row and no division.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Int64Type, TimeUnit, TimestampNanosecondType,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, Expr, lit};
use datafusion::scalar::ScalarValue;
use jiff::tz::TimeZone;
use model::TimeRange;

use crate::functions::kernels::{Run, call};

/// A day, in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;
/// A week, in milliseconds.
pub(crate) const WEEK_MS: i64 = 7 * DAY_MS;
/// 1970 began on a Thursday, weeks begin on Monday.
const MONDAY_MS: i64 = 4 * DAY_MS;
const NANOS_PER_MILLI: i64 = 1_000_000;
/// Changes of the clocks in one range that are looked at: fifty years.
const CHANGES_MAX: usize = 100;

/// `timeslice(moment, width, shift, from, shift, …)`: the start of the slice, in milliseconds. The
/// moment is a stored time, or milliseconds.
pub(crate) fn slice(moment: Expr, width_ms: i64, zone: &TimeZone, range: TimeRange) -> Expr {
    let shift = |at: jiff::Timestamp| i64::from(zone.to_offset(at).seconds()) * 1_000;
    // A slice may begin before the range does.
    let start = timestamp(range.start.millis().saturating_sub(WEEK_MS));
    let end = timestamp(range.end.millis());
    let mut arguments = vec![moment, lit(width_ms), lit(shift(start))];
    let changes = zone.following(start).map(|change| change.timestamp());
    for from in changes.take_while(|from| *from <= end).take(CHANGES_MAX) {
        arguments.extend([lit(from.as_millisecond()), lit(shift(from))]);
    }
    call("timeslice", Run::Slice, arguments)
}

/// Where the slice begins in which a moment lies, in milliseconds.
pub(crate) fn start_of_slice(zone: &TimeZone, width_ms: i64, moment_ms: i64) -> i64 {
    let shift = i64::from(zone.to_offset(timestamp(moment_ms)).seconds()) * 1_000;
    let phase = phase(width_ms);
    (moment_ms + shift - phase).div_euclid(width_ms) * width_ms + phase - shift
}

fn timestamp(millis: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(millis).unwrap_or_default()
}

const fn phase(width_ms: i64) -> i64 {
    if width_ms % WEEK_MS == 0 {
        MONDAY_MS
    } else {
        0
    }
}

/// The kernel behind [`slice`].
pub(crate) fn slices(arguments: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
    let unreadable = || DataFusionError::Internal("a time slice has no width".into());
    let (moments, constants) = arguments.split_first().ok_or_else(unreadable)?;
    let constants = constants.iter().map(|constant| match constant {
        ColumnarValue::Scalar(ScalarValue::Int64(Some(number))) => Some(*number),
        _ => None,
    });
    let constants: Option<Vec<i64>> = constants.collect();
    let slices = Slices::new(&constants.ok_or_else(unreadable)?).ok_or_else(unreadable)?;
    let moments = moments.to_array(rows)?;
    Ok(match moments.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            slices.of::<TimestampNanosecondType>(moments.as_primitive(), NANOS_PER_MILLI)
        }
        DataType::Int64 => slices.of::<Int64Type>(moments.as_primitive(), 1),
        _ => {
            let numbers = cast(&moments, &DataType::Float64)?;
            let moments = cast(&numbers, &DataType::Int64)?;
            slices.of::<Int64Type>(moments.as_primitive(), 1)
        }
    })
}

/// Slices of one width in one zone; all in milliseconds.
struct Slices {
    width: i64,
    phase: i64,
    /// The zone's distances from UTC, each with the moment from which it counts.
    shifts: Vec<(i64, i64)>,
}

/// One slice, or the part of it between two changes of the clocks.
struct Slice {
    start: i64,
    from: i64,
    until: i64,
}

impl Slices {
    fn new(constants: &[i64]) -> Option<Slices> {
        let (width, shifts) = constants.split_first()?;
        let (first, changes) = shifts.split_first()?;
        let changes = changes.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        (*width > 0).then(|| Slices {
            width: *width,
            phase: phase(*width),
            shifts: [(i64::MIN, *first)].into_iter().chain(changes).collect(),
        })
    }

    /// The shift at a moment, and from when until when it counts.
    fn shift_at(&self, millis: i64) -> (i64, i64, i64) {
        let after = self.shifts.partition_point(|(from, _)| *from <= millis);
        let (from, shift) = self.shifts[after.saturating_sub(1)];
        let until = self.shifts.get(after).map_or(i64::MAX, |next| next.0);
        (shift, from, until)
    }

    fn at(&self, millis: i64) -> Slice {
        let (shift, from, until) = self.shift_at(millis);
        let local = millis.saturating_add(shift - self.phase);
        let local = local.div_euclid(self.width).saturating_mul(self.width);
        let local = local.saturating_add(self.phase);
        let start = local.saturating_sub(shift);
        Slice {
            // Within a day on which the clocks change, the slice began by the other time.
            start: match self.width >= DAY_MS {
                true => local.saturating_sub(self.shift_at(start).0),
                false => start,
            },
            from: from.max(start),
            until: until.min(start.saturating_add(self.width)),
        }
    }

    /// The slice of each moment; a millisecond is so many of the moments' units.
    fn of<T: ArrowPrimitiveType<Native = i64>>(
        &self,
        moments: &PrimitiveArray<T>,
        per_milli: i64,
    ) -> ArrayRef {
        let mut last = Slice {
            start: 0,
            from: 0,
            until: 0,
        };
        let starts = moments.values().iter().map(|moment| {
            if *moment < last.from || *moment >= last.until {
                let found = self.at(moment.div_euclid(per_milli));
                last = Slice {
                    start: found.start,
                    from: found.from.saturating_mul(per_milli),
                    until: found.until.saturating_mul(per_milli),
                };
            }
            last.start
        });
        let starts: Vec<i64> = starts.collect();
        Arc::new(Int64Array::new(starts.into(), moments.nulls().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::TimestampNanosecondArray;
    use proptest::prelude::*;

    use super::*;

    /// Shifts as of Berlin in 2026: back from summer time at the end of October.
    const CHANGE_MS: i64 = 1_792_890_000_000;
    const HOUR_MS: i64 = 3_600_000;

    fn constants(width: i64) -> [i64; 4] {
        [width, 2 * HOUR_MS, CHANGE_MS, HOUR_MS]
    }

    /// As a person would compute it, one moment at a time.
    fn expected(millis: i64, width: i64) -> i64 {
        let shift_at = |millis: i64| {
            if millis < CHANGE_MS {
                2 * HOUR_MS
            } else {
                HOUR_MS
            }
        };
        let shift = shift_at(millis);
        let local = (millis + shift - phase(width)).div_euclid(width) * width + phase(width);
        match width >= DAY_MS {
            true => local - shift_at(local - shift),
            false => local - shift,
        }
    }

    proptest! {
        #[test]
        fn slices_are_the_same_as_one_by_one(
            moments in prop::collection::vec(-5 * DAY_MS..5 * DAY_MS, 0..50),
            width in prop::sample::select(vec![1, 60_000, 7 * 60_000, HOUR_MS, DAY_MS, WEEK_MS]),
            below in 0..NANOS_PER_MILLI,
        ) {
            let millis: Vec<i64> = moments.iter().map(|moment| CHANGE_MS + moment).collect();
            let wanted: Vec<i64> = millis.iter().map(|millis| expected(*millis, width)).collect();
            let slices = Slices::new(&constants(width)).unwrap();
            let as_millis = slices.of(&Int64Array::from(millis.clone()), 1);
            prop_assert_eq!(as_millis.as_primitive::<Int64Type>().values(), &wanted[..]);
            let nanos = millis.iter().map(|millis| millis * NANOS_PER_MILLI + below);
            let stored = TimestampNanosecondArray::from_iter_values(nanos);
            let as_stored = slices.of(&stored, NANOS_PER_MILLI);
            prop_assert_eq!(as_stored.as_primitive::<Int64Type>().values(), &wanted[..]);
        }
    }

    #[test]
    fn moments_at_the_ends_of_time_have_slices() {
        let slices = Slices::new(&constants(WEEK_MS)).unwrap();
        let moments = Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]);
        let found = slices.of(&moments, 1);
        assert_eq!((found.len(), found.null_count()), (3, 1));
    }
}
