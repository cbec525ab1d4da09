//! The clock jumps by hours, a day, or 400 days, while little time passes: at every point where a time decides
//! something.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use frontdesk_server::{backup::daily, clock::Clock, protocol::Timestamp};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::common::{
    Authenticator, Callback, House, Person, Program, callback::Reply, house::PASSWORD, program,
    until,
};

const SECOND: i64 = 1_000;
const HOUR: i64 = 60 * 60 * SECOND;
const DAY: i64 = 24 * HOUR;

/// A moment of no importance: 2026-11-18 11:06:40 UTC.
const START: i64 = 1_795_000_000_000;

const JUMPS: [i64; 6] = [2 * HOUR, -2 * HOUR, DAY, -DAY, 400 * DAY, -400 * DAY];

/// The hands of a clock that stands still.
#[derive(Clone)]
struct Hands {
    time: Arc<AtomicI64>,
    offset: Arc<AtomicI64>,
}

impl Hands {
    fn new() -> (Self, Clock) {
        let time = Arc::new(AtomicI64::new(START));
        let offset = Arc::new(AtomicI64::new(0));
        let clock = Clock::Manual(Arc::clone(&time)).with_offset(Arc::clone(&offset));
        (Self { time, offset }, clock)
    }

    /// So much time passes.
    fn pass(&self, millis: i64) {
        self.time.fetch_add(millis, Ordering::SeqCst);
    }

    /// The time of day changes, and no time passes.
    fn jump(&self, millis: i64) {
        self.offset.fetch_add(millis, Ordering::SeqCst);
    }

    /// What the clock shows.
    fn now(&self) -> i64 {
        self.time.load(Ordering::SeqCst) + self.offset.load(Ordering::SeqCst)
    }
}

async fn house() -> (House, Hands) {
    let (hands, clock) = Hands::new();
    (House::start_with(|config| config.clock = clock).await, hands)
}

/// What the current session of a person lasts from now on, in milliseconds. `None` while the times are being shifted.
async fn session_lasts(person: &Person, hands: &Hands) -> Option<i64> {
    let page = person.get("/auth/sessions/").await.expect(200);
    let sessions = page["results"].as_array().unwrap();
    let own = sessions.iter().find(|session| session["is_current"] == true)?;
    let end: jiff::Timestamp = own["expires_at"].as_str().unwrap().parse().unwrap();
    Some(end.as_millisecond() - hands.now())
}

async fn has_jumped(house: &House) -> bool {
    house.anyone.get("/readyz").await.expect(200)["clock"] == "jumped"
}

/// Whether the stored times have been shifted by what the clock has jumped.
async fn has_followed(person: &Person, hands: &Hands) -> bool {
    session_lasts(person, hands).await == Some(30 * DAY)
}

#[tokio::test]
async fn sessions_and_waits_last_as_long_as_without_the_jump() {
    let (house, hands) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let mut socket = ana.connect().await;
    for jump in JUMPS {
        // The name of an account that does not exist counts like any other.
        let name = format!("nobody{jump}");
        for _ in 0..5 {
            house.try_sign_in(&name, "a wrong password").await.problem(401, "invalid_credentials");
        }
        hands.jump(jump);
        // At once, and after the server has shifted what is stored.
        for is_after in [false, true] {
            if is_after {
                until("the sessions to be shifted", || has_followed(&ana, &hands)).await;
            }
            ana.get("/auth/me/").await.expect(200);
            let waits = house.try_sign_in(&name, "a wrong password").await;
            assert_eq!(waits.header("retry-after"), "15", "{jump} {is_after}");
            waits.problem(429, "too_many_attempts");
            // The person who is signed in stays connected.
            socket.send_text(conversation, &format!("{jump} {is_after}")).await;
            while socket.next().await["status"] != "received" {}
        }
        assert!(has_jumped(&house).await);
        hands.pass(15 * SECOND);
        house.try_sign_in(&name, "a wrong password").await.problem(401, "invalid_credentials");
        // New sessions last as long as ever.
        let again = house.sign_in("ana").await;
        assert_eq!(session_lasts(&again, &hands).await, Some(30 * DAY));
        hands.pass(-15 * SECOND);
    }
    // The same after a restart: nothing is shifted twice.
    let house = house.restart().await;
    assert_eq!(session_lasts(&ana, &hands).await, Some(30 * DAY));
    assert!(has_jumped(&house).await, "nobody has confirmed the date");
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_of_passed_time_also_after_a_jump() {
    let (house, hands) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    hands.jump(-400 * DAY);
    until("the sessions to be shifted", || has_followed(&ana, &hands)).await;
    hands.pass(30 * DAY + SECOND);
    ana.get("/auth/me/").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn codes_of_the_new_time_are_taken() {
    let (house, hands) = house().await;
    for (number, jump) in [2 * HOUR, DAY, 400 * DAY].into_iter().enumerate() {
        let name = format!("ana{number}");
        let ana = house.staff(&name, &["reception"]).await;
        let app = Authenticator::add(&ana, hands.now()).await;
        hands.jump(jump);
        let code = app.code(hands.now());
        let body = json!({"username": name, "password": PASSWORD, "code": code});
        house.anyone.post("/auth/login/", body).await.expect(200);
    }
}

/// What would be destroyed 400 days later: a closed conversation, an old event, a reply that waits, an ended session.
struct Things {
    closed: i64,
    waits: i64,
    message: i64,
    before: Value,
    callback: Callback,
}

impl Things {
    async fn make(house: &House) -> Self {
        house.cli(&["property", "set", "--retention-days", "10"]).await.object();
        let mut callback = Callback::start().await;
        callback.will_answer(std::iter::repeat_n(Reply::Status(500), 10_000));
        let gateway = house.gateway("sms", Some(&callback.url)).await;
        let before = house.admin.get("/chat/conversations/").await.expect(200);
        let closed = house.conversation("reception").await;
        let body = json!({"conversation_id": closed});
        house.admin.post("/chat/conversations/close/", body).await.expect(200);
        let waits = gateway.writes("1", "+47 1", "Is there a late check-out?").await;
        let waits = waits["conversation_id"].as_i64().unwrap();
        let mut socket = house.admin.connect().await;
        socket.send_text(waits, "There is").await;
        let message = socket.acknowledged("received").await["message_id"].as_i64().unwrap();
        callback.next().await;
        // Its pause has begun.
        let line = "deliveries_total{result=\"retried\"} 1\n";
        let is_counted = async || house.anyone.get("/metrics").await.text.contains(line);
        until("the attempt to be noted", is_counted).await;
        Self { closed, waits, message, before, callback }
    }

    /// Whether the closed conversation is there.
    async fn is_closed_one_there(&self, house: &House) -> bool {
        house.admin.get(&format!("/chat/conversations/{}/", self.closed)).await.status == 200
    }

    async fn are_all_there(&self, house: &House) {
        assert!(self.is_closed_one_there(house).await);
        let path = format!("/chat/conversations/{}/messages/", self.waits);
        let page = house.admin.get(&path).await.expect(200);
        let rows = page["results"].as_array().unwrap();
        let reply = rows.iter().find(|row| row["id"] == self.message).unwrap();
        assert_eq!(reply["delivery"]["state"], "stored", "{reply}");
        // Everything that happened can be told again.
        let mut socket = house.admin.try_connect().await.unwrap();
        let resume = json!({"type": "resume", "epoch": self.before["epoch"],
            "last_seq": self.before["seq"], "conversation_ids": []});
        socket.send(resume).await;
        socket.acknowledged("resuming").await;
        let frame = socket.next().await;
        assert_eq!(frame["type"], "new_conversation", "{frame}");
    }
}

/// Has the server say when it has removed what is too old: this is the last thing of a round.
async fn mark_a_round(data_dir: &Path) {
    let mut database = open(data_dir).await;
    let statement = "insert into meta values ('clearing_wanted', '1')";
    sqlx::raw_sql(statement).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

async fn is_round_over(data_dir: &Path) -> bool {
    let mut database = open(data_dir).await;
    let wanted = "select count(*) from meta where key = 'clearing_wanted'";
    let wanted: i64 = sqlx::query_scalar(wanted).fetch_one(&mut database).await.unwrap();
    database.close().await.unwrap();
    wanted == 0
}

async fn open(data_dir: &Path) -> SqliteConnection {
    let url = format!("sqlite://{}", data_dir.join("frontdesk.db").display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// Restarts the house, and waits until the server has looked for what is too old.
async fn a_round_later(house: House) -> House {
    let stopped = house.stop().await;
    mark_a_round(&stopped.data_dir()).await;
    let house = stopped.start().await;
    let data_dir = house.data_dir().to_owned();
    until("the round to be over", || is_round_over(&data_dir)).await;
    house
}

#[tokio::test]
async fn nothing_is_destroyed_because_of_a_date_that_has_jumped() {
    let (house, hands) = house().await;
    let mut things = Things::make(&house).await;
    // While the server runs, for some seconds.
    hands.jump(400 * DAY);
    until("the jump to be noticed", || has_jumped(&house)).await;
    // The reply is tried again when its pause is over, and is not given up.
    hands.pass(SECOND);
    things.callback.next().await;
    things.are_all_there(&house).await;
    let mut house = a_round_later(house).await;
    things.are_all_there(&house).await;
    hands.jump(-400 * DAY);
    house = a_round_later(house).await;
    things.are_all_there(&house).await;
    // The date is right: what is not too old stays. Twelve days later the conversation goes.
    let confirmed = house.cli(&["clock", "confirm"]).await.object();
    assert_eq!(confirmed, json!({"had_jumped": true}));
    assert!(!has_jumped(&house).await);
    house = a_round_later(house).await;
    things.are_all_there(&house).await;
    hands.pass(12 * DAY);
    house = a_round_later(house).await;
    assert!(!things.is_closed_one_there(&house).await);
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn a_start_on_another_day_than_expected_destroys_nothing_until_the_date_is_confirmed() {
    for jump in [400 * DAY, -400 * DAY] {
        let (house, hands) = house().await;
        let things = Things::make(&house).await;
        let stopped = house.stop().await;
        hands.jump(jump);
        mark_a_round(&stopped.data_dir()).await;
        let house = stopped.start().await;
        let data_dir = house.data_dir().to_owned();
        assert!(has_jumped(&house).await);
        until("the round to be over", || is_round_over(&data_dir)).await;
        things.are_all_there(&house).await;
        assert_eq!(session_lasts(&house.admin, &hands).await, Some(30 * DAY), "{jump}");
        let time = house.anyone.get("/readyz").await.expect(200)["time"].clone();
        assert_eq!(time, Timestamp::from_millis(hands.now()).to_string());
        house.admin.post("/clock/confirm/", Value::Null).await.expect(204);
        assert!(!has_jumped(&house).await);
        let house = a_round_later(house).await;
        assert_eq!(things.is_closed_one_there(&house).await, jump < 0);
        let log = house.admin.get("/audit/?subject=property").await.expect(200);
        assert_eq!(log["results"][0]["action"], "clock_confirmed", "{log}");
    }
}

#[tokio::test]
async fn a_rest_of_a_month_and_a_corrected_clock_are_not_jumps() {
    for change in [29 * DAY, -30 * SECOND] {
        let (house, hands) = house().await;
        let stopped = house.stop().await;
        hands.jump(change);
        let house = stopped.start().await;
        assert!(!has_jumped(&house).await, "{change}");
    }
}

#[tokio::test]
async fn only_admins_confirm_the_date_and_only_where_there_is_one_hotel() {
    let (house, hands) = house().await;
    let ana = house.staff("ana", &["reception"]).await;
    house.admin.post("/clock/confirm/", Value::Null).await.expect(204);
    let log = house.admin.get("/audit/").await.expect(200);
    assert_ne!(log["results"][0]["action"], "clock_confirmed", "there was nothing to confirm");
    hands.jump(DAY);
    until("the jump to be noticed", || has_jumped(&house)).await;
    ana.post("/clock/confirm/", Value::Null).await.problem(403, "forbidden");
    house.cli(&["property", "create", "--name", "Hotel Borealis"]).await.object();
    house.admin.post("/clock/confirm/", Value::Null).await.problem(403, "forbidden");
    assert!(has_jumped(&house).await);
    for had_jumped in [true, false] {
        let confirmed = house.cli(&["clock", "confirm"]).await.object();
        assert_eq!(confirmed, json!({"had_jumped": had_jumped}));
    }
    assert!(!has_jumped(&house).await);
}

fn backups(data_dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data_dir.join(daily::FOLDER)).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".db"));
    names.sort();
    names
}

#[tokio::test]
async fn backups_from_before_the_jump_stay_until_the_date_is_confirmed() {
    let (hands, clock) = Hands::new();
    let house = House::start_with(|config| {
        config.clock = clock;
        config.daily_backups = 2;
    })
    .await;
    let data_dir = house.data_dir().to_owned();
    let mut house = house;
    // Each start makes the backup of its day. The clock changes while the server is off, so that it does not
    // run for a day.
    let made_on = async |house: House, day: &str, change: i64| {
        let stopped = house.stop().await;
        hands.jump(change);
        let house = stopped.start().await;
        let name = format!("frontdesk-{day}.db");
        until("the day's backup", async || backups(&data_dir).contains(&name)).await;
        house
    };
    house = made_on(house, "2026-11-18", 0).await;
    house = made_on(house, "2026-11-19", DAY).await;
    house = made_on(house, "2027-12-24", 400 * DAY).await;
    for day in ["2027-12-25", "2027-12-26"] {
        house = made_on(house, day, DAY).await;
    }
    let real = ["frontdesk-2026-11-18.db", "frontdesk-2026-11-19.db"];
    let kept = ["frontdesk-2027-12-25.db", "frontdesk-2027-12-26.db"];
    // Older ones are removed after the new one is there.
    let expected = [real, kept].concat();
    until("the older of the wrong ones to go", async || backups(&data_dir) == expected).await;
    assert!(has_jumped(&house).await);
    house.cli(&["clock", "confirm"]).await.object();
    house = made_on(house, "2027-12-27", DAY).await;
    let expected = ["frontdesk-2027-12-26.db", "frontdesk-2027-12-27.db"];
    until("all others to go", async || backups(&data_dir) == expected).await;
    drop(house);
}

#[tokio::test]
async fn a_person_who_leaves_is_seen_to_leave_whatever_the_clock_shows() {
    for jump in JUMPS {
        let (hands, clock) = Hands::new();
        let house = House::start_with(|config| {
            config.clock = clock;
            config.presence_grace = std::time::Duration::ZERO;
        })
        .await;
        let ana = house.staff("ana", &["reception"]).await;
        let bob = house.staff("bob", &["reception"]).await;
        let mut anas = ana.connect().await;
        let bobs = bob.connect().await;
        hands.jump(jump);
        bobs.leave().await;
        anas.expect(|frame| frame["data"]["type"] == "user_connected").await;
        anas.expect(|frame| frame["data"]["type"] == "user_disconnected").await;
    }
}

#[tokio::test]
async fn the_program_confirms_the_date_also_while_no_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let server = Program::serve(&data_dir, &[]).await;
    server.kill().await;
    let mut database = open(&data_dir).await;
    let statement = "update clock set recorded_at = recorded_at + 86400000";
    sqlx::raw_sql(statement).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    for had_jumped in [true, false] {
        let confirmed = program::cli(&data_dir, &["clock", "confirm"]).await.object();
        assert_eq!(confirmed, json!({"had_jumped": had_jumped}));
    }
}
