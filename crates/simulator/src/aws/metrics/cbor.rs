//! CBOR as clients of Smithy's RPC v2 protocol write it
//! (<https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>), read as JSON: a point
//! in time becomes its seconds since the epoch.

use aws_smithy_cbor::Decoder;
use aws_smithy_cbor::data::Type;
use aws_smithy_cbor::decode::DeserializeError;
use serde_json::{Map, Value};

/// Values within one another at most.
const DEPTH_MAX: usize = 16;

/// Reads a body.
///
/// # Errors
/// If it is no CBOR, or holds what the protocol does not use.
pub(super) fn read(body: &[u8]) -> Result<Value, DeserializeError> {
    value(&mut Decoder::new(body), DEPTH_MAX)
}

fn value(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, DeserializeError> {
    let unknown = |at| DeserializeError::custom("a value that the protocol does not use", at);
    if depth == 0 {
        return Err(unknown(decoder.position()));
    }
    Ok(match decoder.datatype()? {
        Type::Null => {
            decoder.null()?;
            Value::Null
        }
        Type::Bool => decoder.boolean()?.into(),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => decoder.long()?.into(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => decoder.long()?.into(),
        Type::F16 | Type::F32 | Type::F64 => decoder.double()?.into(),
        Type::String | Type::StringIndef => decoder.string()?.into(),
        Type::Tag => decoder.timestamp()?.as_secs_f64().into(),
        Type::Array | Type::ArrayIndef => {
            let length = decoder.list()?;
            let mut items = Vec::new();
            while goes_on(decoder, length, items.len())? {
                items.push(value(decoder, depth - 1)?);
            }
            Value::Array(items)
        }
        Type::Map | Type::MapIndef => {
            let length = decoder.map()?;
            let (mut members, mut count) = (Map::new(), 0);
            while goes_on(decoder, length, count)? {
                let name = decoder.string()?;
                members.insert(name, value(decoder, depth - 1)?);
                count += 1;
            }
            Value::Object(members)
        }
        _ => return Err(unknown(decoder.position())),
    })
}

/// Whether a list or map has more than the `count` items that were read.
fn goes_on(
    decoder: &mut Decoder<'_>,
    length: Option<u64>,
    count: usize,
) -> Result<bool, DeserializeError> {
    match length {
        Some(length) => Ok((count as u64) < length),
        None if decoder.datatype()? == Type::Break => {
            decoder.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}
