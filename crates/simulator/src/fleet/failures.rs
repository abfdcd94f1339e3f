//! Errors that nothing handles, with their stack traces, as each runtime prints them.

use std::fmt::Write as _;

use model::Timestamp;
use serde_json::{Value, json};

use super::functions::{LogStyle, Runtime};
use super::moment::Moment;
use super::platform::{Invocation, Outcome};
use crate::random::Random;

/// An error: its type, its message, and the frames of its stack as (function, file, line).
type Failure = (&'static str, &'static str, &'static [Frame]);
type Frame = (&'static str, &'static str, u32);

/// The error of the bad version of the checkout.
pub(crate) const BAD_VERSION: Failure = (
    "TypeError",
    "Cannot read properties of undefined (reading 'id')",
    &[
        ("applyGuestDiscount", "/var/task/dist/cart/discount.js", 88),
        ("priceCart", "/var/task/dist/cart/price.js", 214),
        ("async checkout", "/var/task/dist/checkout.js", 57),
        ("async Runtime.handler", "/var/task/dist/index.js", 31),
    ],
);

#[rustfmt::skip]
const NODE: &[Failure] = &[
    ("Error", "connect ETIMEDOUT 10.2.41.7:5432",
        &[("TCPConnectWrap.afterConnect [as oncomplete]", "node:net", 1611), ("async Pool.query", "/var/task/node_modules/pg-pool/index.js", 45), ("async Runtime.handler", "/var/task/dist/index.js", 44)]),
    ("ConditionalCheckFailedException", "The conditional request failed",
        &[("throwDefaultError", "/var/task/node_modules/@smithy/smithy-client/dist-cjs/index.js", 388), ("async putOrder", "/var/task/dist/store.js", 120), ("async Runtime.handler", "/var/task/dist/index.js", 52)]),
    ("RangeError", "Invalid time value",
        &[("Date.toISOString", "<anonymous>", 1), ("formatDue", "/var/task/dist/dates.js", 19), ("async Runtime.handler", "/var/task/dist/index.js", 38)]),
    ("SyntaxError", "Unexpected token '<', \"<html><hea\"... is not valid JSON",
        &[("JSON.parse", "<anonymous>", 1), ("parseUpstream", "/var/task/dist/upstream.js", 71), ("async Runtime.handler", "/var/task/dist/index.js", 29)]),
];
#[rustfmt::skip]
const PYTHON: &[Failure] = &[
    ("KeyError", "'sku'",
        &[("lambda_handler", "/var/task/app.py", 41), ("normalise", "/var/task/shop/records.py", 88)]),
    ("botocore.exceptions.ClientError", "An error occurred (SlowDown) when calling the PutObject operation (reached max retries: 4): Please reduce your request rate.",
        &[("lambda_handler", "/var/task/app.py", 57), ("store", "/var/task/shop/media.py", 132), ("_make_api_call", "/var/lang/lib/python3.13/site-packages/botocore/client.py", 1078)]),
    ("ValueError", "could not convert string to float: 'n/a'",
        &[("lambda_handler", "/var/task/app.py", 63), ("score", "/var/task/shop/model.py", 27)]),
];
#[rustfmt::skip]
const GO: &[Failure] = &[
    ("*url.Error", "Post \"https://hooks.example.com/v1/events\": context deadline exceeded",
        &[("lambdaPanicResponse", "github.com/aws/aws-lambda-go@v1.49.0/lambda/errors.go", 39), ("deliver", "shop/fanout/deliver.go", 117), ("handle", "shop/fanout/main.go", 46)]),
    ("runtimeError", "runtime error: index out of range [3] with length 3",
        &[("lambdaPanicResponse", "github.com/aws/aws-lambda-go@v1.49.0/lambda/errors.go", 39), ("goPanicIndex", "runtime/panic.go", 115), ("page", "shop/catalog/page.go", 64)]),
];
#[rustfmt::skip]
const JAVA: &[Failure] = &[
    ("java.lang.IllegalStateException", "Payment is already captured",
        &[("com.shop.payments.Capture.apply", "Capture.java", 142), ("com.shop.payments.Handler.handleRequest", "Handler.java", 61), ("com.shop.payments.Handler.handleRequest", "Handler.java", 24)]),
    ("java.net.SocketTimeoutException", "Read timed out",
        &[("java.base/sun.nio.ch.NioSocketImpl.timedRead", "NioSocketImpl.java", 278), ("com.shop.http.Client.send", "Client.java", 88), ("com.shop.Handler.handleRequest", "Handler.java", 47)]),
    ("java.lang.NullPointerException", "Cannot invoke \"com.shop.Price.amount()\" because \"price\" is null",
        &[("com.shop.pricing.Rules.apply", "Rules.java", 203), ("com.shop.Handler.handleRequest", "Handler.java", 39)]),
];

/// Writes the event that tells about the failure of `invocation` at `moment`.
pub(crate) fn failure(invocation: &Invocation, moment: Timestamp, random: &mut Random) -> String {
    let runtime = invocation.function.runtime;
    let failure = draw(invocation, random);
    let mut text = String::with_capacity(640);
    match (invocation.function.style, runtime) {
        (LogStyle::Json, _) => json_record(invocation, moment, failure, &mut text),
        (_, Runtime::Node) => node(invocation, moment, failure, &mut text),
        (_, Runtime::Python) => python(failure, &mut text),
        (_, Runtime::Go) => go(failure, &mut text),
        (_, Runtime::Java) => java(failure, &mut text),
    }
    .expect("writing to a string cannot fail");
    text
}

/// The stack trace alone, as the runtime prints it to its error output.
pub(crate) fn stack(invocation: &Invocation, random: &mut Random) -> String {
    let failure = draw(invocation, random);
    let (kind, message, frames) = failure;
    let mut lines = match invocation.function.runtime {
        Runtime::Node => return node_stack(failure).join("\n"),
        Runtime::Python => vec!["Traceback (most recent call last):".to_owned()],
        Runtime::Go => vec![
            format!("panic: {message}"),
            "goroutine 1 [running]:".to_owned(),
        ],
        Runtime::Java => vec![format!("{kind}: {message}")],
    };
    lines.extend(
        frames
            .iter()
            .map(|(name, file, line)| match invocation.function.runtime {
                Runtime::Java => format!("\tat {name}({file}:{line})"),
                Runtime::Go => format!("{name}()\n\t{file}:{line}"),
                _ => format!("  File \"{file}\", line {line}, in {name}"),
            }),
    );
    if invocation.function.runtime == Runtime::Python {
        lines.push(format!("{kind}: {message}"));
    }
    lines.join("\n")
}

fn draw(invocation: &Invocation, random: &mut Random) -> Failure {
    let all = match invocation.function.runtime {
        Runtime::Node => NODE,
        Runtime::Python => PYTHON,
        Runtime::Go => GO,
        Runtime::Java => JAVA,
    };
    match invocation.outcome {
        Outcome::BadVersion => BAD_VERSION,
        _ => all[random.below(all.len() as u64) as usize],
    }
}

fn node_stack((kind, message, frames): Failure) -> Vec<String> {
    let head = format!("{kind}: {message}");
    let frames = frames
        .iter()
        .map(|(name, file, line)| format!("    at {name} ({file}:{line}:{})", 7 + line % 40));
    std::iter::once(head).chain(frames).collect()
}

fn node(
    invocation: &Invocation,
    moment: Timestamp,
    failure: Failure,
    out: &mut String,
) -> std::fmt::Result {
    let payload = json!({
        "errorType": failure.0, "errorMessage": failure.1, "stack": node_stack(failure),
    });
    let id = &invocation.request_id;
    writeln!(
        out,
        "{}\t{id}\tERROR\tInvoke Error \t{payload}",
        Moment(moment)
    )
}

fn python((kind, message, frames): Failure, out: &mut String) -> std::fmt::Result {
    let kind = kind.rsplit('.').next().unwrap_or(kind);
    writeln!(
        out,
        "[ERROR] {kind}: {message}\nTraceback (most recent call last):"
    )?;
    // The runtime indents with no-break spaces, so that the event stays one event.
    for (name, file, line) in frames {
        writeln!(out, "\u{a0}\u{a0}File \"{file}\", line {line}, in {name}")?;
        writeln!(out, "\u{a0}\u{a0}\u{a0}\u{a0}return {name}_inner(event)")?;
    }
    Ok(())
}

fn go((kind, message, frames): Failure, out: &mut String) -> std::fmt::Result {
    let stack: Vec<Value> = frames
        .iter()
        .map(|(label, path, line)| json!({"path": path, "line": line, "label": label}))
        .collect();
    let payload = json!({"errorMessage": message, "errorType": kind, "stackTrace": stack});
    writeln!(out, "{payload}")
}

fn java((kind, message, frames): Failure, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{message}: {kind}\n{kind}: {message}")?;
    for (name, file, line) in frames {
        writeln!(out, "\tat {name}({file}:{line})")?;
    }
    writeln!(out)
}

fn json_record(
    invocation: &Invocation,
    moment: Timestamp,
    failure: Failure,
    out: &mut String,
) -> std::fmt::Result {
    let (kind, message, frames) = failure;
    let stack: Vec<String> = match invocation.function.runtime {
        Runtime::Node => node_stack(failure),
        _ => frames
            .iter()
            .map(|(name, file, line)| format!("  File \"{file}\", line {line}, in {name}\n"))
            .collect(),
    };
    let time = Moment(moment).to_string();
    let id = &invocation.request_id;
    let record = match invocation.function.runtime {
        Runtime::Node => json!({
            "timestamp": time, "level": "ERROR", "requestId": id,
            "message": {"errorType": kind, "errorMessage": message, "stackTrace": stack},
        }),
        _ => json!({
            "timestamp": time, "level": "ERROR", "message": message, "requestId": id,
            "errorType": kind, "errorMessage": message, "stackTrace": stack,
        }),
    };
    write!(out, "{record}")
}
