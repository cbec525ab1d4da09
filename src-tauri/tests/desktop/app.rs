//! The real program on a desktop, driven through `WebDriver`.

use std::{
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, elements::Element, wd::Capabilities};
use serde_json::{Value, json};

use crate::session::Session;

/// Nothing on the screen takes longer, not even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// After this time, keys that have had no effect are pressed again.
const KEYS_TAKE_EFFECT_WITHIN: Duration = Duration::from_secs(10);

/// Finds a control the way a screen reader does: by its role and its name.
const FIND: &str = r"
const [role, name] = arguments;
const tags = { button: 'button', textbox: 'input, textarea', radio: 'input[type=radio]', checkbox: 'input[type=checkbox]', list: 'ul, ol',
    listitem: 'li', log: '', status: 'output', link: 'a', tab: '' };
const selector = [`[role=${role}]`, tags[role]].filter(Boolean).join(',');
const text = (node) => {
    const heard = node?.cloneNode(true);
    heard?.querySelectorAll('[aria-hidden=true]').forEach((hidden) => hidden.remove());
    return (heard?.textContent ?? '').replace(/\s+/g, ' ').trim();
};
const named = (node) => node.getAttribute('aria-label')
    ?? (node.getAttribute('aria-labelledby')?.split(/\s+/).map((id) => text(document.getElementById(id))).join(' '))
    ?? (node.labels?.length ? [...node.labels].map(text).join(' ') : text(node));
const visible = (node) => node.getClientRects().length > 0;
return [...document.querySelectorAll(selector)].find((node) =>
    visible(node) && !node.disabled && (name.endsWith('*')
        ? named(node).startsWith(name.slice(0, -1)) : named(node).trim() === name)) ?? null;
";

/// The app. It is killed when this is dropped; [`App::quit`] ends it in order.
pub struct App<'a> {
    pub client: Client,
    session: &'a Session,
    driver: Child,
}

impl<'a> App<'a> {
    /// Starts the app with some environment variables.
    pub async fn start(session: &'a Session, variables: &[(&str, &str)]) -> Self {
        Self::start_by(session, variables, env!("CARGO_BIN_EXE_frontdesk")).await
    }

    /// The same, by another program that becomes the app.
    pub async fn start_by(session: &'a Session, variables: &[(&str, &str)], program: &str) -> Self {
        Self::start_logging_to(session, variables, program, std::process::Stdio::inherit()).await
    }

    /// The same; what it says goes to a file.
    pub async fn start_logged(
        session: &'a Session,
        variables: &[(&str, &str)],
        log: std::fs::File,
    ) -> Self {
        let program = env!("CARGO_BIN_EXE_frontdesk");
        Self::start_logging_to(session, variables, program, log.into()).await
    }

    async fn start_logging_to(
        session: &'a Session,
        variables: &[(&str, &str)],
        program: &str,
        log: std::process::Stdio,
    ) -> Self {
        let (port, native_port) = (free_port(), free_port());
        let driver = session
            .command("tauri-driver")
            .args(["--port", &port.to_string(), "--native-port", &native_port.to_string()])
            .envs(variables.iter().copied())
            .stderr(log)
            .spawn()
            .expect("tauri-driver is installed");
        for port in [port, native_port] {
            let answers = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok();
            eventually("driver", answers).await;
        }
        let mut capabilities = Capabilities::new();
        let application = json!({ "application": program });
        capabilities.insert("tauri:options".to_owned(), application);
        capabilities.insert("browserName".to_owned(), json!("wry"));
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let mut builder = ClientBuilder::new(connector);
        builder.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{port}");
        let client = builder.connect(&address).await.expect("the app starts");
        Self { client, session, driver }
    }

    /// Waits for a control; a name that ends in `*` is a beginning.
    pub async fn find(&self, role: &str, name: &str) -> Element {
        let what = format!("{role} {name:?}");
        let found = eventually(&what, async || self.look(role, name).await);
        tokio::select! {
            element = found => element,
            () = tokio::time::sleep(PATIENCE) => {
                self.screenshot("missing");
                panic!("no {what} on the screen: {}", self.text().await);
            }
        }
    }

    /// A control, if it is there now.
    pub async fn look(&self, role: &str, name: &str) -> Option<Element> {
        let found = self.client.execute(FIND, vec![json!(role), json!(name)]).await.ok()?;
        let id = found.as_object()?.values().next()?.as_str()?.to_owned();
        Some(Element::from_element_id(self.client.clone(), id.into()))
    }

    /// Presses a button.
    pub async fn press(&self, name: &str) {
        self.find("button", name).await.click().await.unwrap();
    }

    /// Opens a conversation by its row, named as `204 Amelia Hart`. The row may move before the click arrives: it is
    /// clicked until its conversation is open.
    pub async fn open(&self, row: &str) {
        let script =
            "return [...document.querySelectorAll('[data-conversation][aria-current=true]')]
            .some((it) => arguments[0].split(' ').every((word) => it.textContent.includes(word)))";
        eventually(row, async || {
            self.look("listitem", &format!("{row}*")).await?.click().await.ok()?;
            let is_open = self.client.execute(script, vec![json!(row)]).await.ok()?;
            is_open.as_bool()?.then_some(())
        })
        .await;
    }

    /// Fills a text field.
    pub async fn fill(&self, name: &str, text: &str) {
        let field = self.find("textbox", name).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Waits until some text stands on the screen.
    pub async fn read(&self, text: &str) {
        self.read_in("body", text).await;
    }

    /// Waits until some text stands among the messages of the open conversation.
    pub async fn read_messages(&self, text: &str) {
        self.read_in("[role=log]", text).await;
    }

    async fn read_in(&self, part: &str, text: &str) {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        let seen = eventually(text, async || {
            let all = self.client.execute(script, vec![json!(part)]).await.ok()?;
            all.as_str()?.contains(text).then_some(())
        });
        tokio::select! {
            () = seen => {}
            () = tokio::time::sleep(PATIENCE) => {
                self.screenshot("missing");
                panic!("{text:?} is not on the screen: {}", self.text().await);
            }
        }
    }

    /// Waits until the connection's status reads one of these.
    pub async fn connection(&self, states: &[&str]) {
        let script = "return [...document.querySelectorAll('[role=status]')].map((it) => it.textContent.trim())";
        eventually(&states.join(" or "), async || {
            let statuses = self.client.execute(script, Vec::new()).await.ok()?;
            let statuses = statuses.as_array()?.clone();
            let is = |it: &Value| {
                states.iter().any(|state| it.as_str().is_some_and(|it| it.starts_with(state)))
            };
            statuses.iter().any(is).then_some(())
        })
        .await;
    }

    /// All text on the screen.
    pub async fn text(&self) -> String {
        let script = "return document.body.innerText";
        let text = self.client.execute(script, Vec::new()).await;
        text.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Keeps a picture of the desktop for whoever looks into a failure. (WebKit's driver does not answer
    /// when it is asked for one of the window.)
    pub fn screenshot(&self, name: &str) {
        self.session.screenshot(name);
    }

    /// Ids of the app's windows that can be seen, by their titles.
    pub fn windows(&self, title: &str) -> Vec<String> {
        self.session.windows(title)
    }

    /// Waits until a window of this title can be seen.
    pub async fn window(&self, title: &str) -> String {
        eventually(title, async || self.windows(title).pop()).await
    }

    /// Closes the window as a person does, by its own button, and waits until it is gone.
    pub async fn close_window(&self) {
        close_window(self.session).await;
    }

    /// Ends the app in order, as signing out of the computer does, and waits until it is gone.
    pub async fn quit(self) {
        self.end("TERM").await;
    }

    /// Ends the app where it stands.
    pub async fn kill(self) {
        self.end("KILL").await;
    }

    async fn end(self, name: &str) {
        let pid = self.pid();
        signal(name, pid);
        eventually("end of the app", async || {
            (!Path::new(&format!("/proc/{pid}")).exists()).then_some(())
        })
        .await;
    }

    /// The app's process: the driver starts it and does not tell.
    pub fn pid(&self) -> u32 {
        let program = Path::new(env!("CARGO_BIN_EXE_frontdesk"));
        self.session.processes(program).into_iter().min().expect("the app runs")
    }
}

impl Drop for App<'_> {
    fn drop(&mut self) {
        signal("TERM", self.driver.id());
        let _ = self.driver.wait();
    }
}

/// Closes the app's window as a person does, by its own button, and waits until it is gone.
pub async fn close_window(session: &Session) {
    eventually("closed window", async || {
        for id in session.windows("Frontdesk") {
            // The window manager asks the app to close, as its button does.
            session.act(&["windowactivate", "--sync", &id, "key", "alt+F4"]);
        }
        // A window manager that is still busy with the window misses the keys: they are pressed again.
        let gone = async || session.windows("Frontdesk").is_empty().then_some(());
        tokio::time::timeout(KEYS_TAKE_EFFECT_WITHIN, eventually("closed window", gone)).await.ok()
    })
    .await;
}

/// Sends a signal to a process.
pub fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    sent.expect("kill is installed");
}

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            // What is waited for happens in another program, which tells nobody.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE * 2, asking).await.unwrap_or_else(|_| panic!("no {what}"))
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
