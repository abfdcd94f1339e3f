//! Errors that end an execution, as the host of out-of-process languages reports them: the
//! exception of the host around what the language worker sent.

use crate::fleet::{Function, Runtime};
use crate::random::Random;

/// An exception in the three fields of a record.
#[derive(Debug)]
pub(super) struct Failure {
    /// The type of the innermost exception.
    pub(super) kind: &'static str,
    /// Its message.
    pub(super) message: String,
    /// All of them, with their stacks.
    pub(super) details: String,
}

/// An error of a function: its type, its message, and the frames of its stack.
type Thrown = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const NODE: &[Thrown] = &[
    ("Error", "connect ETIMEDOUT 10.2.41.7:5432",
        &["TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)", "async Pool.query (/home/site/wwwroot/node_modules/pg-pool/index.js:45:11)"]),
    ("TypeError", "Cannot read properties of undefined (reading 'sku')",
        &["lineOf (/home/site/wwwroot/dist/lines.js:88:21)", "async handler (/home/site/wwwroot/dist/index.js:31:9)"]),
    ("SyntaxError", "Unexpected token '<', \"<html><hea\"... is not valid JSON",
        &["JSON.parse (<anonymous>)", "parseUpstream (/home/site/wwwroot/dist/upstream.js:71:18)"]),
    ("RestError", "The specified blob does not exist.",
        &["handleErrorResponse (/home/site/wwwroot/node_modules/@azure/core-client/dist/index.js:1223:19)", "async readPicture (/home/site/wwwroot/dist/pictures.js:19:20)"]),
];
#[rustfmt::skip]
const PYTHON: &[Thrown] = &[
    ("KeyError", "'sku'",
        &["File \"/home/site/wwwroot/function_app.py\", line 41, in main", "File \"/home/site/wwwroot/shared/records.py\", line 88, in normalise"]),
    ("ValueError", "could not convert string to float: 'n/a'",
        &["File \"/home/site/wwwroot/function_app.py\", line 63, in main", "File \"/home/site/wwwroot/shared/model.py\", line 27, in score"]),
    ("ResourceNotFoundError", "The specified queue does not exist.",
        &["File \"/home/site/wwwroot/function_app.py\", line 57, in main", "File \"/home/site/wwwroot/.python_packages/lib/site-packages/azure/storage/queue/_queue_client.py\", line 540, in send_message"]),
];
#[rustfmt::skip]
const JAVA: &[Thrown] = &[
    ("IllegalStateException", "Invoice is already posted",
        &["com.shop.billing.Post.apply(Post.java:142)", "com.shop.billing.Functions.run(Functions.java:61)"]),
    ("SocketTimeoutException", "Read timed out",
        &["java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:278)", "com.shop.http.Client.send(Client.java:88)"]),
    ("NullPointerException", "Cannot invoke \"com.shop.Price.amount()\" because \"price\" is null",
        &["com.shop.billing.Lines.sum(Lines.java:203)", "com.shop.billing.Functions.run(Functions.java:39)"]),
];

/// What an execution of `function` failed with.
pub(super) fn raised(function: &Function, random: &mut Random) -> Failure {
    let all = match function.runtime {
        Runtime::Python => PYTHON,
        Runtime::Java => JAVA,
        Runtime::Node | Runtime::Go => NODE,
    };
    let (kind, text, frames) = all[random.below(all.len() as u64) as usize];
    let stack: Vec<String> = frames
        .iter()
        .map(|frame| match function.runtime {
            Runtime::Python => format!("  {frame}"),
            _ => format!("    at {frame}"),
        })
        .collect();
    let stack = stack.join("\n");
    let stack = match function.runtime {
        Runtime::Node => format!("{kind}: {text}\n{stack}"),
        _ => stack,
    };
    // The workers of Node.js and Java send no type beside the message.
    let thrown = match function.runtime {
        Runtime::Java => format!("{kind}: {text}"),
        Runtime::Node => text.to_owned(),
        _ => format!("{kind}: {text}"),
    };
    let kind = "Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException";
    let message = format!("Result: Failure\nException: {thrown}\nStack: {stack}");
    Failure {
        details: details(function, kind, &message),
        kind,
        message,
    }
}

/// What an execution that ran into its time limit ended with.
pub(super) fn timed_out(function: &Function) -> Failure {
    let kind = "Microsoft.Azure.WebJobs.Host.FunctionTimeoutException";
    let message = format!(
        "Timeout value of {} was exceeded by function: Functions.{}",
        limit(function),
        function.name
    );
    Failure {
        details: format!("{kind} : {message}\n{HOST_STACK}"),
        kind,
        message,
    }
}

/// What an execution whose worker was killed for its use of memory ended with.
pub(super) fn killed(function: &Function) -> Failure {
    let kind = "Microsoft.Azure.WebJobs.Script.Workers.WorkerProcessExitException";
    let program = match function.runtime {
        Runtime::Python => "python",
        Runtime::Java => "java",
        Runtime::Node | Runtime::Go => "node",
    };
    let message = format!("{program} exited with code 137 (0x89)");
    Failure {
        details: details(function, kind, &message),
        kind,
        message,
    }
}

/// The time limit as the host writes it: `00:00:30`.
pub(super) fn limit(function: &Function) -> String {
    let seconds = (function.timeout_ms / 1_000.0) as u64;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

const HOST_STACK: &str =
    "   at async Microsoft.Azure.WebJobs.Host.Executors.FunctionExecutor.TryExecuteAsync(??)";

fn details(function: &Function, kind: &str, message: &str) -> String {
    format!(
        "Microsoft.Azure.WebJobs.Host.FunctionInvocationException : Exception while executing function: \
         Functions.{} ---> {kind} : {message}\n   at System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw()\n\
         {HOST_STACK} \n   End of inner exception",
        function.name
    )
}
