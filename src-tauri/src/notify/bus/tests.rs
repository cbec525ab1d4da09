//! Notifications and clicks, with a notification service on a bus of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tokio::sync::mpsc::UnboundedReceiver;

use super::*;

#[path = "../../../tests/desktop/notifications.rs"]
mod desktop;

use desktop::Notifications;

/// The configuration of a session bus that starts no programs.
const BUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src-tauri/tests/desktop/bus.conf");

/// A bus of its own.
struct Bus {
    address: String,
    daemon: Child,
}

impl Bus {
    fn start() -> Self {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--config-file", BUS, "--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon is installed");
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { address: address.trim().to_owned(), daemon }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// Requests go in, and what is clicked comes out.
async fn serve_on(bus: &Bus) -> (mpsc::Sender<Request>, UnboundedReceiver<Click>) {
    let (requests, mut requested) = mpsc::channel(super::super::MAX_REQUESTS);
    let (clicked, clicks) = mpsc::unbounded_channel();
    let bus = zbus::connection::Builder::address(&*bus.address).unwrap().build().await.unwrap();
    tokio::spawn(async move {
        let first = requested.recv().await.unwrap();
        let click = |click| clicked.send(click).unwrap();
        let (first, mut unshown) = (&mut Some(first), Unshown::default());
        let service = Service::of(&bus).await.unwrap();
        service.serve(first, &mut requested, &mut unshown, &click).await.unwrap();
    });
    (requests, clicks)
}

fn notice(topic: Topic) -> Notice {
    let (title, body) = (format!("{topic:?}"), "<b>Hello</b>".to_owned());
    let (is_urgent, plays_sound, offers_silence) = (false, false, false);
    Notice { topic, title, body, is_urgent, plays_sound, offers_silence }
}

fn show(notice: Notice) -> Request {
    Request::Show(notice, tokio::sync::oneshot::channel().0)
}

fn about(id: i64) -> Request {
    show(notice(Topic::Conversation(id)))
}

fn opens(id: i64) -> Option<Click> {
    Some(Click::Open(Topic::Conversation(id)))
}

#[tokio::test]
async fn each_click_opens_its_conversation_however_many_are_shown() {
    let bus = Bus::start();
    let mut desktop = Notifications::serve(&bus.address).await;
    let (requests, mut clicks) = serve_on(&bus).await;
    for id in 1..=100 {
        requests.send(about(id)).await.unwrap();
    }
    let shown = desktop.wait_for(100).await;
    assert_eq!((shown[0].app.as_str(), shown[0].title.as_str()), ("Frontdesk", "Conversation(1)"));
    assert_eq!(shown[0].body, "&lt;b&gt;Hello&lt;/b&gt;");
    desktop.click(shown[99].id).await;
    assert_eq!(clicks.recv().await, opens(100));
    // A newer one takes its place.
    requests.send(about(7)).await.unwrap();
    let shown = desktop.wait_for(101).await;
    assert_eq!(shown[100].id, shown[6].id);
    desktop.click(shown[100].id).await;
    assert_eq!(clicks.recv().await, opens(7));
}

#[tokio::test]
async fn another_service_counts_anew_and_a_click_there_is_no_older_one() {
    let bus = Bus::start();
    let mut desktop = Notifications::serve(&bus.address).await;
    let (requests, mut clicks) = serve_on(&bus).await;
    for id in [1, 2] {
        requests.send(about(id)).await.unwrap();
    }
    desktop.wait_for(2).await;
    desktop.end().await;
    let mut desktop = Notifications::serve(&bus.address).await;
    requests.send(about(3)).await.unwrap();
    let shown = desktop.wait_for(1).await;
    // One of another program.
    desktop.click(2).await;
    desktop.click(shown[0].id).await;
    assert_eq!(clicks.recv().await, opens(3));
}

#[tokio::test]
async fn what_no_service_has_shown_is_shown_by_the_next_one_unless_it_was_withdrawn() {
    let bus = Bus::start();
    let (requests, _clicks) = serve_on(&bus).await;
    for id in [1, 2] {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let request = Request::Show(notice(Topic::Conversation(id)), answer);
        requests.send(request).await.unwrap();
        assert!(answered.await.unwrap().is_err(), "there is no service yet");
    }
    requests.send(Request::Withdraw(Which::Topic(Topic::Conversation(1)))).await.unwrap();
    // It is served before the bus tells about the new service.
    requests.send(Request::Withdraw(Which::Topic(Topic::Test))).await.unwrap();
    let mut desktop = Notifications::serve(&bus.address).await;
    let shown = desktop.wait_for(1).await;
    assert_eq!(shown[0].title, "Conversation(2)");
    requests.send(about(3)).await.unwrap();
    assert_eq!(desktop.wait_for(2).await[1].title, "Conversation(3)");
}

#[tokio::test]
async fn a_click_on_a_withdrawn_notification_is_ignored() {
    let bus = Bus::start();
    let mut desktop = Notifications::serve(&bus.address).await;
    let (requests, mut clicks) = serve_on(&bus).await;
    requests.send(about(1)).await.unwrap();
    desktop.wait_for(1).await;
    requests.send(Request::Withdraw(Which::Topic(Topic::Conversation(1)))).await.unwrap();
    requests.send(about(2)).await.unwrap();
    let shown = desktop.wait_for(2).await;
    assert_eq!((desktop.closed(), desktop.so_far()), (vec![shown[0].id], shown.clone()));
    desktop.click(shown[0].id).await;
    desktop.click(shown[1].id).await;
    assert_eq!(clicks.recv().await, opens(2));
}

#[tokio::test]
async fn the_service_is_told_whether_to_sound_and_how_urgent_it_is() {
    let bus = Bus::start();
    let mut desktop = Notifications::serve(&bus.address).await;
    let (requests, mut clicks) = serve_on(&bus).await;
    requests.send(about(1)).await.unwrap();
    let urgent = Notice {
        is_urgent: true,
        plays_sound: true,
        offers_silence: true,
        ..notice(Topic::Waiting)
    };
    requests.send(show(urgent)).await.unwrap();
    let shown = desktop.wait_for(2).await;
    let [quiet, urgent] = shown.as_slice() else { panic!("{shown:?}") };
    assert_eq!(
        (quiet.suppresses_sound, quiet.sound_name.as_deref(), quiet.urgency),
        (true, None, None)
    );
    assert_eq!(urgent.sound_name.as_deref(), Some("message-new-instant"));
    assert_eq!((urgent.suppresses_sound, urgent.urgency), (false, Some(2)));
    assert_eq!(urgent.actions, ["default", "Open", "silence", "Silence"]);
    desktop.act(urgent.id, "silence").await;
    assert_eq!(clicks.recv().await, Some(Click::Silence));
}
