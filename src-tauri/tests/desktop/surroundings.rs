//! Keyring, notification service, session bus and hotel server hang or die while a text and a draft wait and a guest
//! writes.

use std::{
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use serde_json::json;

use crate::{
    alerts::invoke,
    app::{App, eventually, signal},
    hotel::{Gateway, Server},
    notifications::Notifications,
    session::Session,
    sign_in, story,
};

/// The configuration of a session bus that starts no programs.
const BUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src-tauri/tests/desktop/bus.conf");

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal to a program of this desktop.
fn to_program(session: &Session, program: &str, name: &str) {
    let pids = session.processes(Path::new(program));
    assert!(!pids.is_empty(), "{program} runs");
    pids.into_iter().for_each(|pid| signal(name, pid));
}

/// While the server is away, a text and a draft wait; then `fault` happens, the server is back, and a guest writes.
/// Nothing of it may be lost.
async fn through(
    (app, server, gateway): (&App<'_>, &mut Server, &mut Gateway),
    count: usize,
    fault: impl AsyncFnOnce(),
) {
    server.go_away().await;
    app.connection(&["Reconnecting", "Offline"]).await;
    let (text, draft) = (format!("Text {count}"), format!("Draft {count}"));
    app.fill("Message", &text).await;
    app.press("Send").await;
    app.read_messages(&text).await;
    app.fill("Message", &draft).await;
    fault().await;
    server.come_back().await;
    invoke(app, "reconnect_now", json!({})).await;
    assert_eq!(gateway.replies(count).await.last(), Some(&text));
    let words = format!("Is anybody there? {count}");
    gateway.write("Amelia Hart", "204", &words).await;
    app.read_messages(&words).await;
    let value = "return document.querySelector('textarea')?.value";
    assert_eq!(app.client.execute(value, Vec::new()).await.unwrap(), *draft);
    assert_eq!(gateway.so_far().len(), count, "each text once");
}

#[tokio::test(flavor = "multi_thread")]
async fn keyring_notifications_and_session_bus_hang_and_die_and_the_desk_goes_on() {
    story(async {
        let session = Session::start();
        let mut server = Server::start().await;
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        // As on other desktops, the address of the bus is a place: a bus that is started again is found there.
        let bus = session.bus().split(',').next().unwrap().to_owned();
        let url = server.url();
        let variables = [("FRONTDESK_SERVER_URL", &*url), ("DBUS_SESSION_BUS_ADDRESS", &*bus)];
        let notifications = Running(session.command("dunst").spawn().unwrap());
        let app = App::start(&session, &variables).await;
        sign_in(&app).await;
        gateway.write("Amelia Hart", "204", "Could we have two more towels?").await;
        app.open("204 Amelia Hart").await;
        app.read_messages("Could we have two more towels?").await;

        let keyring = "/usr/bin/gnome-keyring-daemon";
        let mut count = 0;
        for fault in ["STOP", "KILL"] {
            count += 1;
            through((&app, &mut server, &mut gateway), count, async || {
                to_program(&session, keyring, fault);
            })
            .await;
        }
        for fault in ["STOP", "KILL"] {
            count += 1;
            through((&app, &mut server, &mut gateway), count, async || {
                signal(fault, notifications.0.id());
            })
            .await;
        }
        let daemon = "/usr/bin/dbus-daemon";
        count += 1;
        through((&app, &mut server, &mut gateway), count, async || {
            to_program(&session, daemon, "STOP");
        })
        .await;

        // WebDriver ends with the bus; the app goes on.
        count += 1;
        server.go_away().await;
        app.connection(&["Reconnecting", "Offline"]).await;
        app.fill("Message", "The last text").await;
        app.press("Send").await;
        app.read_messages("The last text").await;
        app.fill("Message", "The last draft").await;
        to_program(&session, daemon, "KILL");
        server.come_back().await;
        assert_eq!(gateway.replies(count).await.last().unwrap(), "The last text");

        // Notifications are back with the bus.
        let mut daemon = session.command(daemon);
        daemon.args(["--config-file", BUS, "--nofork", "--nopidfile", "--address", &bus]);
        let _daemon = Running(daemon.spawn().unwrap());
        let path = bus.split_once('=').unwrap().1.to_owned();
        eventually("bus", async || tokio::net::UnixStream::connect(&path).await.ok()).await;
        let notifications = Notifications::serve(&bus).await;
        app.close_window().await;
        gateway.write("Joseph Okafor", "118", "Is breakfast included?").await;
        let title = "118 · Joseph Okafor";
        eventually(title, async || {
            notifications.so_far().iter().any(|shown| shown.title == title).then_some(())
        })
        .await;
        // And a second start finds this one again, once it has its name there.
        let connection = zbus::connection::Builder::address(&*bus).unwrap().build().await.unwrap();
        let names = zbus::fdo::DBusProxy::new(&connection).await.unwrap();
        eventually("the name", async || {
            let names = names.list_names().await.unwrap();
            names.iter().any(|name| name.ends_with(".Instance")).then_some(())
        })
        .await;
        let window = eventually("the window", async || {
            let mut second = session.command(env!("CARGO_BIN_EXE_frontdesk"));
            let ended = second.envs(variables).status().unwrap();
            if ended.success() { session.windows("Frontdesk").pop() } else { None }
        })
        .await;
        // Real keys do not reach a page that WebDriver has driven: the draft is read in the steps before.
        assert!(!window.is_empty());
        assert_eq!(gateway.so_far().len(), count, "each text once");
        app.screenshot("bus-back");
        app.quit().await;
    })
    .await;
}

/// Forwards connections to a port until it is frozen. Then it forwards nothing, and leaves all connections open.
async fn passage(port: u16, frozen: watch::Receiver<bool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut caller, _) = listener.accept().await.unwrap();
            let mut frozen = frozen.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let is_frozen = async { frozen.wait_for(|it| *it).await.is_ok() };
                let is_frozen = tokio::select! {
                    _ = copy_bidirectional(&mut caller, &mut server) => false,
                    is_frozen = is_frozen => is_frozen,
                };
                if is_frozen {
                    // Both connections stay open.
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    own
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_seen_within_15_seconds_while_the_window_is() {
    story(async {
        let session = Session::start();
        let server = Server::start().await;
        let port = server.url().rsplit_once(':').unwrap().1.parse().unwrap();
        let (freeze, frozen) = watch::channel(false);
        let url = format!("http://127.0.0.1:{}", passage(port, frozen).await);
        let app = App::start(&session, &[("FRONTDESK_SERVER_URL", &*url)]).await;
        sign_in(&app).await;
        let began = Instant::now();
        freeze.send(true).unwrap();
        app.connection(&["Reconnecting"]).await;
        let took = began.elapsed();
        println!("seen after {} ms", took.as_millis());
        assert!(took < Duration::from_secs(15), "{took:?}");
        app.quit().await;
    })
    .await;
}
