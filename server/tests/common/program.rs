//! The real program, where exit codes, signals and the command line matter.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use super::soon;

/// What a command printed, and its exit code.
#[derive(Clone, Debug)]
pub struct Output {
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The one JSON object of a command that went well.
    #[track_caller]
    pub fn object(&self) -> Value {
        let mut objects = self.objects();
        assert_eq!(objects.len(), 1, "{self:?}");
        objects.remove(0)
    }

    /// The JSON objects of a command that went well, one per line.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        assert_eq!(self.code, Some(0), "{self:?}");
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}")))
            .collect()
    }

    /// What went wrong, of a command that ended with this exit code.
    #[track_caller]
    pub fn failure(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert!(!self.stderr.trim().is_empty(), "{self:?}");
        &self.stderr
    }
}

/// The program with nothing of the caller's settings.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frontdesk-server"));
    command.env_clear();
    command
}

/// Runs a command on a data directory, with `--json`.
pub async fn cli(data_dir: &Path, line: &[&str]) -> Output {
    let mut command = command();
    command.arg("--data-dir").arg(data_dir).arg("--json").args(line);
    run(command, "").await
}

/// Runs a command to its end with something on standard input.
pub async fn run(mut command: Command, input: &str) -> Output {
    let input = input.to_owned();
    // The server that it asks may be in this thread.
    let running = tokio::task::spawn_blocking(move || {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read may be gone.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Output {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    });
    soon("a command to end", running).await.unwrap()
}

/// A process that ends with the test at the latest.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server as a process of its own.
#[derive(Debug)]
pub struct Program {
    child: Running,
    stdout: BufReader<ChildStdout>,
    /// `host:port`, out of the line that it printed.
    pub address: String,
}

impl Program {
    /// Starts `serve` on a free port, and waits until it listens.
    pub async fn serve(data_dir: &Path, options: &[&str]) -> Self {
        Self::serve_by(command(), data_dir, options).await
    }

    /// The same for the program called in another way.
    pub async fn serve_by(mut command: Command, data_dir: &Path, options: &[&str]) -> Self {
        command.arg("--data-dir").arg(data_dir);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(options);
        // What it logs goes to a file: a pipe that nobody reads would fill.
        std::fs::create_dir_all(data_dir.parent().unwrap()).unwrap();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(data_dir.with_extension("log"))
            .unwrap();
        let starting = tokio::task::spawn_blocking(move || {
            let mut child =
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
            let mut stdout = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            (child, stdout, line)
        });
        let (child, stdout, line) = soon("the server to listen", starting).await.unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
        assert_eq!(told["event"], "listening");
        assert_eq!(told.as_object().unwrap().len(), 2, "{line}");
        let address = told["url"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        Self { child: Running(child), stdout, address }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Ends it at once, as a power cut would.
    pub async fn kill(mut self) {
        self.child.0.kill().unwrap();
        self.wait().await;
    }

    /// Asks it to stop; its exit code, and what it printed after the first line.
    pub async fn terminate(self) -> (Option<i32>, String) {
        let id = self.id().to_string();
        let mut kill = Command::new("kill");
        kill.args(["-TERM", &id]);
        assert_eq!(run(kill, "").await.code, Some(0));
        self.wait().await
    }

    async fn wait(self) -> (Option<i32>, String) {
        let Self { mut child, mut stdout, .. } = self;
        let ending = tokio::task::spawn_blocking(move || {
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            (child.0.wait().unwrap().code(), rest)
        });
        soon("the server to end", ending).await.unwrap()
    }
}
