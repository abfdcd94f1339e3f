//! A private PostgreSQL server for one test: its own folder, a socket in it, no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server that ends with the value.
#[derive(Debug)]
pub(super) struct Server {
    folder: tempfile::TempDir,
    binaries: PathBuf,
    process: Child,
}

impl Server {
    /// Starts a server; `None` if PostgreSQL is not installed.
    pub(super) fn start() -> Option<Server> {
        let binaries = binaries()?;
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let data = folder.path().join("data");
        if is_root() {
            // PostgreSQL refuses to run as root.
            let owned = Command::new("chown")
                .arg("postgres")
                .arg(folder.path())
                .status();
            assert!(owned.unwrap().success(), "cannot give away the folder");
        }
        let made = command(&binaries.join("initdb"))
            .args(["--auth=trust", "--username=nephoscope", "--no-sync", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb failed");
        let process = command(&binaries.join("postgres"))
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(&data)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server {
            folder,
            binaries,
            process,
        };
        server.wait();
        Some(server)
    }

    /// Makes an empty database and returns where it is.
    pub(super) fn new_database(&self, name: &str) -> String {
        let made = self.client("createdb").arg(name).status().unwrap();
        assert!(made.success(), "createdb failed");
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://nephoscope@{socket}/{name}")
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command
            .arg("-h")
            .arg(self.folder.path())
            .args(["-U", "nephoscope"]);
        command
    }

    /// Waits until the server answers.
    fn wait(&self) {
        for _ in 0..600 {
            let ready = self
                .client("pg_isready")
                .args(["--timeout=1", "--quiet", "-d", "postgres"])
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
        panic!("PostgreSQL does not answer");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The wrapper's child is the server: its own tool ends it.
        let mut stop = command(&self.binaries.join("pg_ctl"));
        stop.args(["-m", "immediate", "-D"])
            .arg(self.folder.path().join("data"))
            .arg("stop")
            .stdout(Stdio::null());
        let stopped = stop.status().is_ok_and(|status| status.success());
        if !stopped {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}

/// A program that runs as somebody whom PostgreSQL accepts.
fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    user.and_then(|ids| ids.split_whitespace().next()) == Some("0")
}

/// Debian keeps the programs of each version in a folder of its own.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    folders.sort();
    folders.pop()
}
