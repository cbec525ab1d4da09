//! What becomes of signals: notification, sound, tray, line, subscriptions.

use std::sync::Arc;

use frontdesk_server::protocol::Frame;
use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::notify::Which;

/// Records what it is given.
#[derive(Debug, Default)]
struct Recorder {
    has_device: bool,
    events: watch::Sender<Vec<String>>,
}

impl Recorder {
    fn record(&self, event: String) {
        self.events.send_modify(|events| events.push(event));
    }

    /// Waits for an event of this beginning, and returns all up to then.
    async fn wait_for(&self, beginning: &str) -> String {
        let mut events = self.events.subscribe();
        let is_it = |event: &&String| event.starts_with(beginning);
        let seen = events.wait_for(|events| events.iter().any(|it| is_it(&it))).await.unwrap();
        seen.iter().find(is_it).unwrap().clone()
    }

    fn has(&self, beginning: &str) -> bool {
        self.events.borrow().iter().any(|event| event.starts_with(beginning))
    }

    fn clear(&self) {
        self.events.send_modify(Vec::clear);
    }
}

impl Outlets for Recorder {
    fn push(&self, push: Push) {
        match push {
            Push::Alert { alert } => {
                self.record(format!("line {}", alert.map_or(0, |alert| alert.count)));
            }
            Push::Pause { pause } => self.record(format!("pause {}", pause.is_some())),
            _ => {}
        }
    }

    async fn show(&self, notice: Notice) -> Result<(), String> {
        let sound = if notice.plays_sound { " with the desktop's sound" } else { "" };
        self.record(format!("notification {}{sound}", notice.title));
        Ok(())
    }

    fn withdraw(&self, which: Which) {
        self.record(format!("withdrawn {which:?}"));
    }

    async fn play(&self, sound: Sound) -> Result<(), String> {
        self.record(format!("sound {sound:?}"));
        if self.has_device { Ok(()) } else { Err("no device".to_owned()) }
    }

    fn show_state(&self, state: TrayState) {
        self.record(format!("tray {} {:?} {}", state.count, state.status, state.is_paused));
    }

    fn attract(&self) {
        self.record("taskbar".to_owned());
    }

    fn follow(&self, conversations: BTreeSet<Id>) {
        self.record(format!("follow {conversations:?}"));
    }

    fn keep_awake(&self, wanted: bool) {
        self.record(format!("awake {wanted}"));
    }

    fn pause_ended(&self) {
        self.record("pause ended".to_owned());
    }
}

fn start(has_device: bool) -> (Arc<Alerts<Recorder>>, Arc<Recorder>, Generation) {
    let recorder = Arc::new(Recorder { has_device, ..Recorder::default() });
    let (alerts, starter) = Alerts::new(Arc::downgrade(&recorder));
    let alerts = Arc::new(alerts);
    tokio::spawn(Arc::clone(&alerts).watch());
    tokio::spawn(Arc::clone(&alerts).announce(starter.0));
    alerts.sync_clock(Timestamp::from_millis(0), true);
    let generation = alerts.begin(person());
    alerts.apply(Input::Connection(Connection::Connected));
    alerts.apply(Input::List { seq: 0, conversations: &[] });
    (alerts, recorder, generation)
}

/// Time passes on the server, and everything that this causes is done.
async fn pass(alerts: &Alerts<Recorder>, seconds: i64) {
    alerts.state().clock.advance(seconds * 1_000);
    alerts.apply(Input::Time);
    settle().await;
}

/// Both tasks have done what they can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn person() -> Person {
    Person {
        id: 7,
        departments: ["reception".to_owned()].into(),
        preferences: Preferences::default(),
        pause: None,
    }
}

fn write(alerts: &Alerts<Recorder>, seq: i64, conversation_id: Id, sender_type: &str) {
    let waiting_since = (sender_type == "guest").then_some("1970-01-01T00:00:00.000Z");
    let frame: Frame = serde_json::from_value(json!({
        "type": "conversation_update", "seq": seq, "data": { "type": "new_message", "data": {
            "conversation_id": conversation_id, "guest_name": "Amelia Hart", "room_number": "204",
            "department": "reception", "last_message_preview": "Two towels, please",
            "last_message_at": "1970-01-01T00:00:00.000Z", "message_from": "Somebody",
            "message_id": seq, "sender_type": sender_type, "waiting_since": waiting_since,
        }},
    }))
    .unwrap();
    alerts.apply(Input::Frame(&frame));
}

#[tokio::test]
async fn what_came_while_the_page_was_dead_is_announced() {
    let (alerts, recorder, _) = start(true);
    alerts.set_focused(true);
    alerts.set_page(Presence { visible: true, focused: true, used: true });
    alerts.apply(Input::Open(Some(1)));
    write(&alerts, 1, 1, "guest");
    settle().await;
    assert!(!recorder.has("notification"), "it is in front of the person");
    alerts.page_stopped(Duration::from_secs(4));
    recorder.wait_for("notification 204 · Amelia Hart").await;
    recorder.clear();
    // The page is back: nobody is at the window until it is used.
    alerts.set_page(Presence { visible: true, focused: true, used: false });
    write(&alerts, 2, 2, "guest");
    recorder.wait_for("notification 204 · Amelia Hart").await;
}

#[tokio::test]
async fn a_guests_message_reaches_every_outlet_and_an_answer_takes_it_back() {
    let (alerts, recorder, _) = start(true);
    write(&alerts, 1, 1, "guest");
    recorder.wait_for("notification 204 · Amelia Hart").await;
    for expected in
        ["sound Bell", "taskbar", "line 1", "tray 1 Some(Connected) false", "awake true"]
    {
        recorder.wait_for(expected).await;
    }
    assert!(!recorder.has("notification 204 · Amelia Hart with"), "the desktop plays no sound");
    // Past amber it is repeated, and the conversation is followed for typing colleagues.
    pass(&alerts, 301).await;
    recorder.wait_for("notification Still waiting: 204 · Amelia Hart").await;
    recorder.wait_for("follow {1}").await;
    recorder.clear();
    write(&alerts, 2, 1, "staff");
    recorder.wait_for("withdrawn Topic(Conversation(1))").await;
    recorder.wait_for("withdrawn Topic(Waiting)").await;
    recorder.wait_for("line 0").await;
    recorder.wait_for("follow {}").await;
}

#[tokio::test]
async fn without_a_device_the_desktops_own_sound_is_used_and_the_test_says_so() {
    let (alerts, recorder, _) = start(false);
    write(&alerts, 1, 1, "guest");
    recorder.wait_for("notification 204 · Amelia Hart with the desktop's sound").await;
    let tested = alerts.test().await;
    assert_eq!(
        (tested.notification, tested.sound),
        (TestedNotification::Shown, TestedSound::NoDevice)
    );
    assert_eq!(tested.detail.as_deref(), Some("no device"));
    recorder.wait_for("notification Test notification with the desktop's sound").await;
}

#[tokio::test]
async fn many_become_one_and_the_single_ones_are_withdrawn() {
    let (alerts, recorder, _) = start(true);
    for id in 1..=12 {
        write(&alerts, id, id, "guest");
    }
    recorder.wait_for("notification 12 guests are waiting").await;
    assert!(recorder.has("withdrawn Conversations"));
    assert_eq!(alerts.conversation_of(Topic::Waiting), Some(1));
    let singles = recorder.events.borrow().iter().filter(|it| it.contains("Amelia")).count();
    assert_eq!(singles, 3);
}

#[tokio::test]
async fn a_pause_ends_by_itself_and_says_so_everywhere() {
    let (alerts, recorder, _) = start(true);
    let until = Clock::System.now().as_millis() + 3_600_000;
    alerts.set_pause(Some(Pause { until: Some(until) }));
    recorder.wait_for("pause true").await;
    recorder.wait_for("tray 0 Some(Connected) true").await;
    write(&alerts, 1, 1, "guest");
    recorder.wait_for("line 1").await;
    settle().await;
    assert!(!recorder.has("sound") && !recorder.has("notification"));
    pass(&alerts, 3_601).await;
    recorder.wait_for("notification").await;
    recorder.wait_for("pause ended").await;
    recorder.wait_for("pause false").await;
}

#[tokio::test]
async fn offline_is_shown_in_the_tray_at_once_and_signalled_after_a_minute() {
    let (alerts, recorder, _) = start(true);
    alerts.apply(Input::Connection(Connection::Lost));
    recorder.wait_for("tray 0 Some(Offline) false").await;
    pass(&alerts, 58).await;
    assert!(!recorder.has("notification"));
    pass(&alerts, 3).await;
    recorder.wait_for("notification Offline").await;
    recorder.wait_for("sound").await;
    alerts.apply(Input::Connection(Connection::Connected));
    recorder.wait_for("notification Connected again").await;
}

#[tokio::test]
async fn a_sign_out_by_the_server_is_signalled_and_ones_own_is_not() {
    let (alerts, recorder, generation) = start(true);
    write(&alerts, 1, 1, "guest");
    recorder.wait_for("line 1").await;
    alerts.signed_out(generation);
    alerts.end_of(generation);
    recorder.wait_for("tray 0 Some(SignedOut) false").await;
    recorder.wait_for("awake false").await;
    pass(&alerts, 61).await;
    recorder.wait_for("notification Signed out").await;
    alerts.end();
    recorder.wait_for("tray 0 None false").await;
    recorder.clear();
    // Events that the earlier connection still passes on are ignored.
    alerts.apply_for(generation, Input::Connection(Connection::Lost));
    pass(&alerts, 3_600).await;
    assert!(recorder.events.borrow().is_empty(), "{:?}", recorder.events.borrow());
}

#[tokio::test]
async fn silence_holds_repeats_back_for_one_period() {
    let (alerts, recorder, _) = start(true);
    write(&alerts, 1, 1, "guest");
    recorder.wait_for("notification 204").await;
    pass(&alerts, 4 * 60).await;
    alerts.apply(Input::Silence);
    pass(&alerts, 4 * 60).await;
    assert!(!recorder.has("notification Still"));
    pass(&alerts, 2 * 60).await;
    recorder.wait_for("notification Still waiting").await;
}

#[tokio::test]
async fn a_conversation_in_front_is_announced_once_the_window_is_left() {
    let (alerts, recorder, _) = start(true);
    alerts.set_focused(true);
    alerts.set_page(Presence { visible: true, focused: true, used: true });
    alerts.apply(Input::Open(Some(1)));
    write(&alerts, 1, 1, "guest");
    recorder.wait_for("tray 1").await;
    settle().await;
    assert!(!recorder.has("notification"));
    // The desktop says that another window has the focus before the page does.
    alerts.set_focused(false);
    write(&alerts, 2, 1, "guest");
    recorder.wait_for("notification 204 · Amelia Hart").await;
}

#[tokio::test]
async fn a_computer_whose_clock_is_a_day_ahead_misses_nobody() {
    let recorder = Arc::new(Recorder { has_device: true, ..Recorder::default() });
    let (alerts, starter) = Alerts::new(Arc::downgrade(&recorder));
    let alerts = Arc::new(alerts);
    tokio::spawn(Arc::clone(&alerts).watch());
    tokio::spawn(Arc::clone(&alerts).announce(starter.0));
    let day = 24 * 3_600_000;
    alerts.sync_clock(Timestamp::from_millis(day), true);
    alerts.begin(person());
    alerts.set_focused(true);
    alerts.set_page(Presence { visible: true, focused: true, used: true });
    alerts.apply(Input::Open(Some(1)));
    // The connection says how late it really is, and the person walks away.
    alerts.sync_clock(Timestamp::from_millis(0), true);
    alerts.apply(Input::Connection(Connection::Connected));
    pass(&alerts, 61).await;
    write(&alerts, 1, 1, "guest");
    recorder.wait_for("notification 204 · Amelia Hart").await;
    recorder.wait_for("sound Bell").await;
}
