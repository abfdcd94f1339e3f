//! Installs what the tests need and the machine lacks: Debian's packages, and Python packages in an environment of their own.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell;

/// A command that must succeed, and the Debian package that makes it.
const PACKAGES: &[(&[&str], &str)] = &[
    (&["chromium", "--version"], "chromium"),
    (&["python3", "-c", "import ensurepip, venv"], "python3-venv"),
    (
        &["sh", "-c", "ls /usr/lib/postgresql/*/bin/initdb"],
        "postgresql",
    ),
    (
        &["prometheus-alertmanager", "--version"],
        "prometheus-alertmanager",
    ),
];

/// Installs the Debian packages whose program is missing.
pub(crate) fn debian_packages() -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(probe, _)| {
            let mut command = shell::command(probe[0]);
            command.args(&probe[1..]);
            !shell::succeeds(command)
        })
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    shell::run(shell::words("apt-get update --quiet"))?;
    let mut install = shell::words("apt-get install --yes --quiet --no-install-recommends");
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(missing);
    shell::run(install)
}

/// Installs an npm package into a folder of its own, unless it is there; returns the folder of its
/// programs.
pub(crate) fn npm(name: &str, version: &str) -> Result<PathBuf> {
    let folder = shell::target_dir().join("npm").join(name);
    let stamp = folder.join("installed.txt");
    let programs = folder.join("node_modules/.bin");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == version) {
        return Ok(programs);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut install = shell::words("npm install --silent --no-audit --no-fund --prefix");
    install.arg(&folder).arg(format!("{name}@{version}"));
    shell::run(install)?;
    fs::write(&stamp, version).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(programs)
}

/// Installs the program of a crate into a folder of its own, unless it is there; returns the program.
pub(crate) fn cargo(name: &str, version: &str, program: &str) -> Result<PathBuf> {
    let folder = shell::target_dir().join(name);
    let program = folder.join("bin").join(program);
    let mut asked = shell::command(&program);
    let is_there = asked.arg("--version").output().is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .ends_with(version)
    });
    if !is_there {
        let mut install = shell::words("cargo install --locked --force --quiet --version");
        install.arg(version).arg("--root").arg(&folder).arg(name);
        install.env("CARGO_TARGET_DIR", folder.join("build"));
        shell::run(install)?;
    }
    Ok(program)
}

/// Makes the Python environment for a list of requirements unless it is there; returns its interpreter.
pub(crate) fn python(name: &str, requirements: &str) -> Result<PathBuf> {
    let list = shell::root().join(requirements);
    let wanted =
        fs::read_to_string(&list).with_context(|| format!("cannot read {requirements}"))?;
    let folder = shell::target_dir().join("python").join(name);
    let (interpreter, stamp) = (folder.join("bin/python"), folder.join("installed.txt"));
    let is_there = fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted);
    if is_there && interpreter.exists() {
        return Ok(interpreter);
    }
    let mut create = shell::words("python3 -m venv --clear");
    create.arg(&folder);
    shell::run(create)?;
    let mut install = shell::command(&interpreter);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(&list);
    shell::run(install)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    if !interpreter.exists() {
        bail!("{} was not made", interpreter.display());
    }
    Ok(interpreter)
}
