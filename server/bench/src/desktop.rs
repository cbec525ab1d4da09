//! The desktop app beside a window with an empty page: how soon it can be used, and its memory.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    report::{Row, Runs, Target},
    servers::{note, program, scratch},
    settings::Settings,
};

/// The bare window's title once its page is loaded.
const BARE_READY: &str = "^Bare: loaded$";

/// The app's title once the lists are on the screen: it says how much is unread in them.
const INBOX_READY: &str = r"^\([0-9]+\) Frontdesk$";

/// Between two looks at the windows.
const LOOK: Duration = Duration::from_millis(5);

/// How long a window may take: the first one fills the demo hotel.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a program may settle before its memory is read.
const SETTLE: Duration = Duration::from_secs(3);

/// A program with a window.
struct Program {
    process: Child,
}

impl Program {
    /// Starts it and waits for its window to have a title; tells how long that took.
    fn start(mut command: Command, title: &str) -> Result<(Self, f64)> {
        let started = Instant::now();
        let process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let program = Self { process };
        while !is_shown(title)? {
            ensure!(started.elapsed() < PATIENCE, "{command:?} shows no window {title:?}");
            pause(LOOK);
        }
        Ok((program, started.elapsed().as_secs_f64() * 1000.0))
    }

    /// Memory of the program and of everything it started, shared pages counted by share, in MiB.
    fn memory(&self) -> Result<f64> {
        pause(SETTLE);
        let parents = parents()?;
        let root = self.process.id();
        let mut total_kib = 0;
        for pid in parents.keys() {
            let mut above = Some(pid);
            while let Some(of) = above
                && *of != root
            {
                above = parents.get(of);
            }
            if above.is_some() {
                total_kib += proportional_kib(*pid)?;
            }
        }
        Ok(f64::from(total_kib) / 1024.0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // In order, so that nothing of it is left for the next one.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing else runs in this program meanwhile")]
fn pause(time: Duration) {
    thread::sleep(time);
}

fn is_shown(title: &str) -> Result<bool> {
    let mut search = Command::new("xdotool");
    let search = search.args(["search", "--onlyvisible", "--name", title]).output();
    let found = search.context("xdotool is missing: run `make bench`")?;
    if found.stdout.is_empty() && String::from_utf8_lossy(&found.stderr).contains("display") {
        bail!("there is no display: run `make bench`");
    }
    Ok(!found.stdout.is_empty())
}

/// Every process and the one that started it.
fn parents() -> Result<HashMap<u32, u32>> {
    let mut parents = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended meanwhile.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // "pid (name) state parent …"; the name may hold anything.
        let after_name = stat.rsplit_once(") ").context("no name")?.1;
        let parent = after_name.split(' ').nth(1).context("no parent")?.parse()?;
        parents.insert(pid, parent);
    }
    Ok(parents)
}

fn proportional_kib(pid: u32) -> Result<u32> {
    let Ok(rollup) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { return Ok(0) };
    let line = rollup.lines().find(|line| line.starts_with("Pss:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or("0");
    Ok(number.parse()?)
}

fn app(data: &Path) -> Result<Command> {
    let mut app = Command::new(program("frontdesk")?);
    app.env("FRONTDESK_DEMO", "1").env("FRONTDESK_DATA_DIR", data).env("RUST_LOG", "error");
    Ok(app)
}

/// Start and memory of both.
///
/// # Errors
/// When there is no display, or a window does not come.
pub fn desktop(settings: Settings) -> Result<Vec<Row>> {
    let data = scratch()?;
    note("desktop: filling the demo hotel");
    drop(Program::start(app(data.path())?, INBOX_READY)?);
    let (mut start, mut memory) = (Vec::new(), Vec::new());
    let (mut bare_start, mut bare_memory) = (Vec::new(), Vec::new());
    for run in 0..settings.runs {
        note(&format!("desktop: run {} of {}", run + 1, settings.runs));
        let bare = Command::new(program("examples/bare")?);
        for (command, title, start, memory) in [
            (bare, BARE_READY, &mut bare_start, &mut bare_memory),
            (app(data.path())?, INBOX_READY, &mut start, &mut memory),
        ] {
            let (program, took_ms) = Program::start(command, title)?;
            start.push(took_ms);
            memory.push(program.memory()?);
        }
    }
    let row = |what: &str, unit: &str, ours, bare| Row {
        what: what.to_owned(),
        unit: unit.to_owned(),
        frontdesk: Runs(ours),
        reference: Some(("bare window".to_owned(), Runs(bare))),
        beside: None,
        target: Some(Target::Multiple(1.5)),
    };
    Ok(vec![
        row("from start to the usable inbox", "ms", start, bare_start),
        row("memory of all its processes", "MiB", memory, bare_memory),
    ])
}
