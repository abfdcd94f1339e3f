//! Undoes `Content-Encoding`, with a cap on what comes out, so that a small body cannot become
//! a large one.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// Why a body could not be decompressed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecompressError {
    /// It is larger than the cap once decompressed.
    #[error("the body is larger than {0} bytes after decompression")]
    TooLarge(usize),
    /// It is not what its encoding says.
    #[error("the body is not valid {encoding}: {problem}")]
    Broken {
        /// The encoding that the request names.
        encoding: &'static str,
        /// What the decoder found.
        problem: String,
    },
    /// Nobody here knows this encoding.
    #[error("unknown content encoding `{0}`; use gzip, deflate, zstd or none")]
    Unknown(String),
}

/// Decompresses `body` as `encoding` says; an empty or `identity` encoding returns it as it is.
pub(crate) fn decompress(
    encoding: &str,
    body: Bytes,
    bytes_max: usize,
) -> Result<Bytes, DecompressError> {
    let name = encoding.trim().to_ascii_lowercase();
    let input = body.as_ref();
    match name.as_str() {
        "" | "identity" if input.len() > bytes_max => Err(DecompressError::TooLarge(bytes_max)),
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" => read_all("gzip", MultiGzDecoder::new(input), input.len(), bytes_max),
        // The standard says zlib; some senders leave its header out.
        "deflate" if has_zlib_header(input) => {
            read_all("deflate", ZlibDecoder::new(input), input.len(), bytes_max)
        }
        "deflate" => read_all(
            "deflate",
            DeflateDecoder::new(input),
            input.len(),
            bytes_max,
        ),
        "zstd" => {
            let decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(|error| {
                DecompressError::Broken {
                    encoding: "zstd",
                    problem: error.to_string(),
                }
            })?;
            read_all("zstd", decoder, input.len(), bytes_max)
        }
        _ => Err(DecompressError::Unknown(name)),
    }
}

fn has_zlib_header(input: &[u8]) -> bool {
    match input {
        [first, second, ..] => {
            first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31)
        }
        _ => false,
    }
}

fn read_all(
    encoding: &'static str,
    decoder: impl Read,
    compressed_bytes: usize,
    bytes_max: usize,
) -> Result<Bytes, DecompressError> {
    let mut output = Vec::with_capacity(compressed_bytes.saturating_mul(4).min(bytes_max));
    decoder
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut output)
        .map_err(|error| DecompressError::Broken {
            encoding,
            problem: error.to_string(),
        })?;
    if output.len() > bytes_max {
        return Err(DecompressError::TooLarge(bytes_max));
    }
    Ok(Bytes::from(output))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(text: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        Bytes::from(encoder.finish().unwrap())
    }

    #[test]
    fn every_encoding_gives_the_text_back() {
        let text = b"START RequestId: 1\nEND RequestId: 1\n";
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(text).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(text).unwrap();
        let bodies = [
            ("gzip", gzip(text)),
            ("GZIP", gzip(text)),
            ("deflate", Bytes::from(zlib.finish().unwrap())),
            ("deflate", Bytes::from(raw.finish().unwrap())),
            (
                "zstd",
                Bytes::from(zstd::encode_all(text.as_slice(), 1).unwrap()),
            ),
            ("", Bytes::from_static(text)),
        ];
        for (encoding, body) in bodies {
            assert_eq!(
                decompress(encoding, body, 100).unwrap().as_ref(),
                text,
                "{encoding}"
            );
        }
    }

    #[test]
    fn concatenated_gzip_members_are_one_body() {
        let body = [gzip(b"a\n"), gzip(b"b\n")].concat();
        assert_eq!(
            decompress("gzip", body.into(), 100).unwrap().as_ref(),
            b"a\nb\n"
        );
    }

    #[test]
    fn a_bomb_stops_at_the_cap() {
        let body = gzip(&vec![b'x'; 1 << 20]);
        assert_eq!(
            decompress("gzip", body, 1000),
            Err(DecompressError::TooLarge(1000))
        );
    }

    #[test]
    fn broken_bodies_are_errors() {
        let mut cut = gzip(b"hello hello hello").to_vec();
        cut.truncate(12);
        assert!(matches!(
            decompress("gzip", cut.into(), 100),
            Err(DecompressError::Broken {
                encoding: "gzip",
                ..
            })
        ));
        assert!(decompress("zstd", Bytes::from_static(b"no"), 100).is_err());
        assert!(matches!(
            decompress("br", Bytes::new(), 100),
            Err(DecompressError::Unknown(_))
        ));
    }
}
