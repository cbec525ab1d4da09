//! Nobody is missed: notifications, repeats, sounds, pauses, and what is said when the server is away.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use zbus::{interface, object_server::SignalEmitter, zvariant};

use crate::{
    app::{App, eventually},
    hotel::{Gateway, Server},
    notifications::Notifications,
    open_window,
    session::Session,
    sign_in, story,
};

/// A signed-in desk whose window is hidden, and a gateway.
async fn hidden<'a>(
    session: &'a Session,
    server: &Server,
    variables: &[(&str, &str)],
) -> (App<'a>, Gateway) {
    let (app, gateway) = signed_in(session, server, variables).await;
    app.close_window().await;
    (app, gateway)
}

async fn signed_in<'a>(
    session: &'a Session,
    server: &Server,
    variables: &[(&str, &str)],
) -> (App<'a>, Gateway) {
    let gateway = Gateway::make(server.data_dir(), server.url()).await;
    let url = server.url();
    let variables = [variables, &[("FRONTDESK_SERVER_URL", url.as_str())]].concat();
    let app = App::start(session, &variables).await;
    sign_in(&app).await;
    (app, gateway)
}

/// Calls one of the program's commands, as the page does.
pub async fn invoke(app: &App<'_>, command: &str, arguments: Value) -> Value {
    let script = "const [command, given, done] = arguments;
        window.__TAURI_INTERNALS__.invoke(command, given).then(done, (error) => done({ error }));";
    app.client.execute_async(script, vec![json!(command), arguments]).await.unwrap()
}

/// Waits until the window, hidden or not, has this title.
async fn title(session: &Session, expected: &str) {
    eventually(expected, async || {
        let mut search = session.command("xdotool");
        let pattern = format!("^{}$", expected.replace('(', "\\(").replace(')', "\\)"));
        let found = search.args(["search", "--name", &pattern]).output().unwrap();
        (!found.stdout.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_whom_nobody_has_answered_writes_again_and_is_announced_again() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let server = Server::start().await;
        let (app, gateway) = hidden(&session, &server, &[]).await;
        gateway.write("Amelia Hart", "204", "Is anybody there?").await;
        notifications.wait_for(1).await;
        gateway.write("Amelia Hart", "204", "Water is coming through the ceiling").await;
        let shown = notifications.wait_for(2).await;
        assert_eq!(shown[1].title, "204 · Amelia Hart");
        assert_eq!(shown[1].body, "Water is coming through the ceiling\nReception");
        assert_eq!(shown[1].id, shown[0].id, "it replaces the older one");
        title(&session, "(1) Frontdesk").await;
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_three_become_one_and_a_click_opens_the_longest_wait() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let server = Server::start().await;
        let (app, gateway) = hidden(&session, &server, &[]).await;
        gateway.write("Amelia Hart", "204", "I was first").await;
        for room in 301..=311 {
            gateway.write(&format!("Guest {room}"), &room.to_string(), "Hello").await;
        }
        let shown = eventually("12 guests are waiting", async || {
            let shown = notifications.so_far();
            shown.last().is_some_and(|it| it.title == "12 guests are waiting").then_some(shown)
        })
        .await;
        let singles = shown.iter().filter(|it| !it.title.ends_with("are waiting")).count();
        assert_eq!(singles, 3, "{shown:?}");
        let many = shown.last().unwrap();
        assert!(
            many.body.contains("204 · Amelia Hart") && many.body.contains("Reception"),
            "{many:?}"
        );
        assert!(shown[..3].iter().all(|single| notifications.closed().contains(&single.id)));
        crate::click(&app, &notifications, many.id).await;
        app.read_messages("I was first").await;
        notifications.wait_for(shown.len()).await;
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_still_waits_is_announced_again_past_amber_and_urgently_past_red_until_silenced() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let server = Server::start_with_its_own_time().await;
        let (app, gateway) = hidden(&session, &server, &[]).await;
        gateway.write("Amelia Hart", "204", "Two towels, please").await;
        let shown = notifications.wait_for(1).await;
        assert_eq!(shown[0].urgency, None);
        // The desk learns from the next event how late it is on the server.
        server.pass(301);
        gateway.write("Joseph Okafor", "118", "Is breakfast included?").await;
        let repeat = async |title: &str| {
            eventually(title, async || {
                notifications.so_far().into_iter().rev().find(|it| it.title == title)
            })
            .await
        };
        let again = repeat("2 guests are still waiting").await;
        assert!(
            again.body.contains("204 · Amelia Hart") && again.body.contains("5 min"),
            "{again:?}"
        );
        assert_eq!(again.actions, ["default", "Open", "silence", "Silence"]);
        notifications.act(again.id, "silence").await;
        // Silence holds repeats back for one period, but nothing new.
        server.pass(290);
        gateway.write("Mei Tanaka", "310", "Hello").await;
        repeat("310 · Mei Tanaka").await;
        let so_far = notifications.so_far();
        assert!(so_far.iter().all(|it| it.title != "3 guests are still waiting"), "{so_far:?}");
        server.pass(330);
        gateway.write("Mei Tanaka", "310", "Hello?").await;
        let urgent = repeat("3 guests are still waiting").await;
        assert_eq!(urgent.urgency, Some(2), "{urgent:?}");
        app.quit().await;
    })
    .await;
}

/// A configuration of ALSA whose sound device writes a file.
fn sound_file(folder: &std::path::Path) -> (String, std::path::PathBuf) {
    let (config, written) = (folder.join("asound.conf"), folder.join("played.raw"));
    let device = format!(
        "pcm.!default {{ type file, file \"{}\", format raw, slave.pcm {{ type null }} }}",
        written.display()
    );
    std::fs::write(&config, device).unwrap();
    (config.to_str().unwrap().to_owned(), written)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sound_is_played_while_the_window_is_hidden() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let server = Server::start().await;
        let folder = tempfile::tempdir().unwrap();
        let (config, written) = sound_file(folder.path());
        let variables = [("ALSA_CONFIG_PATH", config.as_str())];
        let (app, gateway) = hidden(&session, &server, &variables).await;
        assert!(!written.exists(), "no device is opened before there is something to play");
        gateway.write("Amelia Hart", "204", "Two towels, please").await;
        let shown = notifications.wait_for(1).await;
        assert!(shown[0].suppresses_sound && shown[0].sound_name.is_none(), "{shown:?}");
        // Floats of two channels at 48 kHz: a second and a half of which has at least a tenth that is loud.
        eventually("samples", async || {
            let bytes = std::fs::read(&written).unwrap_or_default();
            let (floats, _) = bytes.as_chunks::<4>();
            let loud = floats.iter().filter(|it| f32::from_le_bytes(**it).abs() > 0.05).count();
            (loud > 14_400).then_some(())
        })
        .await;
        let tested = invoke(&app, "test_alert", json!({})).await;
        assert_eq!(tested, json!({ "notification": "shown", "sound": "played" }));
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sound_device_the_desktops_sound_is_used_and_the_test_says_so() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let server = Server::start().await;
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("asound.conf");
        std::fs::write(&config, "# no device\n").unwrap();
        let variables = [("ALSA_CONFIG_PATH", config.to_str().unwrap())];
        let (app, gateway) = hidden(&session, &server, &variables).await;
        gateway.write("Amelia Hart", "204", "Two towels, please").await;
        let shown = notifications.wait_for(1).await;
        assert_eq!(shown[0].sound_name.as_deref(), Some("message-new-instant"));
        assert!(!shown[0].suppresses_sound);
        let tested = invoke(&app, "test_alert", json!({})).await;
        assert_eq!(
            (&tested["notification"], &tested["sound"]),
            (&json!("shown"), &json!("no_device"))
        );
        assert!(tested["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{tested}");
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_seen_in_the_title_kept_for_the_person_and_what_waited_is_announced_afterwards()
{
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let server = Server::start().await;
        let (app, gateway) = signed_in(&session, &server, &[]).await;
        invoke(&app, "set_pause", json!({ "pause": { "until": null } })).await;
        title(&session, "Frontdesk – notifications paused").await;
        app.quit().await;

        let url = server.url();
        let app = App::start(&session, &[("FRONTDESK_SERVER_URL", &url)]).await;
        app.connection(&["Connected"]).await;
        title(&session, "Frontdesk – notifications paused").await;
        app.close_window().await;
        gateway.write("Amelia Hart", "204", "Two towels, please").await;
        title(&session, "(1) Frontdesk – notifications paused").await;
        assert_eq!(notifications.so_far(), []);
        invoke(&app, "set_pause", json!({ "pause": null })).await;
        let shown = notifications.wait_for(1).await;
        assert_eq!(shown[0].title, "Still waiting: 204 · Amelia Hart");
        title(&session, "(1) Frontdesk").await;
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_seen_at_once_and_announced_after_a_minute() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let mut server = Server::start().await;
        let (app, gateway) = hidden(&session, &server, &[]).await;
        server.go_away().await;
        title(&session, "Offline – Frontdesk").await;
        assert_eq!(notifications.so_far(), []);
        let shown = tokio::time::timeout(Duration::from_secs(120), notifications.wait_for(1)).await;
        let body = &shown.unwrap()[0].body;
        let sentence = "Frontdesk cannot reach the hotel's server. You will not be alerted to guest \
                        messages here.";
        assert_eq!(body, sentence);
        server.come_back().await;
        invoke(&app, "reconnect_now", json!({})).await;
        let shown = notifications.wait_for(2).await;
        assert_eq!((&*shown[1].title, &*shown[1].body), ("Connected again", "Nobody is waiting."));
        title(&session, "Frontdesk").await;
        gateway.write("Amelia Hart", "204", "Two towels, please").await;
        assert_eq!(notifications.wait_for(3).await[2].title, "204 · Amelia Hart");
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_out_by_the_server_sees_it_in_the_title_of_the_hidden_window() {
    story(async {
        let session = Session::start();
        let server = Server::start().await;
        let (app, _gateway) = hidden(&session, &server, &[]).await;
        server.sign_out(crate::USERNAME).await;
        title(&session, "Signed out – Frontdesk").await;
        open_window(&app, &session, &[("FRONTDESK_SERVER_URL", &server.url())]).await;
        sign_in(&app).await;
        title(&session, "Frontdesk").await;
        app.quit().await;
    })
    .await;
}

/// The desktop's screen saver.
struct ScreenSaver;

#[interface(name = "org.freedesktop.ScreenSaver")]
impl ScreenSaver {
    fn get_active(&self) -> bool {
        false
    }

    #[zbus(signal)]
    async fn active_changed(emitter: &SignalEmitter<'_>, active: bool) -> zbus::Result<()>;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_on_a_locked_screen_is_not_in_front_of_anybody() {
    story(async {
        const PATH: &str = "/org/freedesktop/ScreenSaver";
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let saver = zbus::connection::Builder::address(session.bus())
            .unwrap()
            .serve_at(PATH, ScreenSaver)
            .unwrap()
            .name("org.freedesktop.ScreenSaver")
            .unwrap()
            .build()
            .await
            .unwrap();
        let server = Server::start().await;
        let (app, gateway) = signed_in(&session, &server, &[]).await;
        gateway.write("Amelia Hart", "204", "Two towels, please").await;
        app.open("204 Amelia Hart").await;
        app.read_messages("Two towels, please").await;
        assert_eq!(notifications.so_far(), [], "it is in front of her");
        let emitter = SignalEmitter::new(&saver, PATH).unwrap();
        ScreenSaver::active_changed(&emitter, true).await.unwrap();
        // The signal and the message take different ways to the app: whichever comes first, one message is after both.
        let mut number = 0;
        eventually("notification", async || {
            number += 1;
            gateway.write("Amelia Hart", "204", &format!("Hello? {number}")).await;
            (!notifications.so_far().is_empty()).then_some(())
        })
        .await;
        assert_eq!(notifications.wait_for(1).await[0].title, "204 · Amelia Hart");
        app.quit().await;
    })
    .await;
}

/// The part of the system that lets computers sleep.
struct Login {
    inhibited: watch::Sender<Vec<String>>,
}

#[interface(name = "org.freedesktop.login1.Manager")]
impl Login {
    #[expect(clippy::needless_pass_by_value, reason = "that is the interface")]
    fn inhibit(&self, what: String, who: String, _why: String, mode: String) -> zvariant::OwnedFd {
        self.inhibited.send_modify(|all| all.push(format!("{what} {who} {mode}")));
        let file = std::fs::File::open("/dev/null").unwrap();
        std::os::fd::OwnedFd::from(file).into()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_computer_stays_awake_while_somebody_is_signed_in() {
    story(async {
        let session = Session::start();
        let (inhibiting, mut inhibited) = watch::channel(Vec::new());
        let _login = zbus::connection::Builder::address(session.bus())
            .unwrap()
            .serve_at("/org/freedesktop/login1", Login { inhibited: inhibiting })
            .unwrap()
            .name("org.freedesktop.login1")
            .unwrap()
            .build()
            .await
            .unwrap();
        let server = Server::start().await;
        let variables = [("DBUS_SYSTEM_BUS_ADDRESS", session.bus())];
        let (app, _gateway) = signed_in(&session, &server, &variables).await;
        let asked = inhibited.wait_for(|all| !all.is_empty()).await.unwrap().clone();
        assert_eq!(asked, ["idle:sleep Frontdesk block"]);
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_tray_a_closed_window_is_minimised() {
    story(async {
        let session = Session::start();
        let server = Server::start().await;
        let (app, _gateway) = signed_in(&session, &server, &[]).await;
        let id = app.window("Frontdesk").await;
        app.close_window().await;
        // The window manager still has it: a hidden one could not be activated.
        let mut activate = session.command("xdotool");
        assert!(activate.args(["windowactivate", &id]).status().unwrap().success());
        app.window("Frontdesk").await;
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_zoom_is_kept() {
    story(async {
        let session = Session::start();
        let server = Server::start().await;
        let url = server.url();
        let variables = [("FRONTDESK_SERVER_URL", url.as_str())];
        let width = async |app: &App<'_>| {
            app.client.execute("return innerWidth", Vec::new()).await.unwrap().as_f64().unwrap()
        };
        let app = App::start(&session, &variables).await;
        app.find("button", "Sign in").await;
        let normal = width(&app).await;
        for _ in 0..2 {
            app.client
                .execute(
                    "dispatchEvent(new KeyboardEvent('keydown', { key: '+', ctrlKey: true }))",
                    Vec::new(),
                )
                .await
                .unwrap();
        }
        let zoomed = async |app: &App<'_>| {
            eventually("zoom", async || (width(app).await < normal * 0.85).then_some(())).await;
        };
        zoomed(&app).await;
        app.quit().await;
        let app = App::start(&session, &variables).await;
        zoomed(&app).await;
        app.quit().await;
    })
    .await;
}
