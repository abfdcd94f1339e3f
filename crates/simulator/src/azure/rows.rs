//! Rows of `AzureWebJobsHostLogs…`, as hosts before version 4 keep them in the storage account of
//! their app (<https://github.com/Azure/azure-webjobs-sdk/tree/dev/src/Microsoft.Azure.WebJobs.Logging>):
//! written every 45 seconds; a row of an execution that runs is written again when it has ended.
//! Executions, their index, their minutes, active hosts and definitions are there; how many
//! executions a host has at a time (the partition `IA`) is not.

use model::Timestamp;
use serde_json::json;

use super::failure;
use super::tables::{Key, Properties, Property};
use super::times;
use crate::fleet::{AZURE_FUNCTIONS, AppCall, Ending, Function, Host, Trigger};
use crate::random::Random;

/// How often a host writes.
const FLUSH_MS: i64 = 45_000;
/// How long an execution counts as running that was seen running.
const HEARTBEAT_MS: i64 = 3 * FLUSH_MS;
/// From here on texts are cut.
const ERROR_CHARS_MAX: usize = 500;
const REASON_CHARS_MAX: usize = 200;
const COMMON: &str = "AzureWebJobsHostLogscommon";

/// Properties that are written to a row, and when.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) at: Timestamp,
    pub(super) table: String,
    pub(super) key: Key,
    pub(super) properties: Properties,
}

impl Row {
    /// Whether it tells of an execution that failed.
    pub(super) fn has_error(&self) -> bool {
        self.properties
            .iter()
            .any(|(name, _)| *name == "ErrorDetails")
    }
}

/// The executions of one function that began in one minute and that one host wrote at one time.
/// Real hosts forget the earlier ones of that minute and overwrite their row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Minute {
    pub(super) at: Timestamp,
    pub(super) table: String,
    pub(super) row_key: String,
    pub(super) container: String,
}

impl Minute {
    /// The row with so many executions, of which so many failed.
    pub(super) fn row(self, (total, failed): (i32, i32)) -> Row {
        Row {
            at: self.at,
            table: self.table,
            key: ("T2".to_owned(), self.row_key),
            properties: vec![
                ("ContainerName", Property::Text(self.container)),
                ("TotalRun", Property::Int32(total)),
                ("TotalPass", Property::Int32(total - failed)),
                ("TotalFail", Property::Int32(failed)),
            ],
        }
    }
}

/// The row that tells of a function, which the host writes when it starts.
pub(super) fn definition(one: &AppCall, function: &Function) -> Row {
    Row {
        at: flush_after(&one.host, one.host.ready),
        table: COMMON.to_owned(),
        key: ("FD2".to_owned(), function_id(one, function)),
        properties: vec![("OriginalName", Property::Text(function.name.to_owned()))],
    }
}

/// All rows of an execution, also those that are overwritten, in the order of time; and the minute
/// that it is counted in, if its end was written.
pub(super) fn execution(one: &AppCall, random: &mut Random) -> (Vec<Row>, Option<Minute>) {
    let call = &one.call;
    let function = &AZURE_FUNCTIONS[call.function];
    let reason = one.trigger.reason(call.begin, random);
    let writer = Writer {
        one,
        function,
        reason: cut(&reason, REASON_CHARS_MAX),
        arguments: arguments(one, random),
        table: table(call.begin),
    };
    let mut rows = Vec::new();
    let mut at = flush_after(&one.host, call.begin);
    while at < call.end {
        let expiry = at.saturating_add_millis(HEARTBEAT_MS);
        let running = vec![("FunctionInstanceHeartbeatExpiry", Property::Time(expiry))];
        rows.extend(writer.rows(at, &running, None));
        at = at.saturating_add_millis(FLUSH_MS);
    }
    // A process that was killed writes nothing more.
    if call.ending == Ending::OutOfMemory {
        return (rows, None);
    }
    let error = match call.ending {
        Ending::Failed => Some(failure::raised(function, random)),
        Ending::TimedOut => Some(failure::timed_out(function)),
        _ => None,
    };
    let ended = vec![("EndTime", Property::Time(call.end))];
    let error = error.map(|error| cut(&error.details, ERROR_CHARS_MAX));
    rows.extend(writer.rows(at, &ended, error.as_deref()));
    let minutes = (times::ticks(call.begin) - times::TICKS_AT_2000) / times::TICKS_PER_MINUTE;
    let minute = Minute {
        at,
        table: writer.table,
        row_key: format!(
            "{}-{minutes:020}-{}",
            function_id(one, function),
            one.host.instance
        ),
        container: one.host.role.clone(),
    };
    (rows, Some(minute))
}

/// Writes the rows of one execution.
struct Writer<'a> {
    one: &'a AppCall,
    function: &'static Function,
    reason: String,
    arguments: String,
    table: String,
}

impl Writer<'_> {
    /// The execution, its place in the index of its function, and the host that is active.
    fn rows(&self, at: Timestamp, state: &Properties, error: Option<&str>) -> [Row; 3] {
        let call = &self.one.call;
        let name = Property::Text(self.function.name.to_owned());
        let mut instance = vec![
            ("FunctionName", name.clone()),
            ("TriggerReason", Property::Text(self.reason.clone())),
            ("StartTime", Property::Time(call.begin)),
            ("ArgumentsJson", Property::Text(self.arguments.clone())),
        ];
        instance.extend(state.iter().cloned());
        if let Some(error) = error {
            instance.push(("ErrorDetails", Property::Text(error.to_owned())));
        }
        let mut recent = vec![
            ("FunctionName", name.clone()),
            ("DisplayName", name),
            (
                "FunctionInstanceId",
                Property::Guid(call.request_id.clone()),
            ),
            ("StartTime", Property::Time(call.begin)),
            ("HasError", Property::Boolean(error.is_some())),
            ("ContainerName", Property::Text(self.one.host.role.clone())),
        ];
        recent.extend(state.iter().cloned());
        let row = |partition: &str, row_key: String, properties: Properties| Row {
            at,
            table: self.table.clone(),
            key: (partition.to_owned(), row_key),
            properties,
        };
        let before = times::TICKS_MAX - times::ticks(call.begin);
        let recent_key = format!(
            "{}-{before:020}-{}",
            function_id(self.one, self.function),
            guid_hash(&call.request_id)
        );
        let born = self.one.host.born;
        let minutes = (times::ticks(born) - times::TICKS_AT_2000) / times::TICKS_PER_MINUTE;
        let active_key = format!("{minutes:020}-{}-", self.one.host.role.to_lowercase());
        let active = vec![
            ("StartTime", Property::Time(born)),
            ("EndTime", Property::Time(at)),
        ];
        [
            row("I", call.request_id.clone(), instance),
            row("R2", recent_key, recent),
            row("C", active_key, active),
        ]
    }
}

/// The table of the month.
fn table(time: Timestamp) -> String {
    times::civil(time, "AzureWebJobsHostLogs%Y%m")
}

/// When the host writes next, at `time` or later.
fn flush_after(host: &Host, time: Timestamp) -> Timestamp {
    let since_ms = time.millis() - host.born.millis();
    let flushes = since_ms.div_euclid(FLUSH_MS) + 1;
    host.born.saturating_add_millis(flushes * FLUSH_MS)
}

fn function_id(one: &AppCall, function: &Function) -> String {
    format!("{}-{}", escaped(one.app.name), escaped(function.name))
}

/// A name as a term of a row key, whose terms are separated by `-`.
fn escaped(name: &str) -> String {
    let mut out = String::new();
    for character in name.to_lowercase().chars() {
        match (character, u32::from(character)) {
            ('a'..='z' | '0'..='9', _) => out.push(character),
            (_, code @ ..=0xff) => out.push_str(&format!(":{code:02X}")),
            (_, code) => out.push_str(&format!("::{code:04X}")),
        }
    }
    out
}

/// What .NET Core takes as the hash of a GUID: its four words, which lie in memory with the first
/// three groups turned round.
fn guid_hash(id: &str) -> i32 {
    let hex: String = id.chars().filter(char::is_ascii_hexdigit).collect();
    let number = u128::from_str_radix(&hex, 16).unwrap_or_default();
    let [a, b, c, d] = [96, 64, 32, 0].map(|shift| (number >> shift) as u32);
    (a ^ b.rotate_left(16) ^ c.swap_bytes() ^ d.swap_bytes()).cast_signed()
}

fn arguments(one: &AppCall, random: &mut Random) -> String {
    let arguments = match one.trigger {
        Trigger::Http => json!({
            "req": format!("Method: POST, Uri: https://{}.azurewebsites.net/api/invoices", one.app.name),
            "_context": one.call.request_id,
        }),
        Trigger::Timer => json!({"timer": "Cron: '0 */5 * * * *'"}),
        _ => json!({
            "message": json!({"payment": format!("pay-{:08x}", random.bits() >> 32)}).to_string(),
        }),
    };
    arguments.to_string()
}

/// A text of at most so many characters, with dots where there were more.
fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "...",
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_hashes_of_row_keys() {
        assert_eq!(escaped("Billing-legacy"), "billing:2Dlegacy");
        assert_eq!(escaped("größe\u{20ac}"), "gr:F6:DFe::20AC");
        // A number that is made of the bytes 00 11 22 33-44 55-66 77-88 99 aa bb cc dd ee ff lies
        // in memory as 33 22 11 00, 55 44, 77 66, 88 99 …
        let id = "00112233-4455-6677-8899-aabbccddeeff";
        let words = [0x0011_2233_u32, 0x6677_4455, 0xbbaa_9988, 0xffee_ddcc];
        let hash = words.into_iter().fold(0, |hash, word| hash ^ word);
        assert_eq!(guid_hash(id), hash.cast_signed());
        assert_eq!(cut("größe", 3), "grö...");
        assert_eq!(cut("größe", 5), "größe");
    }
}
