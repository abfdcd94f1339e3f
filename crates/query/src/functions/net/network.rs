//! Networks: the common beginning of addresses.

use std::net::{IpAddr, Ipv4Addr};

use crate::functions::entry::{Entry, test, text};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "compareCIDRPrefix",
        3,
        "compareCIDRPrefix(ip1, ip2, bits)",
        "Whether two addresses begin with the same bits.",
        &["* | where compareCIDRPrefix(\"10.1.2.3\", \"10.1.9.9\", 16)"],
        |_, a| test("cidr_compare", COMPARE, a),
    ),
    Entry::new(
        "getCIDRPrefix",
        2,
        "getCIDRPrefix(ip, bits)",
        "The network of an address: only its first bits, the others zero.",
        &["* | getCIDRPrefix(\"10.1.2.3\", 16) as network"],
        |_, a| text("cidr_prefix", PREFIX, a),
    ),
    Entry::new(
        "maskFromCIDR",
        1,
        "maskFromCIDR(bits)",
        "The mask of a network of so many bits, such as 255.255.0.0.",
        &["* | maskFromCIDR(16) as mask"],
        |_, a| text("cidr_mask", MASK, a),
    ),
];

const COMPARE: Run = Run::Test(|row, _| {
    let [Some(a), Some(b), Some(bits)] = row else {
        return None;
    };
    Some(network(a, bits)? == network(b, bits)?)
});

const PREFIX: Run = Run::Text(|row, _| {
    let [Some(ip), Some(bits)] = row else {
        return None;
    };
    Some(network(ip, bits)?.to_string())
});

const MASK: Run = Run::Text(|row, _| {
    let bits = (*row.first()?)?;
    let all = IpAddr::V4(Ipv4Addr::BROADCAST);
    Some(network(&all.to_string(), bits)?.to_string())
});

fn network(ip: &str, bits: &str) -> Option<IpAddr> {
    let bits: u32 = bits.trim().parse().ok()?;
    Some(match ip.trim().parse().ok()? {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
            IpAddr::V4((u32::from(ip) & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX
                .checked_shl(128_u32.checked_sub(bits)?)
                .unwrap_or(0);
            IpAddr::V6((u128::from(ip) & mask).into())
        }
    })
}
