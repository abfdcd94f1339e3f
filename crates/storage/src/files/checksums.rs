//! Checksums of a file, one per block, so that a small part can be checked without the rest.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;

/// Bytes in a block. Checking one costs a few microseconds, less than reading it; the checksums
/// of a gigabyte of files take 64 KiB.
const BLOCK_BYTES: u32 = 64 << 10;
const NUMBER_BYTES: usize = 4;

/// The CRC-32C of every block of a file. Clones share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksums {
    block_bytes: u32,
    blocks: Arc<[u32]>,
}

impl Checksums {
    /// As they stand in the catalog: the size of a block, then the checksums.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let numbers = std::iter::once(&self.block_bytes).chain(self.blocks.iter());
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Reads what [`Checksums::encode`] has written; `None` if that is not it.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Checksums> {
        let (numbers, rest) = bytes.as_chunks::<NUMBER_BYTES>();
        let (block_bytes, blocks) = numbers.split_first()?;
        let block_bytes = u32::from_le_bytes(*block_bytes);
        (rest.is_empty() && block_bytes > 0).then(|| Checksums {
            block_bytes,
            blocks: blocks
                .iter()
                .map(|block| u32::from_le_bytes(*block))
                .collect(),
        })
    }

    /// The smallest whole blocks of a file of `file_bytes` bytes that hold `range`.
    pub(super) fn around(&self, range: &Range<u64>, file_bytes: u64) -> Range<u64> {
        let block = u64::from(self.block_bytes);
        let end = range.end.div_ceil(block).saturating_mul(block);
        range.start / block * block..end.min(file_bytes)
    }

    /// Compares `bytes`, which are whole blocks from the byte `start` on, with their checksums.
    /// Returns where the first block begins that is not what was written.
    pub(super) fn check(&self, start: u64, bytes: &[u8]) -> Result<(), u64> {
        let size = u64::from(self.block_bytes);
        for (first, block) in (start / size..).zip(bytes.chunks(self.block_bytes as usize)) {
            let known = usize::try_from(first)
                .ok()
                .and_then(|first| self.blocks.get(first));
            if known != Some(&crc32c::crc32c(block)) {
                return Err(first * size);
            }
        }
        Ok(())
    }

    /// Reads a whole file from its beginning and compares it. Returns where the first block
    /// begins that is not what was written.
    pub(super) fn check_all(&self, file: &mut impl Read) -> io::Result<Result<(), u64>> {
        let mut block = Vec::with_capacity(self.block_bytes as usize);
        let mut start = 0;
        for _ in self.blocks.iter() {
            block.clear();
            let read = file.take(self.block_bytes.into()).read_to_end(&mut block)?;
            let found = match read {
                0 => Err(start),
                _ => self.check(start, &block),
            };
            if found.is_err() {
                return Ok(found);
            }
            start += read as u64;
        }
        let is_longer = file.read(&mut [0])? > 0;
        Ok(if is_longer { Err(start) } else { Ok(()) })
    }
}

/// Passes bytes on and remembers the checksums of their blocks.
#[derive(Debug)]
pub(crate) struct Summing<W> {
    inner: W,
    done: Vec<u32>,
    /// Of the block that is not full yet.
    checksum: u32,
    filled: u32,
}

impl<W> Summing<W> {
    /// Begins with the first byte of a file.
    pub(crate) fn new(inner: W) -> Self {
        Summing {
            inner,
            done: Vec::new(),
            checksum: 0,
            filled: 0,
        }
    }

    /// Where the bytes go.
    pub(crate) fn inner(&self) -> &W {
        &self.inner
    }

    /// The checksums of all bytes so far.
    pub(crate) fn checksums(&self) -> Checksums {
        let last = (self.filled > 0).then_some(self.checksum);
        Checksums {
            block_bytes: BLOCK_BYTES,
            blocks: self.done.iter().copied().chain(last).collect(),
        }
    }

    fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = (BLOCK_BYTES - self.filled) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.checksum = crc32c::crc32c_append(self.checksum, now);
            self.filled += now.len() as u32;
            if self.filled == BLOCK_BYTES {
                self.done.push(self.checksum);
                (self.checksum, self.filled) = (0, 0);
            }
            bytes = later;
        }
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn summed(pieces: &[Vec<u8>]) -> (Vec<u8>, Checksums) {
        let mut writer = Summing::new(Vec::new());
        for piece in pieces {
            writer.write_all(piece).unwrap();
        }
        let checksums = writer.checksums();
        (writer.inner, checksums)
    }

    #[test]
    fn a_flipped_byte_a_missing_one_and_one_too_many_are_noticed() {
        let block = BLOCK_BYTES as usize;
        let (file, checksums) = summed(&[vec![7; block - 1], vec![1, 2], vec![3; 2 * block]]);
        assert_eq!(checksums.check_all(&mut file.as_slice()).unwrap(), Ok(()));
        for place in [0, block - 1, block, 3 * block, file.len() - 1] {
            let mut damaged = file.clone();
            damaged[place] ^= 1;
            let start = (place / block * block) as u64;
            let found = checksums.check_all(&mut damaged.as_slice()).unwrap();
            assert_eq!(found, Err(start), "byte {place}");
            let cut = checksums.check_all(&mut &file[..place]).unwrap();
            assert!(cut.is_err(), "cut at {place}");
        }
        let longer = [file.as_slice(), &[0]].concat();
        assert!(
            checksums
                .check_all(&mut longer.as_slice())
                .unwrap()
                .is_err()
        );
        let (_, none) = summed(&[]);
        assert_eq!(none.check_all(&mut [].as_slice()).unwrap(), Ok(()));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter_and_parts_are_checked_alone(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90_000), 1..6),
            from in 0.0..1.0_f64,
            length in 1_u64..200_000,
        ) {
            let (file, checksums) = summed(&pieces);
            prop_assert_eq!(&checksums, &summed(std::slice::from_ref(&file)).1);
            let read = Checksums::decode(&checksums.encode());
            prop_assert_eq!(Some(&checksums), read.as_ref());
            let bytes = file.len() as u64;
            let start = (from * file.len() as f64) as u64;
            let range = start..bytes.min(start + length);
            let whole = checksums.around(&range, bytes);
            prop_assert!(whole.start <= range.start && whole.end >= range.end);
            let part = &file[whole.start as usize..whole.end as usize];
            prop_assert_eq!(checksums.check(whole.start, part), Ok(()));
            if !part.is_empty() {
                let mut damaged = part.to_vec();
                let place = start as usize % damaged.len();
                damaged[place] ^= 0x10;
                prop_assert!(checksums.check(whole.start, &damaged).is_err());
            }
        }
    }

    #[test]
    fn what_is_no_checksums_is_not_read_as_some() {
        assert_eq!(Checksums::decode(&[]), None);
        assert_eq!(Checksums::decode(&[0; 8]), None);
        assert_eq!(Checksums::decode(&[1, 0, 0, 0, 5]), None);
    }
}
