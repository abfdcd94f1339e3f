//! Event ids: 56 decimal digits whose upper bits are the event's time, so that ids sort like the
//! events themselves: by time, by acceptance, by batch, by place in the batch.

use super::store::EventKey;

const CHUNK: u64 = 1_000_000_000;

/// Returns the id of the event with this key: `time << 144 | accepted << 100 | request << 36 |
/// index`.
pub(crate) fn event_id(key: &EventKey) -> String {
    // 256 bits as eight words, the lowest first.
    let mut words = [0u32; 8];
    place(&mut words, key.time_ms as u64, 144);
    place(&mut words, key.ingestion_ms as u64 & ((1 << 44) - 1), 100);
    place(&mut words, key.request, 36);
    place(&mut words, u64::from(key.index), 0);
    let mut chunks = Vec::with_capacity(7);
    while words.iter().any(|&word| word != 0) {
        chunks.push(divide(&mut words));
    }
    let mut digits = chunks.pop().unwrap_or(0).to_string();
    while let Some(chunk) = chunks.pop() {
        digits.push_str(&format!("{chunk:09}"));
    }
    format!("{digits:0>56}")
}

fn place(words: &mut [u32; 8], value: u64, shift: usize) {
    let wide = u128::from(value) << (shift % 32);
    for (at, word) in words.iter_mut().skip(shift / 32).take(3).enumerate() {
        *word |= (wide >> (32 * at)) as u32;
    }
}

/// Divides by 10⁹ in place and returns the remainder.
fn divide(words: &mut [u32; 8]) -> u64 {
    words.iter_mut().rev().fold(0, |rest, word| {
        let value = rest << 32 | u64::from(*word);
        *word = (value / CHUNK) as u32;
        value % CHUNK
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(time_ms: i64, ingestion_ms: i64, request: u64, index: u32) -> EventKey {
        EventKey {
            time_ms,
            ingestion_ms,
            request,
            index,
        }
    }

    #[test]
    fn an_id_has_56_digits_and_sorts_like_its_key() {
        let now = 1_795_444_803_007;
        let keys = [
            key(now, now + 900, 7, 0),
            key(now, now + 900, 7, 1),
            key(now, now + 900, u64::MAX, 0),
            key(now, now + 901, 0, 0),
            key(now + 1, now + 2, 0, 0),
        ];
        let ids: Vec<String> = keys.iter().map(event_id).collect();
        assert!(ids.iter().all(|id| id.len() == 56), "{ids:?}");
        assert!(ids.is_sorted(), "{ids:?}");
    }

    #[test]
    fn the_upper_bits_of_an_id_are_the_time() {
        // 1 << 144, and a neighbour, as an independent calculator writes them.
        assert_eq!(
            event_id(&key(1, 0, 0, 0)).trim_start_matches('0'),
            "22300745198530623141535718272648361505980416"
        );
        assert_eq!(
            event_id(&key(1, 0, 0, 5)).trim_start_matches('0'),
            "22300745198530623141535718272648361505980421"
        );
    }
}
