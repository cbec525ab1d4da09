//! System calls that fail or kill, by `strace`: what computers allow that let nobody mount a disk.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use frontdesk_server::protocol::Timestamp;
use tempfile::NamedTempFile;

use crate::{
    common::{Program, program, soon},
    disk::Trouble,
    report,
};

/// What puts bytes into a file.
const WRITES: &str = "write,pwrite64,writev,pwritev";
/// What puts bytes into a file, or makes sure that they are on the disk.
const WRITES_AND_SYNCS: &str = "write,pwrite64,writev,pwritev,fsync,fdatasync";

/// Stands between a running server and the kernel, until it is told to go.
#[derive(Debug)]
pub struct Tracer {
    strace: Child,
    /// Each call, with its time.
    log: NamedTempFile,
    /// Kept: it would end if nobody could hear it.
    _said: BufReader<ChildStderr>,
}

impl Tracer {
    /// Whether this user may trace programs here; says aloud when not.
    pub async fn is_permitted() -> bool {
        let mut waiting =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let attached = Self::attach(waiting.id(), &[]).await;
        let is_permitted = match attached {
            Ok(tracer) => {
                tracer.detach().await;
                true
            }
            Err(reason) => {
                report::skipped(&format!("calls that fail, by strace: {reason}"));
                false
            }
        };
        drop(waiting.stdin.take());
        waiting.wait().unwrap();
        is_permitted
    }

    /// From a thread's n-th write or sync to the database on, the server's calls fail.
    pub async fn fail_from(server: &Program, data_dir: &Path, n: u64, trouble: Trouble) -> Self {
        let (calls, error) = match trouble {
            Trouble::NoSpace => (WRITES, "ENOSPC"),
            Trouble::Broken | Trouble::Gone => (WRITES_AND_SYNCS, "EIO"),
        };
        let mut arguments = only(&database(data_dir));
        arguments.extend(["-e".to_owned(), format!("trace={calls}")]);
        arguments.extend(["-e".to_owned(), format!("inject={calls}:error={error}:when={n}+")]);
        Self::attach(server.id(), &arguments).await.unwrap()
    }

    async fn attach(pid: u32, arguments: &[String]) -> Result<Self, String> {
        let log = NamedTempFile::new().unwrap();
        let mut command = Command::new("strace");
        command.args(["-f", "-ttt", "-p", &pid.to_string(), "-o"]).arg(log.path()).args(arguments);
        let attaching = tokio::task::spawn_blocking(move || {
            let mut strace = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .map_err(|error| format!("it does not start ({error})"))?;
            let mut said = BufReader::new(strace.stderr.take().unwrap());
            let mut line = String::new();
            // What it says of paths that it resolved comes first.
            while !line.contains(" attached") {
                line.clear();
                if said.read_line(&mut line).unwrap() == 0 || line.contains("ptrace(") {
                    strace.wait().unwrap();
                    return Err(line.trim().to_owned());
                }
            }
            Ok(Self { strace, log, _said: said })
        });
        soon("strace to attach", attaching).await.unwrap()
    }

    /// Lets everything through again. When the first call failed, if one did.
    pub async fn detach(mut self) -> Option<Timestamp> {
        let mut kill = Command::new("kill");
        kill.args(["-INT", &self.strace.id().to_string()]);
        assert_eq!(program::run(kill, "").await.code, Some(0));
        let ending = tokio::task::spawn_blocking(move || self.strace.wait().unwrap());
        soon("strace to detach", ending).await.unwrap();
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        // `[PID] SECONDS.MICROSECONDS call(…) = -1 … (INJECTED)`
        let failed = log.lines().find(|line| line.contains("(INJECTED)"))?;
        let seconds = failed.split_whitespace().find(|word| word.contains('.')).unwrap();
        let (seconds, micros) = seconds.split_once('.').unwrap();
        let millis = format!("{seconds}{}", &micros[..3]);
        Some(Timestamp::from_millis(millis.parse().unwrap()))
    }
}

/// Runs a command on a data directory that is killed at a thread's n-th write or sync to the
/// database; whether it came to its end before.
pub async fn killed_at(data_dir: &Path, n: u64, line: &[&str]) -> bool {
    killed_at_writing(&database(data_dir), data_dir, n, line).await
}

/// The same, killed at a write or sync to one of some files.
pub async fn killed_at_writing(files: &[PathBuf], data_dir: &Path, n: u64, line: &[&str]) -> bool {
    let program = program::command();
    let mut command = Command::new("strace");
    command.env_clear().args(["-f", "-qq", "-o", "/dev/null"]).args(only(files));
    command.args(["-e", &format!("trace={WRITES_AND_SYNCS}")]);
    command.args(["-e", &format!("inject={WRITES_AND_SYNCS}:signal=KILL:when={n}")]);
    command.arg(program.get_program()).arg("--data-dir").arg(data_dir).args(line);
    let output = program::run(command, "").await;
    // strace ends as its program did.
    assert!(matches!(output.code, None | Some(0)), "{output:?}");
    output.code.is_some()
}

fn database(data_dir: &Path) -> [PathBuf; 3] {
    ["frontdesk.db", "frontdesk.db-wal", "frontdesk.db-journal"].map(|name| data_dir.join(name))
}

/// Only calls on these files are meant: the program's own voice stays as it is.
fn only(files: &[PathBuf]) -> Vec<String> {
    files.iter().flat_map(|file| ["-P".to_owned(), file.display().to_string()]).collect()
}
