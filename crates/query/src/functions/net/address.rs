//! What kind of address is it?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::functions::entry::{Entry, long, test};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "isPrivateIP",
        1,
        "isPrivateIP(ip)",
        "Whether it is an address of a private network.",
        &["* | parse \"ip=* \" as ip | where isPrivateIP(ip)"],
        |_, a| test("is_private_ip", kind(is_private), a),
    ),
    Entry::new(
        "isPublicIP",
        1,
        "isPublicIP(ip)",
        "Whether it is an address of the public internet.",
        &["* | parse \"ip=* \" as ip | where isPublicIP(ip)"],
        |_, a| test("is_public_ip", kind(is_public), a),
    ),
    Entry::new(
        "isReservedIP",
        1,
        "isReservedIP(ip)",
        "Whether it is an address of version 4 that is set aside for special purposes (RFC 5735).",
        &["* | parse \"ip=* \" as ip | where !isReservedIP(ip)"],
        |_, a| test("is_reserved_ip", kind(is_reserved), a),
    ),
    Entry::new(
        "isValidIP",
        1,
        "isValidIP(ip)",
        "Whether it is an address, of either kind.",
        &["* | parse \"ip=* \" as ip | where isValidIP(ip)"],
        |_, a| test("is_ip", kind(|_| true), a),
    ),
    Entry::new(
        "isValidIPv4",
        1,
        "isValidIPv4(ip)",
        "Whether it is an address of version 4.",
        &["* | parse \"ip=* \" as ip | where isValidIPv4(ip)"],
        |_, a| test("is_ip_v4", kind(|ip| ip.is_ipv4()), a),
    ),
    Entry::new(
        "isValidIPv6",
        1,
        "isValidIPv6(ip)",
        "Whether it is an address of version 6.",
        &["* | parse \"ip=* \" as ip | where isValidIPv6(ip)"],
        |_, a| test("is_ip_v6", kind(|ip| ip.is_ipv6()), a),
    ),
    Entry::new(
        "ipv4ToNumber",
        1,
        "ipv4ToNumber(ip)",
        "The address as a number.",
        &["* | ipv4ToNumber(\"10.0.0.1\") as n"],
        |_, a| long("ip_v4_number", NUMBER, a),
    ),
];

const NUMBER: Run = Run::Number(|row, _| {
    let ip: Ipv4Addr = (*row.first()?)?.trim().parse().ok()?;
    Some(f64::from(u32::from(ip)))
});

/// Nothing and what is no address is not of any kind.
const fn kind(is_it: fn(IpAddr) -> bool) -> Run {
    Run::Address(is_it)
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or_else(
            || ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
            |ip| is_private(ip.into()),
        ),
    }
}

fn is_public(ip: IpAddr) -> bool {
    let is_reserved = match ip {
        IpAddr::V4(ip) => is_reserved_v4(ip),
        IpAddr::V6(ip) => ip
            .to_ipv4_mapped()
            .map_or_else(|| is_reserved_v6(ip), is_reserved_v4),
    };
    !is_private(ip) && !is_reserved
}

/// Everything of RFC 5735's table: private and special networks, and what no host has.
fn is_reserved(ip: IpAddr) -> bool {
    let IpAddr::V4(ip) = ip else {
        return false;
    };
    let [first, second, third, _] = ip.octets();
    let is_for_protocols = [first, second, third] == [192, 0, 0];
    let is_for_relays = [first, second, third] == [192, 88, 99];
    let is_for_benchmarks = first == 198 && (second == 18 || second == 19);
    let is_shared = first == 100 && (64..128).contains(&second);
    is_for_protocols
        || is_for_relays
        || is_for_benchmarks
        || is_private(ip.into())
        || is_reserved_v4(ip) && !is_shared
}

fn is_reserved_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    first == 0
        || first >= 240
        || is_shared
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
}

fn is_reserved_v6(ip: Ipv6Addr) -> bool {
    let is_documentation = matches!(ip.segments(), [0x2001, 0xdb8, ..]);
    ip.is_unspecified() || ip.is_multicast() || is_documentation
}
