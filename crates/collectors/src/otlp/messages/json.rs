//! How the protocol's JSON differs from what serde expects: integers may be text, numbers that are
//! not finite are words, trace ids are hexadecimal, and bytes are base64.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use super::{ArrayValue, KeyValueList, any_value};

/// A value of any type: of the fields, one is there.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct AnyValue {
    string_value: Option<String>,
    bool_value: Option<bool>,
    #[serde(deserialize_with = "maybe_integer")]
    int_value: Option<i64>,
    #[serde(deserialize_with = "maybe_double")]
    double_value: Option<f64>,
    array_value: Option<ArrayValue>,
    kvlist_value: Option<KeyValueList>,
    bytes_value: Option<Base64>,
}

impl From<AnyValue> for super::AnyValue {
    fn from(json: AnyValue) -> Self {
        use any_value::Value;
        let value = json
            .string_value
            .map(Value::Text)
            .or(json.bool_value.map(Value::Bool))
            .or(json.int_value.map(Value::Int))
            .or(json.double_value.map(Value::Double))
            .or(json.array_value.map(Value::Array))
            .or(json.kvlist_value.map(Value::Map))
            .or(json.bytes_value.map(|bytes| Value::Bytes(bytes.0)));
        super::AnyValue { value }
    }
}

struct Base64(Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD
            .decode(&text)
            .map(Base64)
            .map_err(|error| D::Error::custom(format!("bytes are not base64: {error}")))
    }
}

/// Bytes written as hexadecimal digits.
pub(super) fn hexadecimal<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    });
    bytes.collect::<Option<Vec<u8>>>().ok_or_else(|| {
        D::Error::invalid_value(Unexpected::Str(&text), &"pairs of hexadecimal digits")
    })
}

/// An integer, or its digits as text.
pub(super) fn integer<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: TryFrom<i128>,
    D: Deserializer<'de>,
{
    Integer::deserialize(from).map(|integer| integer.0)
}

/// The same, or nothing.
pub(super) fn maybe_integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let integer = Option::<Integer<i64>>::deserialize(from)?;
    Ok(integer.map(|integer| integer.0))
}

/// Several of them.
pub(super) fn integers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u64>, D::Error> {
    let integers = Vec::<Integer<u64>>::deserialize(from)?;
    Ok(integers.into_iter().map(|integer| integer.0).collect())
}

/// A number, or one of the words `NaN`, `Infinity` and `-Infinity`.
pub(super) fn double<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Double::deserialize(from).map(|double| double.0)
}

/// The same, or nothing.
pub(super) fn maybe_double<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let double = Option::<Double>::deserialize(from)?;
    Ok(double.map(|double| double.0))
}

/// Several of them.
pub(super) fn doubles<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    let doubles = Vec::<Double>::deserialize(from)?;
    Ok(doubles.into_iter().map(|double| double.0).collect())
}

struct Integer<T>(T);

impl<'de, T: TryFrom<i128>> Deserialize<'de> for Integer<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(IntegerVisitor(PhantomData))
            .map(Integer)
    }
}

struct IntegerVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i128>> IntegerVisitor<T> {
    fn fit<E: Error>(number: i128) -> Result<T, E> {
        let too_large = |_| E::custom(format!("the integer {number} is out of range"));
        T::try_from(number).map_err(too_large)
    }
}

impl<T: TryFrom<i128>> Visitor<'_> for IntegerVisitor<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer or its digits as text")
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        Self::fit(i128::from(number))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        Self::fit(i128::from(number))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let number = text.parse();
        Self::fit(number.map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?)
    }
}

struct Double(f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(DoubleVisitor).map(Double)
    }
}

struct DoubleVisitor;

impl Visitor<'_> for DoubleVisitor {
    type Value = f64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or \"NaN\"")
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        let number = text.parse();
        number.map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}
