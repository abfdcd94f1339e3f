//! Page tokens: opaque to the client, bound to one request, good for a limited time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::AwsError;
use super::store::EventKey;
use crate::random::mix;

/// What a page token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Where the next page begins: behind this event, or before it when reading backwards.
    pub(crate) key: EventKey,
    /// When the token was given out, in milliseconds.
    pub(crate) issued_ms: i64,
    /// What the request asked for; the token fits no other.
    pub(crate) scope: u64,
    /// How many pages in a row came back empty.
    pub(crate) empty_pages: u32,
}

impl Token {
    /// The token as text.
    pub(crate) fn seal(&self) -> String {
        let mut bytes = Vec::with_capacity(56);
        bytes.extend(self.key.time_ms.to_be_bytes());
        bytes.extend(self.key.ingestion_ms.to_be_bytes());
        bytes.extend(self.key.request.to_be_bytes());
        bytes.extend(u64::from(self.key.index).to_be_bytes());
        bytes.extend(self.issued_ms.to_be_bytes());
        bytes.extend(self.scope.to_be_bytes());
        bytes.extend(u64::from(self.empty_pages).to_be_bytes());
        bytes.extend(checksum(&bytes).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token that was given out for `scope` not longer than `lifetime_ms` ago.
    pub(crate) fn open(
        text: &str,
        scope: u64,
        (now_ms, lifetime_ms): (i64, u64),
    ) -> Result<Token, AwsError> {
        Self::read(text)
            .filter(|token| token.scope == scope)
            .filter(|token| now_ms.abs_diff(token.issued_ms) <= lifetime_ms)
            .ok_or_else(AwsError::invalid_token)
    }

    fn read(text: &str) -> Option<Token> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let words: Vec<u64> = bytes
            .chunks_exact(8)
            .filter_map(|chunk| chunk.try_into().ok().map(u64::from_be_bytes))
            .collect();
        let [
            time,
            ingestion,
            request,
            index,
            issued,
            scope,
            empty_pages,
            sum,
        ] = *words.as_slice().first_chunk::<8>()?;
        if bytes.len() != 64 || checksum(&bytes[..56]) != sum {
            return None;
        }
        Some(Token {
            key: EventKey {
                time_ms: time as i64,
                ingestion_ms: ingestion as i64,
                request,
                index: index as u32,
            },
            issued_ms: issued as i64,
            scope,
            empty_pages: empty_pages as u32,
        })
    }
}

/// The token behind a name in a sorted list.
pub(crate) fn seal_name(name: &str) -> String {
    let mut bytes = checksum(name.as_bytes()).to_be_bytes().to_vec();
    bytes.extend(name.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads the name that a token stands for.
pub(crate) fn open_name(token: &str) -> Result<String, AwsError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
    bytes
        .split_first_chunk::<8>()
        .filter(|(sum, name)| checksum(name) == u64::from_be_bytes(**sum))
        .and_then(|(_, name)| String::from_utf8(name.to_vec()).ok())
        .ok_or_else(AwsError::invalid_token)
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0x5eed, |sum, &byte| mix(sum, u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Token = Token {
        key: EventKey {
            time_ms: 5,
            ingestion_ms: 6,
            request: 7,
            index: 8,
        },
        issued_ms: 1_000,
        scope: 9,
        empty_pages: 2,
    };

    #[test]
    fn a_token_is_good_for_its_request_and_its_time_only() {
        let text = TOKEN.seal();
        assert_eq!(Token::open(&text, 9, (1_500, 500)), Ok(TOKEN));
        assert_eq!(
            Token::open(&text, 9, (1_501, 500)),
            Err(AwsError::invalid_token())
        );
        assert_eq!(
            Token::open(&text, 8, (1_500, 500)),
            Err(AwsError::invalid_token())
        );
        assert_eq!(
            Token::open("no token", 9, (0, 500)),
            Err(AwsError::invalid_token())
        );
        let forged = text.replacen('A', "B", 1);
        assert_eq!(
            Token::open(&forged, 9, (1_500, 500)),
            Err(AwsError::invalid_token())
        );
    }

    #[test]
    fn a_name_survives_its_token() {
        assert_eq!(
            open_name(&seal_name("/aws/lambda/a")),
            Ok("/aws/lambda/a".to_owned())
        );
        assert_eq!(open_name("AAAA"), Err(AwsError::invalid_token()));
    }
}
