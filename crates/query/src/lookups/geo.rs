//! Where addresses are, and whose: MaxMind's databases of cities and of autonomous systems.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use maxminddb::Reader;
use maxminddb::geoip2::{Asn, City};

use super::{Keyed, LookupTable};

/// What is known of an address.
pub(crate) const PLACE_COLUMNS: [&str; 10] = [
    "latitude",
    "longitude",
    "country_code",
    "country_name",
    "region",
    "city",
    "state",
    "postal_code",
    "continent",
    "metro_code",
];
const OWNER_COLUMNS: [&str; 2] = ["asn", "organization"];

/// A database file.
#[derive(Debug)]
pub(super) struct Database(Arc<Reader<Vec<u8>>>);

impl Database {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let reader = Reader::open_readfile(path).map_err(|error| error.to_string())?;
        Ok(Database(Arc::new(reader)))
    }
}

impl LookupTable for Database {
    fn columns(&self) -> Vec<String> {
        let columns: &[&str] = match self.0.metadata().database_type.contains("ASN") {
            true => &OWNER_COLUMNS,
            false => &PLACE_COLUMNS,
        };
        columns.iter().map(|column| (*column).to_owned()).collect()
    }

    fn by(&self, keys: &[String]) -> Result<Arc<dyn Keyed>, String> {
        match keys {
            [key] if key.eq_ignore_ascii_case("ip") => Ok(Arc::new(Addresses(Arc::clone(&self.0)))),
            _ => Err("addresses are looked up with `on ip=<field>`".to_owned()),
        }
    }
}

#[derive(Debug)]
struct Addresses(Arc<Reader<Vec<u8>>>);

impl Keyed for Addresses {
    fn find(&self, keys: &[&str], column: &str) -> Option<String> {
        let address: IpAddr = keys.first()?.trim().parse().ok()?;
        let found = self.0.lookup(address).ok()?;
        if column == "asn" || column == "organization" {
            let owner: Asn<'_> = found.decode().ok()??;
            return match column {
                "asn" => owner
                    .autonomous_system_number
                    .map(|number| number.to_string()),
                _ => owner.autonomous_system_organization.map(str::to_owned),
            };
        }
        let place: City<'_> = found.decode().ok()??;
        let text = |name: Option<&str>| name.map(str::to_owned);
        let subdivision = place.subdivisions.first();
        match column {
            "latitude" => place.location.latitude.map(|degrees| degrees.to_string()),
            "longitude" => place.location.longitude.map(|degrees| degrees.to_string()),
            "metro_code" => place.location.metro_code.map(|code| code.to_string()),
            "country_code" => text(place.country.iso_code),
            "country_name" => text(place.country.names.english),
            "city" => text(place.city.names.english),
            "region" | "state" => text(subdivision?.names.english),
            "postal_code" => text(place.postal.code),
            "continent" => text(place.continent.names.english),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of a database.
    enum Value {
        Text(&'static str),
        Double(f64),
        Short(u16),
        Number(u32),
        Long(u64),
        List(Vec<Value>),
        Map(Vec<(&'static str, Value)>),
    }
    use Value::{Double, List, Long, Map, Number, Short, Text};

    /// What stands before a value: its kind and its size, which has a byte of its own from 29 on.
    fn control(kind: u8, size: usize, bytes: &mut Vec<u8>) {
        let (size, more) = match size {
            0..29 => (u8::try_from(size).unwrap(), None),
            _ => (29, Some(u8::try_from(size - 29).unwrap())),
        };
        match kind {
            1..=7 => bytes.push(kind << 5 | size),
            _ => bytes.extend([size, kind - 7]),
        }
        bytes.extend(more);
    }

    fn write(value: &Value, bytes: &mut Vec<u8>) {
        match value {
            Text(text) => {
                control(2, text.len(), bytes);
                bytes.extend(text.as_bytes());
            }
            Double(number) => {
                control(3, 8, bytes);
                bytes.extend(number.to_be_bytes());
            }
            Short(number) => {
                control(5, 2, bytes);
                bytes.extend(number.to_be_bytes());
            }
            Number(number) => {
                control(6, 4, bytes);
                bytes.extend(number.to_be_bytes());
            }
            Long(number) => {
                control(9, 8, bytes);
                bytes.extend(number.to_be_bytes());
            }
            List(items) => {
                control(11, items.len(), bytes);
                items.iter().for_each(|item| write(item, bytes));
            }
            Map(items) => {
                control(7, items.len(), bytes);
                for (key, value) in items {
                    write(&Text(key), bytes);
                    write(value, bytes);
                }
            }
        }
    }

    /// A database of IPv4 addresses that knows one network of eight bits: a chain of eight nodes.
    fn database(network: u8, kind: &'static str, record: &Value) -> Vec<u8> {
        const NODES: u32 = 8;
        let mut bytes = Vec::new();
        for node in 0..NODES {
            let is_one = network >> (7 - node) & 1 == 1;
            // Behind the nodes: nothing, then sixteen bytes of separator, then the data.
            let next = if node + 1 < NODES {
                node + 1
            } else {
                NODES + 16
            };
            let pair = if is_one { [NODES, next] } else { [next, NODES] };
            for side in pair {
                bytes.extend(&side.to_be_bytes()[1..]);
            }
        }
        bytes.extend([0; 16]);
        write(record, &mut bytes);
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        let metadata = Map(vec![
            ("binary_format_major_version", Short(2)),
            ("binary_format_minor_version", Short(0)),
            ("build_epoch", Long(0)),
            ("database_type", Text(kind)),
            ("description", Map(Vec::new())),
            ("ip_version", Short(4)),
            ("languages", List(Vec::new())),
            ("node_count", Number(NODES)),
            ("record_size", Short(24)),
        ]);
        write(&metadata, &mut bytes);
        bytes
    }

    fn table(bytes: &[u8]) -> Database {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mmdb");
        std::fs::write(&path, bytes).unwrap();
        Database::read(&path).unwrap()
    }

    #[test]
    fn places_are_found() {
        let names = |name| Map(vec![("names", Map(vec![("en", Text(name))]))]);
        let record = Map(vec![
            ("city", names("Oslo")),
            ("continent", names("Europe")),
            (
                "country",
                Map(vec![
                    ("iso_code", Text("NO")),
                    ("names", Map(vec![("en", Text("Norway"))])),
                ]),
            ),
            (
                "location",
                Map(vec![
                    ("latitude", Double(59.9)),
                    ("longitude", Double(10.75)),
                ]),
            ),
            ("postal", Map(vec![("code", Text("0150"))])),
            ("subdivisions", List(vec![names("Oslo County")])),
        ]);
        let table = table(&database(81, "GeoLite2-City", &record));
        let by_ip = table.by(&["ip".to_owned()]).unwrap();
        let found = |column| by_ip.find(&["81.2.69.142"], column);
        assert_eq!(found("city").as_deref(), Some("Oslo"));
        assert_eq!(found("country_code").as_deref(), Some("NO"));
        assert_eq!(found("country_name").as_deref(), Some("Norway"));
        assert_eq!(found("latitude").as_deref(), Some("59.9"));
        assert_eq!(found("longitude").as_deref(), Some("10.75"));
        assert_eq!(found("region").as_deref(), Some("Oslo County"));
        assert_eq!(found("postal_code").as_deref(), Some("0150"));
        assert_eq!(found("continent").as_deref(), Some("Europe"));
        assert_eq!(found("metro_code"), None);
        assert_eq!(by_ip.find(&["10.0.0.1"], "city"), None);
        assert_eq!(by_ip.find(&["no address"], "city"), None);
        assert!(table.by(&["name".to_owned()]).is_err());
        assert_eq!(table.columns().len(), PLACE_COLUMNS.len());
    }

    #[test]
    fn owners_are_found() {
        let record = Map(vec![
            ("autonomous_system_number", Number(64_496)),
            ("autonomous_system_organization", Text("Example")),
        ]);
        let table = table(&database(1, "GeoLite2-ASN", &record));
        let by_ip = table.by(&["IP".to_owned()]).unwrap();
        assert_eq!(by_ip.find(&["1.1.1.1"], "asn").as_deref(), Some("64496"));
        assert_eq!(
            by_ip.find(&["1.1.1.1"], "organization").as_deref(),
            Some("Example")
        );
        assert_eq!(table.columns(), OWNER_COLUMNS);
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mmdb");
        std::fs::write(&path, b"nothing").unwrap();
        assert!(Database::read(&path).is_err());
    }
}
