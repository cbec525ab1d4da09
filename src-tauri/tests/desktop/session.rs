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

    /// Starts one with other variables, such as `SCREEN`.
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
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

    /// Whether a process runs on this desktop.
    pub fn has(&self, pid: u32) -> bool {
        let folder = format!("XDG_RUNTIME_DIR={}\0", self.environment["XDG_RUNTIME_DIR"]);
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(folder.len()).any(|part| part == folder.as_bytes())
    }

    /// Processes of a program on this desktop.
    pub fn processes(&self, program: &Path) -> Vec<u32> {
        let processes = std::fs::read_dir("/proc").unwrap();
        let pids = processes.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
        let runs = |pid: &u32| {
            std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program)
        };
        pids.filter(|pid| runs(pid) && self.has(*pid)).collect()
    }

    /// The process of the page in the app's window, if there is one.
    pub fn page_pid(&self) -> Option<u32> {
        let processes = std::fs::read_dir("/proc").unwrap();
        let mut pids = processes.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
        pids.find(|pid: &u32| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            // The system keeps the first 15 letters.
            name.trim_end() == "WebKitWebProces" && self.has(*pid)
        })
    }

    /// Ids of the windows that can be seen, by their titles.
    pub fn windows(&self, title: &str) -> Vec<String> {
        let mut search = self.command("xdotool");
        let found = search.args(["search", "--onlyvisible", "--name", title]).output().unwrap();
        String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    /// Presses keys and moves the mouse, as `xdotool` describes it.
    pub fn act(&self, actions: &[&str]) {
        assert!(self.command("xdotool").args(actions).status().unwrap().success(), "{actions:?}");
    }

    /// Keeps a picture of the desktop.
    pub fn screenshot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("desktop");
        std::fs::create_dir_all(&folder).unwrap();
        let mut import = self.command("import");
        let _ = import.args(["-window", "root"]).arg(folder.join(format!("{name}.png"))).status();
    }

    /// The colour there on the screen: red, green, blue.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let mut import = self.command("import");
        import.args(["-silent", "-window", "root", "-crop", &format!("1x1+{x}+{y}")]);
        let shot = import.args(["-depth", "8", "rgb:-"]).output().unwrap();
        shot.stdout.try_into().unwrap_or_default()
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
