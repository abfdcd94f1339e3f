//! List Containers and List Blobs
//! (<https://learn.microsoft.com/rest/api/storageservices/list-blobs>).

use std::collections::BTreeMap;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::blobs::Blob;
use super::error::AzureError;
use super::request::{Answer, Request};
use super::service::State;
use super::times;
use super::xml::{element, escape};
use crate::config::Nuisances;

const RESULTS_MAX: usize = 5_000;
/// At most so many empty pages come in a row.
const EMPTY_PAGES_MAX: u32 = 3;

/// What a list asks for.
struct Selection<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    results_max: usize,
    marker: Marker,
}

/// Where a list goes on: behind which name, and how many pages in a row came back empty.
#[derive(Default)]
struct Marker {
    after: String,
    empty_pages: u32,
}

impl Marker {
    fn open(text: &str) -> Option<Marker> {
        let (_, text) = text.strip_prefix("2!")?.split_once('!')?;
        let text = STANDARD.decode(text.replace('-', "=")).ok()?;
        let text = String::from_utf8(text).ok()?;
        let (empty_pages, after) = text.split_once(' ')?;
        Some(Marker {
            after: after.to_owned(),
            empty_pages: empty_pages.parse().ok()?,
        })
    }

    fn seal(&self) -> String {
        let text = STANDARD.encode(format!("{} {}", self.empty_pages, self.after));
        format!("2!{}!{}", text.len(), text.replace('=', "-"))
    }
}

impl<'a> Selection<'a> {
    fn of(request: &'a Request<'_>) -> Result<Selection<'a>, AzureError> {
        let marker = request.parameter("marker").unwrap_or_default();
        let marker = match marker {
            "" => Marker::default(),
            marker => Marker::open(marker).ok_or_else(AzureError::invalid_query)?,
        };
        let results_max = match request.parameter("maxresults") {
            None => RESULTS_MAX,
            Some(number) => match number.parse::<i64>() {
                Ok(1..) => number.parse().unwrap_or(RESULTS_MAX).min(RESULTS_MAX),
                Ok(_) => return Err(AzureError::out_of_range()),
                Err(_) => return Err(AzureError::invalid_query()),
            },
        };
        let given = |name| request.parameter(name).filter(|value| !value.is_empty());
        Ok(Selection {
            prefix: given("prefix").unwrap_or_default(),
            delimiter: given("delimiter"),
            results_max,
            marker,
        })
    }

    /// What stands for a name in the list: the name, or what it shares with others up to the
    /// delimiter.
    fn shown<'n>(&self, name: &'n str) -> (&'n str, bool) {
        let rest = name.strip_prefix(self.prefix).unwrap_or_default();
        let delimiter = self.delimiter.and_then(|delimiter| {
            let at = rest.find(delimiter)?;
            Some(self.prefix.len() + at + delimiter.len())
        });
        match delimiter.and_then(|end| name.get(..end)) {
            Some(common) => (common, true),
            None => (name, false),
        }
    }
}

/// Answers List Containers.
pub(super) fn containers(state: &State, request: &Request<'_>) -> Result<Answer, AzureError> {
    let selection = Selection::of(request)?;
    let names =
        state.blobs.containers.iter().filter(|(name, _)| {
            name.starts_with(selection.prefix) && **name > selection.marker.after
        });
    let mut containers = String::new();
    let mut last = "";
    for (place, (name, blobs)) in names.enumerate() {
        if place >= selection.results_max {
            let next = Marker {
                after: last.to_owned(),
                empty_pages: 0,
            };
            return Ok(page(
                request,
                None,
                ("Containers", &containers),
                Some(&next),
            ));
        }
        let modified = blobs.values().map(|blob| blob.created).min();
        let properties = modified.map_or_else(String::new, |modified| {
            format!(
                "<Last-Modified>{}</Last-Modified><Etag>\"0x{:X}\"</Etag><LeaseStatus>unlocked</LeaseStatus>\
                 <LeaseState>available</LeaseState><DefaultEncryptionScope>$account-encryption-key</DefaultEncryptionScope>\
                 <DenyEncryptionScopeOverride>false</DenyEncryptionScopeOverride>\
                 <HasImmutabilityPolicy>false</HasImmutabilityPolicy><HasLegalHold>false</HasLegalHold>",
                times::header(modified),
                times::ticks(modified)
            )
        });
        containers.push_str(&format!(
            "<Container>{}<Properties>{properties}</Properties></Container>",
            element("Name", name)
        ));
        last = name;
    }
    Ok(page(request, None, ("Containers", &containers), None))
}

/// Answers List Blobs.
pub(super) fn blobs(
    state: &mut State,
    request: &Request<'_>,
    nuisances: &Nuisances,
) -> Result<Answer, AzureError> {
    let selection = Selection::of(request)?;
    let name = request.path.as_str();
    if !state.blobs.containers.contains_key(name) {
        return Err(AzureError::no_container());
    }
    let is_empty = selection.marker.empty_pages < EMPTY_PAGES_MAX
        && state.random.chance(nuisances.empty_pages);
    if is_empty {
        let marker = Marker {
            after: selection.marker.after,
            empty_pages: selection.marker.empty_pages + 1,
        };
        return Ok(page(request, Some(name), ("Blobs", ""), Some(&marker)));
    }
    let empty = BTreeMap::new();
    let blobs = state.blobs.containers.get(name).unwrap_or(&empty);
    let (list, next) = listed(blobs, &selection);
    Ok(page(request, Some(name), ("Blobs", &list), next.as_ref()))
}

/// One page of a container, and where the next goes on.
fn listed(blobs: &BTreeMap<String, Blob>, selection: &Selection<'_>) -> (String, Option<Marker>) {
    let mut list = String::new();
    let mut count = 0;
    let mut last = selection.marker.after.clone();
    for (name, blob) in blobs.range(selection.prefix.to_owned()..) {
        if !name.starts_with(selection.prefix) {
            break;
        }
        let (shown, is_common) = selection.shown(name);
        // Also what the last page has shown in the place of this name.
        if *shown <= *last {
            continue;
        }
        if count >= selection.results_max {
            let marker = Marker {
                after: last,
                empty_pages: 0,
            };
            return (list, Some(marker));
        }
        count += 1;
        shown.clone_into(&mut last);
        match is_common {
            true => list.push_str(&format!(
                "<BlobPrefix>{}</BlobPrefix>",
                element("Name", shown)
            )),
            false => push_blob(&mut list, name, blob),
        }
    }
    (list, None)
}

fn push_blob(list: &mut String, name: &str, blob: &Blob) {
    list.push_str(&format!(
        "<Blob>{}<Properties><Creation-Time>{}</Creation-Time><Last-Modified>{}</Last-Modified><Etag>{}</Etag>\
         <Content-Length>{}</Content-Length><Content-Type>application/octet-stream</Content-Type>\
         <Content-Encoding /><Content-Language /><Content-CRC64 /><Content-MD5 /><Cache-Control />\
         <Content-Disposition /><BlobType>AppendBlob</BlobType><AccessTier>Hot</AccessTier>\
         <AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus>\
         <LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties><OrMetadata /></Blob>",
        element("Name", name),
        times::header(blob.created),
        times::header(blob.modified),
        blob.etag(),
        blob.bytes.len(),
    ));
}

/// The answer: what was asked for, what was found, and where the next page goes on.
fn page(
    request: &Request<'_>,
    container: Option<&str>,
    (kind, list): (&str, &str),
    next: Option<&Marker>,
) -> Answer {
    let container = container.map_or_else(String::new, |name| {
        format!(" ContainerName=\"{}\"", escape(name))
    });
    let host = request.header("host");
    let account = request.raw_path.split('/').nth(1).unwrap_or_default();
    let mut xml = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <EnumerationResults ServiceEndpoint=\"http://{host}/{account}/\"{container}>"
    );
    for (parameter, name) in [
        ("prefix", "Prefix"),
        ("marker", "Marker"),
        ("maxresults", "MaxResults"),
        ("delimiter", "Delimiter"),
    ] {
        if let Some(value) = request.parameter(parameter) {
            xml.push_str(&element(name, value));
        }
    }
    let next = next.map_or_else(String::new, Marker::seal);
    xml.push_str(&format!("<{kind}>{list}</{kind}>"));
    xml.push_str(&element("NextMarker", &next));
    xml.push_str("</EnumerationResults>");
    Answer {
        status: StatusCode::OK,
        headers: vec![("content-type", "application/xml".to_owned())],
        body: xml.into_bytes(),
    }
}
