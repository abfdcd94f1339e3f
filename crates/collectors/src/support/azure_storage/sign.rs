//! The signatures that requests bear which are made with an account's key. Pure.
//!
//! <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;

use super::Service;

/// What is signed of a GET request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    pub(super) service: Service,
    pub(super) account: &'a str,
    /// As it is sent, percent-encoded.
    pub(super) path: &'a str,
    /// Decoded.
    pub(super) query: &'a [(&'a str, &'a str)],
    /// The `x-ms-…` headers.
    pub(super) headers: &'a [(&'a str, String)],
}

/// The value of the header `Authorization`; `None` if the key is no base64.
pub(super) fn authorization(signed: &Signed<'_>, key: &str) -> Option<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(key.trim()).ok()?);
    let signature = hmac::sign(&key, text(signed).as_bytes());
    Some(format!(
        "SharedKey {}:{}",
        signed.account,
        STANDARD.encode(signature.as_ref())
    ))
}

/// The text that is signed.
fn text(signed: &Signed<'_>) -> String {
    let resource = format!("/{}{}", signed.account, signed.path);
    match signed.service {
        // The verb, eleven standard headers that we do not send, and the line's end behind them.
        Service::Blob => format!(
            "GET{}{}{resource}{}",
            "\n".repeat(12),
            blob_headers(signed.headers),
            blob_query(signed.query)
        ),
        Service::Table => {
            let date = signed.headers.iter().find(|(name, _)| *name == "x-ms-date");
            let date = date.map_or("", |(_, date)| date.as_str());
            let comp = signed.query.iter().find(|(name, _)| *name == "comp");
            let comp = comp.map_or_else(String::new, |(_, comp)| format!("?comp={comp}"));
            format!("GET\n\n\n{date}\n{resource}{comp}")
        }
    }
}

fn blob_headers(headers: &[(&str, String)]) -> String {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{}:{}\n", name.to_ascii_lowercase(), value.trim()))
        .collect();
    lines.sort();
    lines.concat()
}

fn blob_query(query: &[(&str, &str)]) -> String {
    let mut lines: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("\n{}:{value}", name.to_ascii_lowercase()))
        .collect();
    lines.sort();
    lines.concat()
}

/// The form of `x-ms-date`.
pub(super) fn date(now: Timestamp) -> String {
    let moment = jiff::Timestamp::from_millisecond(now.millis()).unwrap_or_default();
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Fri, 26 Jun 2015 23:39:12 GMT";

    fn headers() -> Vec<(&'static str, String)> {
        vec![
            ("x-ms-version", "2015-02-21".to_owned()),
            ("x-ms-date", DATE.to_owned()),
        ]
    }

    /// The example of Microsoft's page for Get Container Metadata.
    #[test]
    fn the_text_for_blobs_is_that_of_the_documentation() {
        let headers = headers();
        let signed = Signed {
            service: Service::Blob,
            account: "myaccount",
            path: "/mycontainer",
            query: &[
                ("restype", "container"),
                ("comp", "metadata"),
                ("timeout", "20"),
            ],
            headers: &headers,
        };
        assert_eq!(
            text(&signed),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n\
             x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\n\
             timeout:20"
        );
    }

    #[test]
    fn the_text_for_tables_has_the_date_and_the_resource() {
        let headers = headers();
        let signed = Signed {
            service: Service::Table,
            account: "testaccount1",
            path: "/Tables",
            query: &[("$top", "1")],
            headers: &headers,
        };
        assert_eq!(
            text(&signed),
            format!("GET\n\n\n{DATE}\n/testaccount1/Tables")
        );
        let signed = Signed {
            query: &[("comp", "acl")],
            ..signed
        };
        assert!(text(&signed).ends_with("/testaccount1/Tables?comp=acl"));
    }

    /// The signature was made with Python's `hmac`.
    #[test]
    fn the_signature_is_an_hmac_with_the_decoded_key() {
        let signed = Signed {
            service: Service::Table,
            account: "a",
            path: "/a/Tables",
            query: &[],
            headers: &[("x-ms-date", DATE.to_owned())],
        };
        assert_eq!(
            authorization(&signed, "a2V5").as_deref(),
            Some("SharedKey a:QAU2mcVEKVdZWPCZSiC7VEwWFxQjN30GH+BkXTPM8RI=")
        );
        assert_eq!(authorization(&signed, "no base64!"), None);
    }

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(date(Timestamp::from_millis(1_435_361_952_123)), DATE);
    }
}
