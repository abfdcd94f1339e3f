//! Reads the function, version and sandbox out of the names that AWS Lambda gives to log groups
//! and log streams.

const GROUP_PREFIX: &str = "/aws/lambda/";

/// The function that owns a log group with a standard name.
pub(crate) fn function_of_group(group: &str) -> Option<&str> {
    group
        .strip_prefix(GROUP_PREFIX)
        .filter(|name| !name.is_empty())
}

/// What a log stream's name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamName<'a> {
    /// The function, when the stream is in a custom log group.
    pub(crate) function: Option<&'a str>,
    /// The version, such as `$LATEST`.
    pub(crate) version: &'a str,
    /// The sandbox.
    pub(crate) instance: &'a str,
}

impl<'a> StreamName<'a> {
    /// Reads `2020/06/09/[$LATEST]b249…` and, in custom groups, `2020/06/09/name[$LATEST]b249…`.
    pub(crate) fn parse(stream: &'a str) -> Option<Self> {
        let mut parts = stream.splitn(4, '/');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let is_date = [(year, 4), (month, 2), (day, 2)]
            .iter()
            .all(|(part, len)| part.len() == *len && part.bytes().all(|b| b.is_ascii_digit()));
        if !is_date {
            return None;
        }
        let (function, rest) = parts.next()?.split_once('[')?;
        let (version, instance) = rest.split_once(']')?;
        Some(StreamName {
            function: Some(function).filter(|name| !name.is_empty()),
            version,
            instance,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_stream_names_are_read() {
        let usual = StreamName::parse("2020/06/09/[$LATEST]b249865a").unwrap();
        assert_eq!((usual.function, usual.version), (None, "$LATEST"));
        assert_eq!(usual.instance, "b249865a");
        let custom = StreamName::parse("2020/03/05/orders[7]20bddfd5").unwrap();
        assert_eq!((custom.function, custom.version), (Some("orders"), "7"));
        for other in [
            "",
            "app.log",
            "2020/03/05/plain",
            "i-0123/x/y/[a]b",
            "2020/03/05/a]b[",
        ] {
            assert_eq!(StreamName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn only_lambda_groups_name_a_function() {
        assert_eq!(function_of_group("/aws/lambda/orders"), Some("orders"));
        assert_eq!(function_of_group("/aws/lambda/"), None);
        assert_eq!(function_of_group("/ecs/orders"), None);
    }
}
