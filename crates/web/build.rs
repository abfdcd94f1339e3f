//! Builds the UI with npm and writes `embedded.rs`, the list of its files as bytes.
//!
//! `npm ci` runs only when the lock file changed since the last one; `vite build` runs when a source of
//! the UI changed (cargo decides that from the `rerun-if-changed` lines). The result lies in `OUT_DIR`.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use flate2::{Compression, write::GzEncoder};

/// What the build of the UI reads, relative to `ui/`.
const INPUTS: [&str; 7] = [
    "src",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "tsconfig.json",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let ui = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("ui");
    let out = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    for input in INPUTS {
        let path = ui.join(input);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    install(&ui)?;
    let dist = out.join("dist");
    let dist_text = dist.display().to_string();
    npm(
        &ui,
        &[
            "run",
            "build",
            "--",
            "--outDir",
            &dist_text,
            "--emptyOutDir",
        ],
    )?;
    embed(&dist, &out).map_err(|error| format!("cannot embed the UI from {dist_text}: {error}"))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}

/// Installs the packages unless they are those of the lock file already.
fn install(ui: &Path) -> Result<(), String> {
    let lock = ui.join("package-lock.json");
    let wanted =
        fs::read(&lock).map_err(|error| format!("cannot read {}: {error}", lock.display()))?;
    let stamp = ui.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    npm(ui, &["ci", "--no-audit", "--no-fund", "--prefer-offline"])?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write {}: {error}", stamp.display()))
}

fn npm(ui: &Path, arguments: &[&str]) -> Result<(), String> {
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let words = arguments.join(" ");
    let output = Command::new(program)
        .args(arguments)
        .current_dir(ui)
        .env_remove("NODE_ENV")
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                "npm was not found, but the UI is built with it: install Node.js 20.19 or newer"
                    .to_owned()
            }
            _ => format!("cannot run `npm {words}`: {error}"),
        })?;
    if output.status.success() {
        return Ok(());
    }
    // Cargo shows one line an error, so each line of npm's output is its own.
    let text = [output.stdout, output.stderr].concat();
    for line in String::from_utf8_lossy(&text).lines() {
        println!("cargo::warning={line}");
    }
    Err(format!(
        "`npm {words}` failed in {} with {}",
        ui.display(),
        output.status
    ))
}

/// Writes the gzip twins and `embedded.rs`.
fn embed(dist: &Path, out: &Path) -> io::Result<()> {
    let mut paths = Vec::new();
    walk(dist, &mut paths)?;
    paths.sort();
    let twins = out.join("gzip");
    if twins.exists() {
        fs::remove_dir_all(&twins)?;
    }
    fs::create_dir_all(&twins)?;
    let mut code = String::from("pub(crate) static FILES: &[EmbeddedFile] = &[\n");
    for (number, path) in paths.iter().enumerate() {
        let bytes = fs::read(path)?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        let packed = encoder.finish()?;
        let twin = twins.join(number.to_string());
        fs::write(&twin, &packed)?;
        let gzip = if packed.len() < bytes.len() {
            format!("Some(include_bytes!({twin:?}))")
        } else {
            "None".to_owned()
        };
        let name = path
            .strip_prefix(dist)
            .unwrap_or(path)
            .to_string_lossy()
            .replace('\\', "/");
        let hash = xxhash_rust::xxh3::xxh3_64(&bytes);
        let _infallible = writeln!(
            code,
            "    EmbeddedFile {{ path: {name:?}, content_type: {:?}, etag: \"\\\"{hash:016x}\\\"\", gzip_etag: \"\\\"{hash:016x}-gz\\\"\", \
             is_immutable: {}, bytes: include_bytes!({path:?}), gzip: {gzip} }},",
            content_type(&name),
            name.starts_with("assets/"),
        );
    }
    code.push_str("];\n");
    fs::write(out.join("embedded.rs"), code)
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), paths)?;
        } else {
            paths.push(entry.path());
        }
    }
    Ok(())
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
