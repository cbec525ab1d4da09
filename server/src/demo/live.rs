//! The simulated guests: they write through the real gateway and read their answers at a callback of
//! their own, on loopback.

mod scripts;

use std::{
    collections::{HashMap, HashSet},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use rand::{RngExt, seq::IndexedRandom};
use serde::Deserialize;
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    auth::{Secret, hash_secret},
    delivery,
    journal::{WriteError, Written},
    store::{StoreError, demo},
};

use super::{guests::GUESTS, hotel};
use scripts::{SCRIPTS, nudge, thanks};

/// The first message after the start.
const FIRST_AFTER: Duration = Duration::from_secs(3);

/// Between two guests who write of their own accord.
const BETWEEN_SECONDS: std::ops::RangeInclusive<u64> = 10..=40;

/// The same when everybody waits for an answer: nobody is there, so nobody is flooded.
const BETWEEN_NUDGES_SECONDS: std::ops::RangeInclusive<u64> = 120..=300;

/// How long a guest takes to answer.
const ANSWER_SECONDS: std::ops::RangeInclusive<u64> = 4..=12;

/// How long a reply takes to reach a guest's telephone, and then to be read there.
const DELIVERED_SECONDS: std::ops::RangeInclusive<u64> = 1..=3;
const READ_SECONDS: std::ops::RangeInclusive<u64> = 2..=10;

/// One in this number of replies is not read before the guest writes again.
const UNREAD_ONE_IN: u32 = 4;

/// Answers on their way to the guests; a full queue makes the outbox try again.
const REPLIES: usize = 256;

/// Most reports in one call.
const REPORTS_AT_ONCE: usize = 100;

/// A guest and a department: a conversation, as guests see it.
type Thread = (&'static str, String);

/// What the callback gets, as far as guests care.
#[derive(Debug, Deserialize)]
struct Reply {
    delivery_id: String,
    guest: ReplyGuest,
    department: String,
}

#[derive(Debug, Deserialize)]
struct ReplyGuest {
    guest_ref: Option<String>,
}

/// Has the guests write until the server stops.
pub(crate) async fn play(app: App, server: SocketAddr, stopping: CancellationToken) {
    if let Some(Err(error)) = stopping.run_until_cancelled(simulate(&app, server)).await {
        tracing::error!(%error, "the simulated guests have left");
    }
}

/// Why the guests cannot write any longer.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("their gateway is not there")]
    NoGateway,
    #[error("their gateway could not be changed: {0}")]
    Store(#[from] WriteError<StoreError>),
    #[error("their callback cannot be served: {0}")]
    Callback(#[from] io::Error),
    #[error("nothing can be sent: {0}")]
    Client(#[from] reqwest::Error),
}

async fn simulate(app: &App, server: SocketAddr) -> Result<(), Stopped> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let callback = format!("http://{}/replies", listener.local_addr()?);
    let key = format!("fdgk_{}", Secret::generate().reveal());
    let key_hash = hash_secret(&key);
    let moved = app.journal.write(move |writer| {
        Box::pin(async move {
            let moved = demo::move_gateway(writer, hotel::GATEWAY, key_hash, callback).await?;
            Ok::<_, StoreError>(Written::quiet(moved))
        })
    });
    if !moved.await? {
        return Err(Stopped::NoGateway);
    }
    let (replies, mut received) = mpsc::channel(REPLIES);
    let router = Router::new().route("/replies", post(receive)).with_state(replies);
    let mut guests = Guests {
        client: delivery::client(&delivery::AddressRules { loopback: true, networks: Vec::new() })?,
        url: format!("http://{}/gateway/", loopback(server)),
        key,
        pace: app.config.demo_pace.unwrap_or(NonZeroU32::MIN),
        threads: HashMap::new(),
        planned: Vec::new(),
        reports: Vec::new(),
        used: HashSet::new(),
    };
    tokio::select! {
        served = axum::serve(listener, router).into_future() => Ok(served?),
        () = guests.live(&mut received) => Ok(()),
    }
}

/// Where a server that listens on all addresses is reached from this computer.
fn loopback(server: SocketAddr) -> SocketAddr {
    let ip = match server.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, server.port())
}

async fn receive(
    State(replies): State<mpsc::Sender<Reply>>,
    Json(reply): Json<Reply>,
) -> StatusCode {
    match replies.try_send(reply) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Where a guest is in a conversation.
#[derive(Debug, Default)]
struct Progress {
    /// What the guest has still to say, the next one last.
    lines: Vec<&'static str>,
    /// Whether the guest has written and heard nothing yet.
    waits: bool,
    /// Whether the guest has said thanks and wants nothing more.
    content: bool,
}

struct Guests {
    client: reqwest::Client,
    url: String,
    key: String,
    /// How many times as often as usual they write.
    pace: NonZeroU32,
    threads: HashMap<Thread, Progress>,
    /// Answers that guests are typing.
    planned: Vec<(Instant, Thread)>,
    /// What the gateway will report: when, of which delivery, and its state.
    reports: Vec<(Instant, String, &'static str)>,
    /// Scripts that have begun since all of them had.
    used: HashSet<usize>,
}

impl Guests {
    async fn live(&mut self, received: &mut mpsc::Receiver<Reply>) {
        let mut opening = Instant::now() + FIRST_AFTER;
        loop {
            let planned = self.planned.iter().map(|(at, _)| *at);
            let reports = self.reports.iter().map(|(at, ..)| *at);
            let next = planned.chain(reports).min().map_or(opening, |at| at.min(opening));
            tokio::select! {
                reply = received.recv() => match reply {
                    Some(reply) => self.hear(&reply),
                    None => return,
                },
                () = tokio::time::sleep_until(next) => {
                    self.report().await;
                    self.answer().await;
                    if Instant::now() >= opening {
                        opening = Instant::now() + self.open().await;
                    }
                }
            }
        }
    }

    /// Staff have written: the guest will answer, once.
    fn hear(&mut self, reply: &Reply) {
        let key = reply.guest.guest_ref.as_deref();
        let Some(guest) = GUESTS.iter().find(|guest| Some(guest.key) == key) else { return };
        let delivered = Instant::now() + seconds(DELIVERED_SECONDS);
        self.reports.push((delivered, reply.delivery_id.clone(), "delivered"));
        if rand::rng().random_range(0..UNREAD_ONE_IN) > 0 {
            let read = delivered + seconds(READ_SECONDS);
            self.reports.push((read, reply.delivery_id.clone(), "read"));
        }
        let thread = (guest.key, reply.department.clone());
        let progress = self.threads.entry(thread.clone()).or_default();
        progress.waits = false;
        let answers = !progress.lines.is_empty() || !progress.content;
        if answers && !self.planned.iter().any(|(_, planned)| *planned == thread) {
            self.planned.push((Instant::now() + seconds(ANSWER_SECONDS), thread));
        }
    }

    /// Reports how far replies have come by now.
    async fn report(&mut self) {
        let now = Instant::now();
        let (due, later) =
            std::mem::take(&mut self.reports).into_iter().partition(|(at, ..)| *at <= now);
        self.reports = later;
        let due: Vec<(Instant, String, &'static str)> = due;
        for reports in due.chunks(REPORTS_AT_ONCE) {
            let statuses: Vec<_> = reports
                .iter()
                .map(|(_, id, state)| json!({"delivery_id": id, "state": state}))
                .collect();
            self.call("statuses/", &json!({"statuses": statuses})).await;
        }
    }

    /// Sends the answers that are typed by now.
    async fn answer(&mut self) {
        let now = Instant::now();
        let (due, later) =
            std::mem::take(&mut self.planned).into_iter().partition(|(at, _)| *at <= now);
        self.planned = later;
        let due: Vec<(Instant, Thread)> = due;
        for (_, thread) in due {
            let progress = self.threads.entry(thread.clone()).or_default();
            let line = match progress.lines.pop() {
                Some(line) => {
                    progress.waits = true;
                    line
                }
                None => {
                    progress.content = true;
                    thanks(language(thread.0))
                }
            };
            self.send(&thread, line).await;
        }
    }

    /// Has another guest write of their own accord; returns how long until the next one does.
    async fn open(&mut self) -> Duration {
        let is_free = |index: usize, threads: &HashMap<Thread, Progress>| {
            SCRIPTS.get(index).is_some_and(|script| {
                let thread = (script.guest, script.department.to_owned());
                threads
                    .get(&thread)
                    .is_none_or(|progress| !progress.waits && progress.lines.is_empty())
            })
        };
        let free: Vec<usize> =
            (0..SCRIPTS.len()).filter(|index| is_free(*index, &self.threads)).collect();
        if free.iter().all(|index| self.used.contains(index)) {
            self.used.clear();
        }
        let fresh: Vec<usize> =
            free.into_iter().filter(|index| !self.used.contains(index)).collect();
        let chosen = fresh.choose(&mut rand::rng()).copied();
        let Some(script) = chosen.and_then(|index| SCRIPTS.get(index)) else {
            self.nudge().await;
            return seconds(BETWEEN_NUDGES_SECONDS) / self.pace.get();
        };
        self.used.extend(chosen);
        let thread = (script.guest, script.department.to_owned());
        let lines = script.then.iter().rev().copied().collect();
        self.threads.insert(thread.clone(), Progress { lines, waits: true, content: false });
        self.send(&thread, script.first).await;
        seconds(BETWEEN_SECONDS) / self.pace.get()
    }

    /// Has somebody ask again who waits.
    async fn nudge(&mut self) {
        let waiting: Vec<Thread> = self
            .threads
            .iter()
            .filter(|(_, progress)| progress.waits)
            .map(|(thread, _)| thread.clone())
            .collect();
        let chosen = waiting.choose(&mut rand::rng());
        if let Some(thread) = chosen {
            self.send(thread, nudge(language(thread.0))).await;
        }
    }

    async fn send(&self, thread: &Thread, content: &str) {
        let Some(guest) = GUESTS.iter().find(|guest| guest.key == thread.0) else { return };
        let body = json!({
            "external_id": format!("demo-{}", uuid::Uuid::new_v4()),
            "whatsapp_number": format!("+{}", guest.number),
            "name": guest.name,
            "department": thread.1,
            "content": content,
        });
        self.call("messages/", &body).await;
    }

    /// Calls the server as the guests' gateway.
    async fn call(&self, path: &str, body: &serde_json::Value) {
        let sent = self
            .client
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.key)
            .json(body)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        if let Err(error) = sent {
            tracing::warn!(error = %error.without_url(), "the simulated guests' gateway was refused");
        }
    }
}

fn seconds(range: std::ops::RangeInclusive<u64>) -> Duration {
    Duration::from_secs(rand::rng().random_range(range))
}

fn language(guest: &str) -> &'static str {
    let guest = GUESTS.iter().find(|each| each.key == guest);
    guest.and_then(|guest| guest.language.split('-').next()).unwrap_or("en")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{demo::past::past, protocol::ConversationStatus};

    #[test]
    fn every_script_and_story_has_its_guest_and_department() {
        let departments = ["reception", "housekeeping", "room_service", "restaurant", "management"];
        let known: HashSet<_> = GUESTS.iter().map(|guest| guest.key).collect();
        assert_eq!(known.len(), GUESTS.len());
        let scripts = SCRIPTS.iter().map(|script| (script.guest, script.department));
        let past = past().unwrap();
        let stories = past.iter().map(|story| (story.guest.as_str(), story.department.as_str()));
        for (guest, department) in scripts.chain(stories) {
            assert!(known.contains(guest), "{guest}");
            assert!(departments.contains(&department), "{department}");
        }
    }

    #[test]
    fn no_guest_has_two_open_stories_in_one_department() {
        let open: Vec<_> = past()
            .unwrap()
            .into_iter()
            .filter(|story| story.status == ConversationStatus::Active)
            .map(|story| (story.guest, story.department))
            .collect();
        assert_eq!(open.iter().collect::<HashSet<_>>().len(), open.len());
    }
}
