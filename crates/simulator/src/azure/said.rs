//! What a host says when it starts and around every execution, in the words of
//! <https://github.com/Azure/azure-functions-host>.

use model::{Level, Timestamp};

use super::failure::{self, Failure};
use super::record::Record;
use crate::fleet::{AZURE_FUNCTIONS, App, AppCall, Ending, Function, Host, Trigger};
use crate::random::Random;

/// What the host says while it starts.
pub(super) fn start(app: &App, host: &Host) -> Vec<Record> {
    let took_ms = host.ready.millis() - host.born.millis();
    let count = app.functions_count();
    let startup = "Host.Startup";
    let hosting = "Microsoft.Azure.WebJobs.Hosting.JobHostService";
    #[rustfmt::skip]
    let said = [
        (0, startup, Some((314, "FunctionMetadataManagerLoadingFunctionsMetadata")), "Loading functions metadata".to_owned()),
        (1, startup, Some((315, "FunctionMetadataManagerFunctionsLoaded")), format!("{count} functions loaded")),
        (2, "Host.Triggers.Warmup", None, "Initializing Warmup Extension.".to_owned()),
        (3, startup, Some((503, "Initializing")), format!("Initializing Host. OperationId: '{}'.", host.instance)),
        (3, startup, Some((504, "Initialization")), format!("Host initialization: ConsecutiveErrors=0, StartupCount=1, OperationId={}", host.instance)),
        (4, hosting, None, "Starting JobHost".to_owned()),
        (5, startup, Some((401, "StartingHost")), format!("Starting Host (HostId={}, InstanceId={}, Version={}, ProcessId={}, AppDomainId=1, InDebugMode=False, InDiagnosticMode=False, FunctionsExtensionVersion=~4)", app.name, host.instance, app.host_version, host.process)),
        (8, startup, None, format!("Generating {count} job function(s)")),
        (9, startup, Some((412, "ScriptHostInitialized")), format!("Host initialized ({}ms)", took_ms * 9 / 10)),
        (10, startup, Some((413, "ScriptHostStarted")), format!("Host started ({took_ms}ms)")),
        (10, hosting, None, "Job host started".to_owned()),
    ];
    let said = said.into_iter();
    said.map(|(tenths, category, event, message)| Record {
        event,
        ..Record::of_host(
            host.born.saturating_add_millis(took_ms * tenths / 10),
            category,
            message,
        )
    })
    .collect()
}

/// What is said about an execution and by it, in the order of time.
pub(super) fn execution(one: &AppCall, random: &mut Random) -> Vec<Record> {
    let call = &one.call;
    let function = &AZURE_FUNCTIONS[call.function];
    let reason = one.trigger.reason(call.begin, random);
    let words = Words { one, function };
    let begin = Record {
        event: Some((1, "FunctionStarted")),
        ..words.host(
            call.begin,
            Level::Info,
            format!(
                "Executing 'Functions.{}' (Reason='{reason}', Id={})",
                function.name, call.request_id
            ),
        )
    };
    let mut records = vec![begin];
    if let Some(details) = trigger_details(one, random) {
        records.push(words.host(call.begin, Level::Info, details));
    }
    // Below the level that hosts log unless they are told otherwise.
    let said = call.lines.iter().filter(|line| line.level >= Level::Info);
    for line in said.filter(|line| !line.is_stack) {
        records.push(words.function(line.time, line.level, line.text.clone()));
    }
    match call.ending {
        Ending::Ok => records.push(words.end(None)),
        Ending::Failed => records.push(words.end(Some(failure::raised(function, random)))),
        Ending::TimedOut => words.time_out(&mut records),
        Ending::OutOfMemory => {
            let exited = format!("Language Worker Process exited. Pid={}.", one.host.process);
            records.push(Record {
                level: Level::Error,
                failure: Some(failure::killed(function)),
                ..Record::of_host(call.end, "Host.Function.Console", exited)
            });
            records.push(words.end(Some(failure::killed(function))));
        }
    }
    records
}

/// What messages say that their trigger gets in bulk.
fn trigger_details(one: &AppCall, random: &mut Random) -> Option<String> {
    let time = super::times::with_ticks(one.call.arrival);
    match one.trigger {
        Trigger::ServiceBus => Some(format!(
            "Trigger Details: MessageId: {:032x}, SequenceNumber: {}, DeliveryCount: 1, EnqueuedTimeUtc: {time}, \
             LockedUntilUtc: {time}, SessionId: (null)",
            random.bits(),
            random.below(90_000)
        )),
        Trigger::EventHub => {
            let (first, count) = (random.below(9_000_000), 1 + random.below(64));
            Some(format!(
                "Trigger Details: PartitionId: {}, Offset: {}-{}, EnqueueTimeUtc: {time}-{time}, \
                 SequenceNumber: {first}-{}, Count: {count}",
                random.below(4),
                first * 408,
                (first + count) * 408,
                first + count - 1,
            ))
        }
        _ => None,
    }
}

/// Makes the records of one execution.
struct Words<'a> {
    one: &'a AppCall,
    function: &'static Function,
}

impl Words<'_> {
    /// What the host says about it.
    fn host(&self, time: Timestamp, level: Level, message: String) -> Record {
        let name = self.function.name;
        let id = self.one.call.request_id.clone();
        Record {
            level,
            execution: Some((format!("Functions.{name}"), id)),
            ..Record::of_host(time, &format!("Function.{name}"), message)
        }
    }

    /// What the function says.
    fn function(&self, time: Timestamp, level: Level, message: String) -> Record {
        let name = self.function.name;
        let id = self.one.call.request_id.clone();
        Record {
            level,
            execution: Some((name.to_owned(), id)),
            ..Record::of_host(time, &format!("Function.{name}.User"), message)
        }
    }

    fn end(&self, failure: Option<Failure>) -> Record {
        let call = &self.one.call;
        let took_ms = call.end.millis() - call.begin.millis();
        let (level, word, event) = match failure {
            None => (Level::Info, "Succeeded", 2),
            Some(_) => (Level::Error, "Failed", 3),
        };
        let message = format!(
            "Executed 'Functions.{}' ({word}, Id={}, Duration={took_ms}ms)",
            self.function.name, call.request_id
        );
        Record {
            event: Some((event, "FunctionCompleted")),
            failure,
            ..self.host(call.end, level, message)
        }
    }

    fn time_out(&self, records: &mut Vec<Record>) {
        let (name, id) = (self.function.name, &self.one.call.request_id);
        let end = self.one.call.end;
        let exceeded = format!(
            "Timeout value of {} exceeded by function 'Functions.{name}' (Id: '{id}'). Initiating cancellation.",
            failure::limit(self.function)
        );
        records.push(self.host(end, Level::Error, exceeded));
        records.push(self.end(Some(failure::timed_out(self.function))));
        let handler = "Microsoft.Azure.WebJobs.Script.WebHost.WebScriptHostExceptionHandler";
        let restarting = format!(
            "A function timeout has occurred. Restarting worker process executing invocationId '{id}'."
        );
        records.push(Record {
            level: Level::Error,
            ..Record::of_host(end, handler, restarting)
        });
        let done = "Restart of language worker process(es) completed.";
        records.push(Record {
            level: Level::Warn,
            ..Record::of_host(end, handler, done)
        });
    }
}
