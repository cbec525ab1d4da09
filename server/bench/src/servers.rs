//! Starts what is measured: the bare reference and the real server, each as a process of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{bare::Writes, settings::STAFF};

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts the reference.
    ///
    /// # Errors
    /// When it does not start.
    pub fn bare(writes: Writes) -> Result<Self> {
        let name = writes.to_possible_value().context("no such way of writing")?;
        Self::start(Command::new(std::env::current_exe()?).args(["bare", name.get_name()]))
    }

    /// Starts the real server on a house's data.
    ///
    /// # Errors
    /// When it does not start.
    pub fn frontdesk(house: &House) -> Result<Self> {
        Self::start(
            Command::new(&house.program)
                .args(["serve", "--listen", "127.0.0.1:0", "--commands-per-second", "0"])
                .arg("--data-dir")
                .arg(house.directory())
                // As a variable: older versions pass over it.
                .env("FRONTDESK_CONNECTIONS_PER_PERSON", "0")
                .env("FRONTDESK_GATEWAY_MESSAGES_PER_SECOND", "0")
                .env("RUST_LOG", "warn"),
        )
    }

    /// Starts the real server on a house's data with the limits that it has where nobody changes them.
    ///
    /// # Errors
    /// When it does not start.
    pub fn as_installed(house: &House) -> Result<Self> {
        Self::start(
            Command::new(&house.program)
                .args(["serve", "--listen", "127.0.0.1:0"])
                .arg("--data-dir")
                .arg(house.directory())
                .env("RUST_LOG", "warn"),
        )
    }

    fn start(command: &mut Command) -> Result<Self> {
        #[derive(Deserialize)]
        struct Listening {
            url: String,
        }
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().context("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let listening: Listening = serde_json::from_str(&line)
            .with_context(|| format!("{command:?} did not start: {line:?}"))?;
        let address = listening.url.trim_start_matches("http://").parse()?;
        Ok(Self { process, address })
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

/// A program of this workspace, as it was built beside this one.
///
/// # Errors
/// When it was not built.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(
        path.exists(),
        "{} is missing: run `make bench`, or build it with the same profile",
        path.display()
    );
    Ok(path)
}

/// A folder for databases: below `target`, because a temporary folder may be in memory.
///
/// # Errors
/// When it cannot be made.
pub fn scratch() -> Result<TempDir> {
    let target = std::env::current_exe()?;
    let parent = target.parent().and_then(Path::parent).context("no folder for data")?;
    let folder = parent.join("bench");
    fs::create_dir_all(&folder)?;
    Ok(TempDir::new_in(folder)?)
}

/// The data directory of a server, with properties, staff and guests, made through the command line.
#[derive(Debug)]
pub struct House {
    directory: TempDir,
    /// The `frontdesk-server` that made the data and serves it.
    program: PathBuf,
    /// One entry for each property.
    pub properties: Vec<Property>,
}

/// One property of a house.
#[derive(Clone, Debug)]
pub struct Property {
    /// Names and passwords of its staff, all of them of the reception.
    pub staff: Vec<(String, String)>,
    /// Rooms, each with a guest.
    pub rooms: Vec<String>,
}

/// What a signed-in property can be used with.
#[derive(Clone, Debug)]
pub struct Access {
    /// A token for each staff member.
    pub tokens: Vec<String>,
    /// An active conversation for each room.
    pub conversations: Vec<i64>,
}

impl House {
    /// One property with some staff and rooms.
    ///
    /// # Errors
    /// When the command line refuses.
    pub fn with_one_property(rooms: usize) -> Result<Self> {
        Self::of_program(program("frontdesk-server")?, 1, STAFF, rooms)
    }

    /// Several properties with one staff member and one room each.
    ///
    /// # Errors
    /// When the command line refuses.
    pub fn with_properties(count: usize) -> Result<Self> {
        Self::of_program(program("frontdesk-server")?, count, 1, 1)
    }

    /// Properties with `staff` staff members and `rooms` rooms each, made and served by this `frontdesk-server`.
    ///
    /// # Errors
    /// When the command line refuses.
    pub fn of_program(
        program: PathBuf,
        properties: usize,
        staff: usize,
        rooms: usize,
    ) -> Result<Self> {
        let mut house = Self { directory: scratch()?, program, properties: Vec::new() };
        for _ in 0..properties {
            house.add_property(staff, rooms)?;
        }
        Ok(house)
    }

    fn add_property(&mut self, staff: usize, rooms: usize) -> Result<()> {
        let index = self.properties.len();
        let created = self.cli(&["property", "create", "--name", &format!("Hotel {index}")])?;
        let property = created.get("id").context("no id")?.to_string();
        let mut made = Property { staff: Vec::new(), rooms: Vec::new() };
        for person in 0..staff {
            let username = format!("staff-{index}-{person}");
            let name = format!("Staff {person}");
            let of = ["--property", &property, "--department", "reception"];
            let create = ["staff", "create", "--username", &username, "--name", &name];
            let answer = self.cli(&[create.as_slice(), of.as_slice()].concat())?;
            let password = answer.get("password").and_then(Value::as_str).context("no password")?;
            made.staff.push((username, password.to_owned()));
        }
        for room in 0..rooms {
            let (name, number) = (format!("Guest {room}"), format!("{}", 100 + room));
            let check_in = ["guest", "check-in", "--name", &name, "--room", &number];
            self.cli(&[check_in.as_slice(), &["--property", &property]].concat())?;
            made.rooms.push(number);
        }
        self.properties.push(made);
        Ok(())
    }

    /// The data directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn cli(&self, arguments: &[&str]) -> Result<Value> {
        let output = Command::new(&self.program)
            .args(arguments)
            .arg("--json")
            .arg("--data-dir")
            .arg(self.directory())
            .stderr(Stdio::piped())
            .output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?} failed: {error}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Makes a gateway of the first property; its key.
    ///
    /// # Errors
    /// When the command line refuses.
    pub fn gateway(&self, name: &str) -> Result<String> {
        let made = self.cli(&["gateway", "create", "--name", name, "--property", "1"])?;
        Ok(made.get("key").and_then(Value::as_str).context("no key")?.to_owned())
    }

    /// Signs everybody in and has a conversation with every room.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn open(&self, server: &Server) -> Result<Vec<Access>> {
        let mut opened = Vec::new();
        for property in &self.properties {
            let mut access = Access { tokens: Vec::new(), conversations: Vec::new() };
            for (username, password) in &property.staff {
                let credentials = json!({"username": username, "password": password});
                let answer = post(server.address, "/auth/login/", None, &credentials).await?;
                let token = answer.get("token").and_then(Value::as_str).context("no token")?;
                access.tokens.push(token.to_owned());
            }
            let token = access.tokens.first().context("a property without staff")?;
            for room in &property.rooms {
                let new = json!({"room_number": room, "department": "reception"});
                let path = "/chat/conversations/create/";
                let answer = post(server.address, path, Some(token), &new).await?;
                let id = answer.get("id").or_else(|| answer.get("conversation_id"));
                access.conversations.push(id.and_then(Value::as_i64).context("no conversation")?);
            }
            opened.push(access);
        }
        Ok(opened)
    }

    /// Has as many guests as wanted write to the reception of the first property, each once, through a
    /// gateway.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn write_as_guests(&self, server: &Server, guests: usize) -> Result<()> {
        let gateway = self.cli(&["gateway", "create", "--name", "Guests"])?;
        let key = gateway.get("key").and_then(Value::as_str).context("no key")?;
        for guest in 0..guests {
            let message = json!({
                "external_id": format!("first-{guest}"),
                "guest_ref": format!("guest-{guest}"),
                "name": format!("Guest {guest}"),
                "room_number": format!("{}", 101 + guest),
                "content": "Could we have two more towels, please?",
            });
            post(server.address, "/gateway/messages/", Some(key), &message).await?;
        }
        Ok(())
    }
}

async fn post(address: SocketAddr, path: &str, token: Option<&str>, body: &Value) -> Result<Value> {
    let mut request = reqwest::Client::new().post(format!("http://{address}{path}")).json(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await?;
    let status = answer.status();
    let body: Value = answer.json().await?;
    // A conversation that is there already is as good.
    ensure!(status.is_success() || status.as_u16() == 409, "{path} answered {status}: {body}");
    Ok(body)
}

/// Tells what goes on, on standard error.
pub fn note(text: &str) {
    // Nobody may be reading.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Resident memory of a process in KiB.
///
/// # Errors
/// When `/proc` does not tell.
pub fn resident_kib(pid: u32) -> Result<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let number = line.split_whitespace().nth(1).context("no VmRSS")?;
    Ok(number.parse()?)
}

/// Processor time that a process has used so far, in all its threads, in milliseconds.
///
/// # Errors
/// When `/proc` does not tell.
pub fn processor_ms(pid: u32) -> Result<f64> {
    /// Linux counts in hundredths of a second here, whatever its timer does (`man 5 proc`).
    const TICK_MS: u32 = 10;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // "pid (name) state parent …"; the name may hold anything.
    let after_name = stat.rsplit_once(") ").context("no name")?.1;
    let mut fields = after_name.split(' ').skip(11);
    let mut ticks = || -> Result<u32> { Ok(fields.next().context("too few fields")?.parse()?) };
    let (user, system) = (ticks()?, ticks()?);
    Ok(f64::from((user + system) * TICK_MS))
}
