//! A desktop of its own for each story: display, window manager, D-Bus session, keyring.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

/// A desktop. It is gone when this is dropped.
pub struct Session {
    /// What a program on this desktop finds in its environment.
    pub environment: HashMap<String, String>,
    /// The session ends when this closes, also when the test is killed.
    stdin: Option<ChildStdin>,
    child: Child,
}

impl Session {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one on a computer without a keyring.
    pub fn without_keyring() -> Self {
        Self::start_with(&[("NO_KEYRING", "1")])
    }

    fn start_with(variables: &[(&str, &str)]) -> Self {
        let mut child =
            Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/desktop-session"))
                .envs(variables.iter().copied())
                // Says where it is, and stays until nobody listens any more.
                .args(["sh", "-c", "env -0; printf '\\0'; exec cat"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("the desktop session starts");
        let stdin = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut environment = HashMap::new();
        loop {
            let mut entry = Vec::new();
            output.read_until(0, &mut entry).unwrap();
            entry.pop();
            if entry.is_empty() {
                break;
            }
            let entry = String::from_utf8(entry).unwrap();
            let (name, value) = entry.split_once('=').unwrap();
            environment.insert(name.to_owned(), value.to_owned());
        }
        assert!(environment.contains_key("DBUS_SESSION_BUS_ADDRESS"), "the desktop session starts");
        Self { environment, stdin, child }
    }

    /// A command that runs on this desktop.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.environment);
        command
    }

    /// Address of the D-Bus session.
    pub fn bus(&self) -> &str {
        &self.environment["DBUS_SESSION_BUS_ADDRESS"]
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
