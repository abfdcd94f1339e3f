//! The file of an index: a header that names sections, and the sections, all of it checksummed.
//! `segment/format.md` specifies it.

use tantivy::directory::OwnedBytes;

use super::tokens::TOKENS_VERSION;

const MAGIC: &[u8; 8] = b"NEPHOIDX";
const FORMAT_VERSION: u32 = 2;
/// The first version that is still read: it has all values of columns.
const FORMAT_VERSION_MIN: u32 = 1;
/// Magic, versions, rows, pages, length of the section table.
const FIXED_BYTES: usize = 8 + 4 + 4 + 8 + 4 + 4;
const CHECKSUM_BYTES: usize = 4;

/// What a segment's index says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) rows: u64,
    pub(super) pages: u32,
}

/// Returns the bytes of a file with these sections.
pub(super) fn pack(header: Header, sections: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut table = Vec::new();
    for (name, bytes) in sections {
        table.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        table.extend_from_slice(name.as_bytes());
        table.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        table.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
    }
    let mut file = Vec::new();
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    file.extend_from_slice(&TOKENS_VERSION.to_le_bytes());
    file.extend_from_slice(&header.rows.to_le_bytes());
    file.extend_from_slice(&header.pages.to_le_bytes());
    file.extend_from_slice(&(table.len() as u32).to_le_bytes());
    file.extend_from_slice(&table);
    let checksum = crc32c::crc32c(&file);
    file.extend_from_slice(&checksum.to_le_bytes());
    for (_, bytes) in sections {
        file.extend_from_slice(bytes);
    }
    file
}

/// The sections of a file, by name.
#[derive(Clone, Debug)]
pub(super) struct Sections(Vec<(String, OwnedBytes)>);

impl Sections {
    pub(super) fn get(&self, name: &str) -> Result<OwnedBytes, String> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, bytes)| bytes.clone())
            .ok_or_else(|| format!("the section `{name}` is missing"))
    }
}

/// Reads a file, checking every byte of it.
pub(super) fn unpack(file: &OwnedBytes) -> Result<(Header, Sections), String> {
    let mut reader = Reader { file, place: 0 };
    if reader.take(MAGIC.len())?.as_slice() != MAGIC {
        return Err("it is no text index".to_owned());
    }
    let (format, tokens) = (reader.u32()?, reader.u32()?);
    if !(FORMAT_VERSION_MIN..=FORMAT_VERSION).contains(&format) || tokens != TOKENS_VERSION {
        return Err(format!(
            "it has version {format}.{tokens}, and this program reads {FORMAT_VERSION}.{TOKENS_VERSION}"
        ));
    }
    let header = Header {
        rows: reader.u64()?,
        pages: reader.u32()?,
    };
    let table_end = reader.u32()? as usize + FIXED_BYTES;
    let checked = file.get(..table_end).ok_or("its header is cut off")?;
    let checksum = file
        .get(table_end..table_end + CHECKSUM_BYTES)
        .ok_or("its header is cut off")?;
    if checksum != crc32c::crc32c(checked).to_le_bytes() {
        return Err("its header is damaged".to_owned());
    }
    let mut sections = Vec::new();
    let mut start = table_end + CHECKSUM_BYTES;
    while reader.place < table_end {
        let length = usize::from(reader.take(1)?.as_slice()[0]);
        let name = String::from_utf8_lossy(&reader.take(length)?).into_owned();
        let length = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
        let checksum = reader.u32()?;
        let end = start.saturating_add(length);
        if end > file.len() {
            return Err(format!("the section `{name}` is cut off"));
        }
        let bytes = file.slice(start..end);
        if crc32c::crc32c(&bytes) != checksum {
            return Err(format!("the section `{name}` is damaged"));
        }
        sections.push((name, bytes));
        start = end;
    }
    if start != file.len() {
        return Err("bytes follow its last section".to_owned());
    }
    Ok((header, Sections(sections)))
}

struct Reader<'a> {
    file: &'a OwnedBytes,
    place: usize,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Result<OwnedBytes, String> {
        let end = self.place + length;
        if end > self.file.len() {
            return Err("its header is cut off".to_owned());
        }
        let bytes = self.file.slice(self.place..end);
        self.place = end;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, String> {
        let bytes = self.take(4)?;
        Ok(bytes
            .first_chunk()
            .map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }

    fn u64(&mut self) -> Result<u64, String> {
        let bytes = self.take(8)?;
        Ok(bytes
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_byte_is_noticed_wherever_it_is() {
        let header = Header { rows: 9, pages: 1 };
        let sections = [("a".to_owned(), vec![1, 2, 3]), ("b".to_owned(), vec![])];
        let file = pack(header, &sections);
        let (read, found) = unpack(&OwnedBytes::new(file.clone())).unwrap();
        assert_eq!(read, header);
        assert_eq!(found.get("a").unwrap().as_slice(), [1, 2, 3]);
        assert!(found.get("c").is_err());
        for place in 0..file.len() {
            let mut damaged = file.clone();
            damaged[place] ^= 0x40;
            assert!(unpack(&OwnedBytes::new(damaged)).is_err(), "byte {place}");
            let cut = file[..place].to_vec();
            assert!(unpack(&OwnedBytes::new(cut)).is_err(), "cut at {place}");
        }
    }
}
