//! What the functions themselves log: templates filled with deterministic values, in the form that
//! each runtime's logger gives them.

use std::fmt::Write as _;

use model::{Level, Timestamp};
use serde_json::json;

use super::functions::{Function, LogStyle, Runtime};
use super::moment::Moment;
use super::platform::Invocation;
use crate::random::Random;

/// A message with gaps in braces.
type Template = (Level, &'static str);

#[rustfmt::skip]
const REQUESTS: &[Template] = &[
    (Level::Info, "{method} {path} status={status} latency_ms={latency} user={user}"),
    (Level::Info, "{method} {path} status={status} latency_ms={latency} bytes={bytes}"),
    (Level::Info, "served from cache key={path} age_s={count}"),
    (Level::Debug, "cache miss for {sku}, asking the origin"),
    (Level::Warn, "slow upstream: {method} {path} took {latency} ms, budget 250 ms"),
];
#[rustfmt::skip]
const ORDERS: &[Template] = &[
    (Level::Info, "order {order} accepted items={count} total={amount} currency=EUR"),
    (Level::Info, "reserved {count} x {sku} for order {order}"),
    (Level::Info, "order {order} moved to state paid after {latency} ms"),
    (Level::Info, "published OrderPlaced order={order} topic=orders-{digit} user={user}"),
    (Level::Warn, "stock of {sku} is low: {count} left"),
    (Level::Debug, "price of {sku} from rule set {digit}: {amount} EUR"),
];
#[rustfmt::skip]
const JOBS: &[Template] = &[
    (Level::Info, "read batch of {count} records from shard shardId-00000000000{digit}"),
    (Level::Info, "wrote {bytes} bytes to s3://shop-media-eu/{order}/{sku}.bin in {latency} ms"),
    (Level::Info, "processed {count} records, {digit} skipped, {latency} ms"),
    (Level::Debug, "lease renewed for partition {digit} by {ip}"),
    (Level::Warn, "record {order} retried, attempt {digit}: connection to {ip}:5432 was reset"),
];
#[rustfmt::skip]
const AUTHORISATION: &[Template] = &[
    (Level::Info, "token accepted user={user} scope=shop:read ip={ip}"),
    (Level::Info, "token accepted user={user} scope=shop:write ip={ip}"),
    (Level::Info, "policy {digit} evaluated in {latency} ms for user={user}: allow"),
    (Level::Warn, "token rejected reason=expired user={user} ip={ip}"),
];
#[rustfmt::skip]
const NOTES: &[Template] = &[
    (Level::Info, "sent template order-confirmation to {user}, provider id {order}"),
    (Level::Info, "delivered to {count} endpoints in {latency} ms"),
    (Level::Info, "endpoint https://hooks.example.com/{user} answered {status} after {latency} ms"),
    (Level::Warn, "endpoint https://hooks.example.com/{user} is slow: {latency} ms"),
    (Level::Debug, "rendered {bytes} bytes for locale de-DE"),
];

#[rustfmt::skip]
const PICTURES: &[Template] = &[
    (Level::Info, "wrote {bytes} bytes to pictures/{order}/{sku}.webp in {latency} ms"),
    (Level::Info, "picture \"{sku}.png\" isn't there in size {count}, making it"),
    (Level::Info, "labels of {sku}.png: [\"shoe\", \"{digit}\"], confidence 0.9{digit}"),
    (Level::Debug, "read C:\\home\\data\\palette{digit}.icc"),
    (Level::Warn, "the picture of {sku} isn't sharp enough: {latency} of 100"),
];

const PATHS: &[&str] = &[
    "/api/cart/",
    "/api/carts/",
    "/api/catalog/items/",
    "/api/checkout/",
    "/api/customers/",
    "/api/orders/",
    "/api/payments/",
    "/api/prices/",
    "/health/",
];

fn templates(function: &Function) -> &'static [Template] {
    match function.name {
        "auth-authorizer" | "session-cleanup" => AUTHORISATION,
        "cart-api" | "catalog-api" | "picture-api" | "pricing-engine" => REQUESTS,
        "checkout-api" | "orders-worker" | "payments-webhook" | "fraud-score"
        | "loyalty-points" | "place-order" | "sync-orders" | "post-invoice" | "import-payments"
        | "ingest-events" => ORDERS,
        "email-sender" | "notification-push" | "webhook-fanout" | "invoice-pdf" => NOTES,
        "moderate-image" | "resize-image" => PICTURES,
        _ => JOBS,
    }
}

/// Writes one message of `invocation` at `moment`.
pub(crate) fn message(
    invocation: &Invocation,
    moment: Timestamp,
    random: &mut Random,
) -> (Level, String) {
    let (level, text) = plain(invocation.function, random);
    (
        level,
        in_style(invocation, moment, (level, &text), Some(random)),
    )
}

/// A message as the function's author wrote it, without the form of a logger.
pub(crate) fn plain(function: &Function, random: &mut Random) -> (Level, String) {
    let all = templates(function);
    // Most of what functions say is the first three of their messages.
    let bound = if random.chance(0.88) { 3 } else { all.len() };
    let (level, template) = all[random.below(bound as u64) as usize];
    let mut text = String::with_capacity(160);
    fill(template, random, &mut text);
    (level, text)
}

/// Puts a message into the form of the function's logger. With `random`, JSON messages get the
/// fields of a request: method, path, status, latency and user.
pub(crate) fn in_style(
    invocation: &Invocation,
    moment: Timestamp,
    (level, text): (Level, &str),
    random: Option<&mut Random>,
) -> String {
    let function = invocation.function;
    let id = &invocation.request_id;
    let time = Moment(moment);
    match (function.style, function.runtime) {
        (LogStyle::Text, Runtime::Node) => format!("{time}\t{id}\t{}\t{text}\n", level.name()),
        (LogStyle::Text, Runtime::Python) => {
            let name = if level == Level::Warn {
                "WARNING"
            } else {
                level.name()
            };
            format!("[{name}]\t{time}\t{id}\t{text}\n")
        }
        (LogStyle::Text, Runtime::Go) => {
            format!(
                "time={time} level={} msg={text:?} request_id={id}\n",
                level.name()
            )
        }
        (LogStyle::Text, Runtime::Java) => {
            format!(
                "{time} {id} {:<5} com.shop.Handler - {text}\n",
                level.name()
            )
        }
        (LogStyle::JsonMessages, _) => {
            let mut line = format!(
                r#"{{"level":"{}","timestamp":"{time}","service":"{}","message":{},"cold_start":{},"function_request_id":"{id}""#,
                level.name(),
                function.name,
                json!(text),
                invocation.is_cold
            );
            push_request(&mut line, random);
            line.push_str("}\n");
            line
        }
        (LogStyle::Json, _) => {
            let mut line = format!(
                r#"{{"timestamp":"{time}","level":"{}","requestId":"{id}","message":{}"#,
                level.name(),
                json!(text)
            );
            push_request(&mut line, random);
            line.push('}');
            line
        }
    }
}

fn push_request(line: &mut String, random: Option<&mut Random>) {
    let Some(random) = random else { return };
    let mut request = String::with_capacity(120);
    let template = r#","method":"{method}","path":"{path}","status":{status},"latency_ms":{latency},"user_id":"{user}""#;
    // The braces of JSON are not gaps: only the object's fields are in the template.
    fill(template, random, &mut request);
    line.push_str(&request);
}

fn fill(template: &str, random: &mut Random, out: &mut String) {
    for part in template.split('{') {
        match part.split_once('}') {
            Some((gap, rest)) => {
                fill_gap(gap, random, out).expect("writing to a string cannot fail");
                out.push_str(rest);
            }
            None => out.push_str(part),
        }
    }
}

fn fill_gap(gap: &str, random: &mut Random, out: &mut String) -> std::fmt::Result {
    match gap {
        "method" => out.push_str(random.pick(&["GET", "GET", "GET", "POST", "PUT", "DELETE"])),
        "path" => write!(out, "{}{}", random.pick(PATHS), random.below(40_000))?,
        "status" => {
            let status = match random.below(1_000) {
                0..=4 => 500 + random.below(4),
                5..=24 => 404,
                25..=34 => 429,
                35..=120 => 201,
                _ => 200,
            };
            write!(out, "{status}")?;
        }
        "latency" => write!(out, "{:.1}", random.duration(21.0, 190.0))?,
        // Some users come far more often than others.
        "user" => {
            let user = (random.unit().powi(3) * 20_000.0) as u64;
            write!(out, "u-{user:05}")?;
        }
        "sku" => {
            let sku = (random.unit().powi(2) * 3_000.0) as u64;
            write!(out, "SKU-{sku:04}")?;
        }
        "order" => write!(out, "ord-{:010x}", random.bits() >> 24)?,
        "amount" => write!(out, "{:.2}", random.duration(38.0, 240.0))?,
        "bytes" => write!(out, "{}", random.duration(9_000.0, 300_000.0) as u64)?,
        "count" => write!(out, "{}", 1 + random.below(48))?,
        "digit" => write!(out, "{}", 1 + random.below(9))?,
        "ip" => write!(
            out,
            "10.{}.{}.{}",
            random.below(8),
            random.below(256),
            random.below(256)
        )?,
        other => out.push_str(other),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gap_of_every_template_is_filled() {
        let mut random = Random::new(5);
        for (_, template) in [REQUESTS, ORDERS, JOBS, AUTHORISATION, NOTES, PICTURES].concat() {
            let mut text = String::new();
            fill(template, &mut random, &mut text);
            assert!(!text.contains(['{', '}']), "{text}");
        }
    }
}
