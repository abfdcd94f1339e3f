//! The steps of `cargo xtask test`, in their order.

use std::path::PathBuf;

use anyhow::Result;

use crate::count::{self, Count, counted};
use crate::install;
use crate::shell::{self, words};

/// One step: its name, how it gets on with the others, and what it does.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) manner: Manner,
    pub(crate) run: fn() -> Result<Count>,
}

/// How a step gets on with the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Manner {
    /// The later ones make no sense without it.
    Ground,
    /// It wants the machine for itself.
    Alone,
    /// It mostly waits; its neighbours of the same kind may run at the same time.
    Beside,
}

/// All steps.
pub(crate) const STEPS: &[Step] = &[
    ground("install", install_tools),
    test("format", || plain("cargo fmt --all --check")),
    ground("lint", || {
        plain("cargo clippy --release --workspace --all-targets -- -D warnings")
    }),
    ground("build", || {
        plain("cargo build --release --workspace --lib --bins --examples")
    }),
    // The longest first, so that none is left over at the end.
    beside("rust tests", rust_tests),
    beside("alerts in the demo", || script("alerts_demo.py")),
    beside("alerts", || script("alerts.py")),
    beside("simulator exactly once", || {
        script("simulator_exactly_once.py")
    }),
    beside("simulator azure exactly once", || {
        script("simulator_azure_exactly_once.py")
    }),
    beside("google exactly once", || script("google_exactly_once.py")),
    beside("azure exactly once", azure_exactly_once),
    beside("object stores", object_stores),
    beside("fuzz", crate::fuzz::smoke),
    beside("ui in chromium", || {
        plain("npm --prefix crates/web/ui run e2e:mock")
    }),
    beside("dashboards", || script("dashboards.py")),
    beside("moto exactly once", || script("moto_exactly_once.py")),
    beside("cloudwatch metrics", cloudwatch_metrics),
    beside("simulator metrics", || script("simulator_metrics.py")),
    beside("simulator boto3", || script("simulator_boto3.py")),
    beside("many origins", || script("many_origins.py")),
    beside("simulator azure", || script("simulator_azure.py")),
    beside("ui tests", ui_tests),
    beside("ui types", || plain("npm --prefix crates/web/ui run check")),
    beside("segments", || script("segments.py")),
    beside("durable post", || script("durable_post.py")),
    beside("readiness", || script("readiness.py")),
    beside("bad input", || script("bad_input.py")),
    beside("demo", || script("demo.py")),
    beside("command line", || script("command_line.py")),
    beside("sumologic sdk", || script("sumologic_sdk.py")),
    beside("metrics", || script("metrics.py")),
    beside("otlp", || script("otlp.py")),
    beside("firehose", || script("firehose.py")),
    beside("pushed", || script("pushed.py")),
    beside("sources", || script("sources.py")),
    test("bench smoke", || {
        crate::bench::smoke()?;
        Ok(Count::default())
    }),
    test("crash", crate::crash::smoke),
    test("browser", || script("browser.py")),
];

/// A step without which the later ones make no sense.
const fn ground(name: &'static str, run: fn() -> Result<Count>) -> Step {
    let manner = Manner::Ground;
    Step { name, manner, run }
}

/// A step whose failure does not keep the others from running.
const fn test(name: &'static str, run: fn() -> Result<Count>) -> Step {
    let manner = Manner::Alone;
    Step { name, manner, run }
}

/// The same for one that does not mind company.
const fn beside(name: &'static str, run: fn() -> Result<Count>) -> Step {
    let manner = Manner::Beside;
    Step { name, manner, run }
}

/// Runs a step that passes or fails as a whole.
fn plain(line: &str) -> Result<Count> {
    shell::run(words(line))?;
    Ok(Count::default())
}

fn install_tools() -> Result<Count> {
    install::debian_packages()?;
    install::python("tests", "tests/python/requirements.txt")?;
    Ok(Count::default())
}

/// Runs all Rust tests: with nextest where it is installed, with `cargo test` otherwise. Compiling
/// them takes all there is of the machine; `nice`, so that what runs beside it does not starve.
fn rust_tests() -> Result<Count> {
    if shell::succeeds(words("cargo nextest --version")) {
        let mut nextest = words("nice cargo nextest run --release --workspace --no-fail-fast");
        nextest.args(["--status-level", "fail", "--final-status-level", "fail"]);
        return counted(nextest, count::nextest);
    }
    counted(
        words("nice cargo test --release --workspace --no-fail-fast"),
        count::libtest,
    )
}

/// Runs the unit tests of the UI, whose packages the build has installed.
fn ui_tests() -> Result<Count> {
    counted(words("npm --prefix crates/web/ui test"), count::vitest)
}

/// The stand-in for Azure storage.
const AZURITE: &str = "3.37.0";

/// A node on the object stores of three clouds.
fn object_stores() -> Result<Count> {
    let programs = install::npm("azurite", AZURITE)?;
    script_with(
        "object_stores.py",
        &[("AZURITE", programs.join("azurite-blob"))],
    )
}

/// A node that collects from Azure storage.
fn azure_exactly_once() -> Result<Count> {
    let programs = install::npm("azurite", AZURITE)?;
    script_with(
        "azure_exactly_once.py",
        &[("AZURITE", programs.join("azurite"))],
    )
}

/// A node that collects metrics from a stand-in for CloudWatch.
fn cloudwatch_metrics() -> Result<Count> {
    let python = install::python("ministack", "tests/python/requirements-ministack.txt")?;
    script_with("cloudwatch_metrics.py", &[("MINISTACK_PYTHON", python)])
}

/// Runs an end-to-end script against the binary that the build has made.
fn script(name: &str) -> Result<Count> {
    script_with(name, &[])
}

fn script_with(name: &str, environment: &[(&str, PathBuf)]) -> Result<Count> {
    let python = install::python("tests", "tests/python/requirements.txt")?;
    let mut command = shell::command(python);
    command
        .args(["-B", "-u"])
        .arg(shell::root().join("tests/python").join(name))
        .env(
            "NEPHOSCOPE_BINARY",
            shell::target_dir().join("release/nephoscope"),
        )
        .envs(environment.iter().map(|(name, value)| (*name, value)));
    counted(command, count::script)
}
