//! Reads the lists that the Blob service answers with, and what the names of blobs say. Pure.
//!
//! <https://learn.microsoft.com/rest/api/storageservices/list-blobs>

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;

const HOUR_MS: i64 = 3_600_000;

/// What stands before the year in the names of the blobs of one resource; the names of blobs are
/// listed up to here to find the resources.
pub(super) const YEAR: &str = "/y=";

/// A blob, as the list shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) etag: String,
    /// Its length, in bytes.
    pub(super) length: u64,
}

/// One page of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) blobs: Vec<Listed>,
    /// The beginnings of names up to the delimiter, with it.
    pub(super) prefixes: Vec<String>,
    pub(super) containers: Vec<String>,
    /// Asks for the page behind; a page may be empty and not last.
    pub(super) marker: Option<String>,
}

/// Reads a page.
///
/// # Errors
/// If it is no list, or only the beginning of one.
pub(super) fn parse(xml: &str) -> Result<Listing, String> {
    let mut reader = Reader::from_str(xml.trim_start_matches('\u{feff}'));
    let mut listing = Listing::default();
    let mut path: Vec<String> = Vec::new();
    let mut text = String::new();
    let mut is_whole = false;
    loop {
        let event = reader.read_event();
        match event.map_err(|error| format!("the list cannot be read: {error}"))? {
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                match name.as_str() {
                    "Blob" => listing.blobs.push(Listed::default()),
                    "BlobPrefix" => listing.prefixes.push(String::new()),
                    "Container" => listing.containers.push(String::new()),
                    _ => {}
                }
                path.push(name);
                text.clear();
            }
            Event::Text(part) => text.push_str(&String::from_utf8_lossy(&part)),
            Event::CData(part) => text.push_str(&String::from_utf8_lossy(&part)),
            Event::GeneralRef(part) => {
                let written = format!("&{};", String::from_utf8_lossy(&part));
                text.push_str(&unescape(&written).unwrap_or(written.as_str().into()));
            }
            Event::End(_) => {
                put(&mut listing, &path, std::mem::take(&mut text));
                is_whole |= path.pop().is_some() && path.is_empty();
            }
            Event::Eof if is_whole => return Ok(listing),
            Event::Eof => return Err("the list is cut off".to_owned()),
            _ => {}
        }
    }
}

/// Puts the text of the element at `path` where it belongs.
fn put(listing: &mut Listing, path: &[String], text: String) {
    let path: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
    let blob = listing.blobs.last_mut();
    match (path.as_slice(), blob) {
        (["Blobs", "Blob", "Name"], Some(blob)) => blob.name = text,
        (["Blobs", "Blob", "Properties", "Etag"], Some(blob)) => {
            blob.etag = text.trim_matches('"').to_owned();
        }
        (["Blobs", "Blob", "Properties", "Content-Length"], Some(blob)) => {
            blob.length = text.trim().parse().unwrap_or_default();
        }
        (["Blobs", "BlobPrefix", "Name"], _) => {
            listing
                .prefixes
                .last_mut()
                .into_iter()
                .for_each(|name| name.clone_from(&text));
        }
        (["Containers", "Container", "Name"], _) => {
            listing
                .containers
                .last_mut()
                .into_iter()
                .for_each(|name| name.clone_from(&text));
        }
        (["NextMarker"], _) => listing.marker = Some(text).filter(|marker| !marker.is_empty()),
        _ => {}
    }
}

/// The hour whose events a blob holds, as its beginning: `…/y=2024/m=10/d=28/h=16/m=00/PT1H.json`.
pub(super) fn hour_ms(name: &str) -> Option<i64> {
    let (_, rest) = name.rsplit_once("y=")?;
    let mut parts = rest.split('/');
    let year = parts.next()?.parse::<i16>().ok()?;
    let mut part = |begin: &str| parts.next()?.strip_prefix(begin)?.parse::<i8>().ok();
    let (month, day, hour) = (part("m=")?, part("d=")?, part("h=")?);
    let moment = jiff::civil::DateTime::new(year, month, day, hour, 0, 0, 0).ok()?;
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(moment.timestamp().as_millisecond())
}

/// What the names of the blobs of one day begin with, behind the resource: `y=2024/m=10/d=28/`.
pub(super) fn day_prefix(time_ms: i64) -> String {
    let moment = jiff::Timestamp::from_millisecond(time_ms).unwrap_or_default();
    moment.strftime("y=%Y/m=%m/d=%d/").to_string()
}

/// The beginning of the hour of this moment.
pub(super) fn floor_hour(time_ms: i64) -> i64 {
    time_ms - time_ms.rem_euclid(HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\
<EnumerationResults ServiceEndpoint=\"https://a.blob.core.windows.net/\" ContainerName=\"c\"><Prefix>p</Prefix>\
<Blobs><Blob><Name>resourceId=/A&amp;B&#47;y=2024/PT1H.json</Name><Properties><Creation-Time>Mon, 28 Oct 2024 16:00:12 GMT</Creation-Time>\
<Etag>0x8DCF7</Etag><Content-Length>110715</Content-Length><Content-MD5 /></Properties></Blob>\
<BlobPrefix><Name>resourceId=/X/y=</Name></BlobPrefix></Blobs><NextMarker>2!92!a</NextMarker></EnumerationResults>";

    #[test]
    fn a_page_has_blobs_beginnings_of_names_and_a_marker() {
        let blob = Listed {
            name: "resourceId=/A&B/y=2024/PT1H.json".to_owned(),
            etag: "0x8DCF7".to_owned(),
            length: 110_715,
        };
        let expected = Listing {
            blobs: vec![blob],
            prefixes: vec!["resourceId=/X/y=".to_owned()],
            containers: Vec::new(),
            marker: Some("2!92!a".to_owned()),
        };
        assert_eq!(parse(PAGE), Ok(expected));
        let last = "<EnumerationResults><Containers><Container><Name>insights-logs-a</Name></Container></Containers><NextMarker /></EnumerationResults>";
        let last = parse(last).unwrap();
        assert_eq!(
            (last.containers, last.marker),
            (vec!["insights-logs-a".to_owned()], None)
        );
    }

    #[test]
    fn a_page_that_is_cut_off_is_no_page() {
        for length in 0..PAGE.len() {
            if let Some(part) = PAGE.get(..length) {
                assert!(parse(part).is_err(), "{part}");
            }
        }
        assert!(parse("not xml").is_err());
    }

    #[test]
    fn names_say_the_hour() {
        let name = "resourceId=/S/1/SITES/Y=1/y=2024/m=10/d=28/h=16/m=00/PT1H.json";
        assert_eq!(hour_ms(name), Some(1_730_131_200_000));
        assert_eq!(day_prefix(1_730_131_200_000), "y=2024/m=10/d=28/");
        assert_eq!(floor_hour(1_730_131_200_000 + 3_599_999), 1_730_131_200_000);
        for odd in [
            "",
            "y=2024",
            "y=2024/m=13/d=28/h=16/",
            "y=x/m=1/d=1/h=1",
            "y=2024/d=1/m=1/h=1",
        ] {
            assert_eq!(hour_ms(odd), None, "{odd}");
        }
    }
}
