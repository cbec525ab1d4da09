//! The desktop app beside a window with an empty page: how soon it can be used, its memory, and the processor time
//! of a window in which nothing happens.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    report::{Row, Runs, Target},
    screen::Screen,
    servers::{House, Server, note, processor_ms, program, scratch},
    settings::Settings,
};

/// What tells that a program is ready.
#[derive(Clone, Copy, Debug)]
enum Ready {
    /// The bare window's page is loaded: its title says so.
    Bare,
    /// The app asks for a name and a password.
    SignIn,
    /// The app has connected, its title counts the unread conversations that wait, and its list is drawn.
    Inbox,
    /// The same, once all of the guests that this benchmark has written for are in the list.
    AllWaiting,
}

impl Ready {
    fn is_title(self, title: &str) -> bool {
        match self {
            Self::Bare => title == "Bare: loaded",
            Self::SignIn => title == "Frontdesk",
            Self::Inbox => title.starts_with('(') && title.ends_with(") Frontdesk"),
            Self::AllWaiting => title == format!("({WAITING}) Frontdesk"),
        }
    }

    fn has_rows(self) -> bool {
        matches!(self, Self::Inbox | Self::AllWaiting)
    }
}

/// Between two looks at the screen.
const LOOK: Duration = Duration::from_millis(2);

/// How long a window may take: the first one fills the demo hotel.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a program may settle before its memory is read.
const SETTLE: Duration = Duration::from_secs(3);

/// Guests who wait for an answer while the window is idle.
const WAITING: usize = 60;

/// How long the idle window is watched, and how long it may settle before.
const IDLE: Duration = Duration::from_mins(1);
const IDLE_SETTLE: Duration = Duration::from_secs(10);

/// A program with a window.
struct Program {
    process: Child,
}

impl Program {
    /// Starts it and waits until it is ready; tells how many milliseconds that took.
    fn start(screen: &Screen, mut command: Command, ready: Ready) -> Result<(Self, f64)> {
        let started = Instant::now();
        let process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let program = Self { process };
        program.wait_for(screen, ready)?;
        Ok((program, started.elapsed().as_secs_f64() * 1000.0))
    }

    fn wait_for(&self, screen: &Screen, ready: Ready) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(window) = screen.find(|title| ready.is_title(title))?
                && (!ready.has_rows() || screen.shows_rows(window)?)
            {
                return Ok(());
            }
            ensure!(started.elapsed() < PATIENCE, "no window was {ready:?}");
            pause(LOOK);
        }
    }

    /// The program and everything it started.
    fn processes(&self) -> Result<Vec<u32>> {
        let parents = parents()?;
        let root = self.process.id();
        let is_below = |pid: &u32| {
            let mut above = Some(pid);
            while let Some(of) = above
                && *of != root
            {
                above = parents.get(of);
            }
            above.is_some()
        };
        Ok(parents.keys().copied().filter(is_below).collect())
    }

    /// Memory of the program and of everything it started, shared pages counted by share, in MiB.
    fn memory(&self) -> Result<f64> {
        pause(SETTLE);
        let mut total_kib = 0;
        for pid in self.processes()? {
            total_kib += proportional_kib(pid)?;
        }
        Ok(f64::from(total_kib) / 1024.0)
    }

    /// Processor time that all of it uses meanwhile, in hundredths of one core.
    fn processor_percent(&self, time: Duration) -> Result<f64> {
        let used_ms = || -> Result<f64> {
            // A process that ends meanwhile no longer counts: there is none in an idle program.
            self.processes()?.into_iter().map(processor_ms).sum()
        };
        let before = used_ms()?;
        pause(time);
        Ok((used_ms()? - before) / (time.as_secs_f64() * 10.0))
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
pub async fn desktop(settings: Settings) -> Result<Vec<Row>> {
    let data = scratch()?;
    note("desktop: filling the demo hotel");
    let screen = Screen::open()?;
    drop(Program::start(&screen, app(data.path())?, Ready::Inbox)?);
    let (mut start, mut memory) = (Vec::new(), Vec::new());
    let (mut bare_start, mut bare_memory) = (Vec::new(), Vec::new());
    for run in 0..settings.runs {
        note(&format!("desktop: run {} of {}", run + 1, settings.runs));
        let bare = Command::new(program("examples/bare")?);
        for (command, ready, start, memory) in [
            (bare, Ready::Bare, &mut bare_start, &mut bare_memory),
            (app(data.path())?, Ready::Inbox, &mut start, &mut memory),
        ] {
            let (program, took_ms) = Program::start(&screen, command, ready)?;
            note(&format!("desktop: {ready:?} after {took_ms:.0} ms"));
            start.push(took_ms);
            memory.push(program.memory()?);
        }
    }
    let row = |what: &str, unit: &str, ours, bare, most| Row {
        what: what.to_owned(),
        unit: unit.to_owned(),
        frontdesk: Runs(ours),
        reference: Some(("bare window".to_owned(), Runs(bare))),
        beside: None,
        target: Some(Target::Multiple(most)),
    };
    Ok(vec![
        row("from start to the usable inbox", "ms", start, bare_start, 1.5),
        row("memory of all its processes", "MiB", memory, bare_memory, 1.3),
        idle(settings, &screen).await?,
    ])
}

/// Sends keys to the window in front, or types a text into it.
fn press(words: &[&str]) -> Result<()> {
    let pressed = Command::new("xdotool").args(words).status()?;
    ensure!(pressed.success(), "xdotool {words:?} failed");
    Ok(())
}

/// Processor time of the visible window with 60 waiting guests, the focus in the list, while nobody writes.
async fn idle(settings: Settings, screen: &Screen) -> Result<Row> {
    note("desktop: a hotel in which 60 guests wait");
    let house = House::of_program(program("frontdesk-server")?, 1, 1, 0)?;
    {
        let server = Server::frontdesk(&house)?;
        house.write_as_guests(&server, WAITING).await?;
    }
    let config = scratch()?;
    let folder = config.path().join("frontdesk");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("settings.json"), r#"{"version":1,"server":{"kind":"this_computer"}}"#)?;
    let mut percent = Vec::new();
    let staff = house.properties.first().and_then(|property| property.staff.first());
    let (username, password) = staff.context("a hotel without staff")?;
    for run in 0..settings.runs {
        note(&format!("desktop: idle, run {} of {}", run + 1, settings.runs));
        let mut app = Command::new(program("frontdesk")?);
        app.env("FRONTDESK_DATA_DIR", house.directory())
            .env("XDG_CONFIG_HOME", config.path())
            .env("RUST_LOG", "error");
        let is_first = run == 0;
        let ready = if is_first { Ready::SignIn } else { Ready::AllWaiting };
        let (program, _) = Program::start(screen, app, ready)?;
        if is_first {
            pause(SETTLE);
            press(&["type", "--delay", "20", username])?;
            press(&["key", "Tab"])?;
            press(&["type", "--delay", "20", password])?;
            press(&["key", "Return"])?;
            program.wait_for(screen, Ready::AllWaiting)?;
        }
        press(&["key", "Down"])?;
        pause(IDLE_SETTLE);
        percent.push(program.processor_percent(IDLE)?);
    }
    Ok(Row {
        what: "processor time of the idle window, 60 guests waiting".to_owned(),
        unit: "% of a core".to_owned(),
        frontdesk: Runs(percent),
        reference: None,
        beside: None,
        target: Some(Target::Limit(1.0)),
    })
}
