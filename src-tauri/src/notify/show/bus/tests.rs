//! Clicks, as the desktop's notification service tells of them.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tokio::sync::mpsc::UnboundedReceiver;

use super::*;

#[path = "../../../../tests/desktop/notifications.rs"]
mod desktop;

use desktop::Notifications;

/// A bus of its own.
struct Bus {
    address: String,
    daemon: Child,
}

impl Bus {
    fn start() -> Self {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
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

/// What is asked goes in, and what is clicked comes out.
async fn serve_on(bus: &Bus) -> (mpsc::Sender<Asked>, UnboundedReceiver<Id>) {
    let (asked, mut asking) = mpsc::channel(super::super::MAX_WAITING);
    let (clicked, clicks) = mpsc::unbounded_channel();
    let bus = zbus::connection::Builder::address(&*bus.address).unwrap().build().await.unwrap();
    tokio::spawn(async move {
        let first = asking.recv().await.unwrap();
        let click = |id| clicked.send(id).unwrap();
        Service::of(&bus).await.unwrap().serve(first, &mut asking, &click).await.unwrap();
    });
    (asked, clicks)
}

fn about(conversation_id: Id) -> Asked {
    let (title, body) = (format!("Guest {conversation_id}"), "<b>Hello</b>".to_owned());
    Asked::Show(Notification { conversation_id, title, body })
}

#[tokio::test]
async fn each_click_opens_its_conversation_however_many_are_shown() {
    let bus = Bus::start();
    let mut desktop = Notifications::serve(&bus.address).await;
    let (asked, mut clicks) = serve_on(&bus).await;
    for id in 1..=100 {
        asked.send(about(id)).await.unwrap();
    }
    let shown = desktop.wait_for(100).await;
    assert_eq!((shown[0].app.as_str(), shown[0].title.as_str()), ("Frontdesk", "Guest 1"));
    assert_eq!(shown[0].body, "&lt;b&gt;Hello&lt;/b&gt;");
    desktop.click(shown[99].id).await;
    assert_eq!(clicks.recv().await, Some(100));
    // A newer one takes its place.
    asked.send(about(7)).await.unwrap();
    let shown = desktop.wait_for(101).await;
    assert_eq!(shown[100].id, shown[6].id);
    desktop.click(shown[100].id).await;
    assert_eq!(clicks.recv().await, Some(7));
}

#[tokio::test]
async fn another_service_counts_anew_and_a_click_there_is_no_older_one() {
    let bus = Bus::start();
    let mut desktop = Notifications::serve(&bus.address).await;
    let (asked, mut clicks) = serve_on(&bus).await;
    for id in [1, 2] {
        asked.send(about(id)).await.unwrap();
    }
    desktop.wait_for(2).await;
    desktop.end().await;
    let mut desktop = Notifications::serve(&bus.address).await;
    asked.send(about(3)).await.unwrap();
    let shown = desktop.wait_for(1).await;
    // One of another program.
    desktop.click(2).await;
    desktop.click(shown[0].id).await;
    assert_eq!(clicks.recv().await, Some(3));
}

#[tokio::test]
async fn what_was_withdrawn_leads_nowhere() {
    let bus = Bus::start();
    let mut desktop = Notifications::serve(&bus.address).await;
    let (asked, mut clicks) = serve_on(&bus).await;
    asked.send(about(1)).await.unwrap();
    desktop.wait_for(1).await;
    asked.send(Asked::Withdraw).await.unwrap();
    asked.send(about(2)).await.unwrap();
    let shown = desktop.wait_for(2).await;
    assert_eq!((desktop.closed(), desktop.so_far()), (vec![shown[0].id], shown.clone()));
    desktop.click(shown[0].id).await;
    desktop.click(shown[1].id).await;
    assert_eq!(clicks.recv().await, Some(2));
}
