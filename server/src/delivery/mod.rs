//! Replies on their way out: a durable outbox, emptied in order per conversation, several conversations and all
//! gateways at a time.

pub(crate) mod address;
mod lanes;
pub(crate) mod request;

use std::{collections::HashMap, time::Duration};

use rand::RngExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use address::AddressRules;
pub(crate) use request::{Clients, client};

use crate::{
    app::App,
    chat::{Change, DeliveryNews, GatewayError, GatewayHealth},
    protocol::{DeliveryReason, Id, Timestamp},
    store::{
        StoreError,
        deliveries::{self, Due},
    },
};

use lanes::{Ending, Lanes, retry_pause};
use request::NotAccepted;

/// Replies that are on their way at the same time through all gateways; more wait.
const AT_ONCE: usize = 1_024;

/// Age at which a reply that its gateway does not accept is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_hours(7 * 24);

/// A reply that is not tried any more is given up so much later, so that one whose last attempt is still under way is given
/// up with the result of that attempt.
const UNTRIED_GRACE: Duration = Duration::from_hours(1);

/// How long after the end of a stay a reply to its guest still waits for a way.
const WAITS_AFTER_STAY: Duration = Duration::from_mins(10);

/// How often the worker looks for replies whose wait is over.
const ENDING_INTERVAL: Duration = Duration::from_secs(30);

/// Replies whose wait is ended in one transaction: other changes wait for it.
const ENDED_AT_ONCE: u32 = 200;

/// Pause after the outbox itself could not be read or written.
const STORAGE_PAUSE: Duration = Duration::from_secs(1);

/// Longest time between two searches of the database for gateways with replies.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// One finished attempt: the message and, when it was not accepted, why.
struct Attempt {
    due: Due,
    result: Result<(), NotAccepted>,
}

/// Delivers until told to stop, then waits for what is on its way. What is cut off all the same is
/// sent again at the next start: the `delivery_id` tells the gateway that it is the same.
pub(crate) async fn run(app: App, clients: Clients, stopping: CancellationToken) {
    let mut worker = Worker {
        app,
        clients,
        attempts: JoinSet::new(),
        lanes: Lanes::default(),
        looked_at: None,
        waits_ended_at: None,
    };
    worker.work(&stopping).await;
    while let Some(finished) = worker.attempts.join_next().await {
        worker.finish(finished).await;
    }
}

struct Worker {
    app: App,
    clients: Clients,
    attempts: JoinSet<Attempt>,
    lanes: Lanes,
    /// How much time had passed when the worker last looked for gateways with replies.
    looked_at: Option<Duration>,
    /// When the worker last looked for replies whose wait is over.
    waits_ended_at: Option<Timestamp>,
}

impl Worker {
    /// Starts and finishes until told to stop. The request to stop is only looked at between two steps: an
    /// attempt whose outcome is being written down must not be forgotten, or its reply is sent twice.
    async fn work(&mut self, stopping: &CancellationToken) {
        while !stopping.is_cancelled() {
            let sleep = match self.start_due().await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::error!(%error, "the outbox cannot be read; trying again");
                    STORAGE_PAUSE
                }
            };
            tokio::select! {
                Some(finished) = self.attempts.join_next() => self.finish(finished).await,
                more = self.app.journal.deliveries_added() => {
                    self.lanes.look_at(more.gateways);
                    for (gateway_id, conversation_id) in more.retried {
                        self.lanes.retry(gateway_id, conversation_id);
                    }
                }
                () = tokio::time::sleep(sleep) => {}
                () = stopping.cancelled() => {}
            }
        }
    }

    /// Starts what may leave; returns how long there is nothing more to start.
    async fn start_due(&mut self) -> Result<Duration, StoreError> {
        self.end_waits(self.app.clock.now()).await?;
        let now = self.app.clock.passed();
        if self.looked_at.is_none_or(|at| now.saturating_sub(at) >= LONGEST_SLEEP) {
            let gateways = deliveries::gateways_with_replies(&self.app.store).await?;
            self.lanes.look_at(gateways);
            self.looked_at = Some(now);
        }
        for wanted in self.lanes.wanted(now) {
            let free = AT_ONCE.saturating_sub(self.attempts.len());
            let limit = wanted.slots.min(free);
            if limit == 0 {
                break;
            }
            let (only, except) = (wanted.only.as_deref(), wanted.except.as_slice());
            let due = deliveries::due(&self.app.store, wanted.gateway_id, (only, except), limit);
            let due = due.await?;
            self.lanes.found(&wanted, due.len());
            for due in due {
                if !self.lanes.begin(due.gateway_id, due.conversation_id) {
                    continue;
                }
                let (clients, clock) = (self.clients.clone(), self.app.clock.clone());
                self.attempts.spawn(async move {
                    let result = clients.send(&due, clock.now()).await;
                    Attempt { due, result }
                });
            }
        }
        let next = self.lanes.next_end();
        Ok(next.map_or(LONGEST_SLEEP, |end| end.saturating_sub(now).min(LONGEST_SLEEP)))
    }

    /// Ends the wait of replies that had no way to their guest, or whose gateway did not answer, for too long; not while
    /// the date cannot be relied on.
    async fn end_waits(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.app.clock_watch.trusted_now().is_none() {
            return Ok(());
        }
        let looked_lately = |at: Timestamp| at <= now && now.since(at) < ENDING_INTERVAL;
        if self.waits_ended_at.is_some_and(looked_lately) {
            return Ok(());
        }
        let store = &self.app.store;
        let ended = deliveries::ended_waits(store, now, WAITS_AFTER_STAY, ENDED_AT_ONCE).await?;
        // A gateway that does not answer is tried with one reply at a time: the others are not tried any more.
        let silent = self.lanes.silent();
        let before = now.minus(GIVEN_UP_AFTER + UNTRIED_GRACE);
        let given_up = deliveries::overdue(store, &silent, before, ENDED_AT_ONCE).await?;
        let given_up = given_up.into_iter().map(|(id, error)| {
            self.app.metrics.count_delivery("failed");
            let reason =
                error.unwrap_or_else(|| "the gateway did not accept it for 7 days".to_owned());
            (id, DeliveryNews::Failed { code: DeliveryReason::GaveUp, reason })
        });
        if ended.is_empty() && given_up.len() == 0 {
            self.waits_ended_at = Some(now);
            return Ok(());
        }
        let news = ended.into_iter().map(|(id, why)| (id, DeliveryNews::Ended(why)));
        let news = news.chain(given_up).collect();
        // What could not be stored is found again at the next look.
        if let Err(error) =
            self.app.journal.submit(Change::Deliveries { news, health: vec![] }).await
        {
            tracing::warn!(%error, "replies that have waited too long could not be marked as not delivered");
        }
        Ok(())
    }

    /// Notes the outcome of a finished attempt and of all others that have finished by now.
    async fn finish(&mut self, first: Result<Attempt, tokio::task::JoinError>) {
        let mut finished = vec![first];
        while let Some(another) = self.attempts.try_join_next() {
            finished.push(another);
        }
        let (now, passed) = (self.app.clock.now(), self.app.clock.passed());
        let mut news = Vec::with_capacity(finished.len());
        let mut health = HashMap::new();
        let mut endings = Vec::with_capacity(finished.len());
        for attempt in finished {
            match attempt {
                Ok(Attempt { due, result }) => {
                    if let Some(seen) = health_of(&due, &result, now) {
                        health.insert(seen.gateway_id, seen);
                    }
                    let (what, ending) = self.news(&due, result, now);
                    news.push((due.message_id, what));
                    endings.push(((due.gateway_id, due.conversation_id), ending));
                }
                // A bug: it stays busy until the next start rather than being sent in a circle.
                Err(error) => tracing::error!(%error, "a delivery task failed"),
            }
        }
        self.record(news, health.into_values().collect()).await;
        for (reply, ending) in endings {
            self.lanes.end(reply, ending, passed);
        }
    }

    /// Whether a reply is given up because of its age; none is while the date cannot be relied on.
    fn is_too_old(&self, due: &Due) -> bool {
        let now = self.app.clock_watch.trusted_now();
        now.is_some_and(|now| now.since(due.created_at) >= GIVEN_UP_AFTER)
    }

    fn news(
        &self,
        due: &Due,
        result: Result<(), NotAccepted>,
        now: Timestamp,
    ) -> (DeliveryNews, Ending) {
        let (message_id, gateway_id) = (due.message_id, due.gateway_id);
        let Err(refused) = result else {
            self.app.metrics.count_delivery("sent");
            tracing::debug!(message_id, "sent");
            return (DeliveryNews::Accepted, Ending::Answered);
        };
        let (error, attempts) = (&refused.reason, due.attempts + 1);
        let pause = retry_pause(due.attempts, rand::rng().random_range(0.0..1.0));
        let (code, ending) = if let Some(code) = refused.final_reason() {
            (code, Ending::Answered)
        } else if self.is_too_old(due) {
            (DeliveryReason::GaveUp, Ending::Later(pause))
        } else {
            self.app.metrics.count_delivery("retried");
            let again_at = now.plus(pause);
            tracing::warn!(
                message_id, gateway_id, attempts, %again_at, %error,
                "a gateway did not accept a reply; it is tried again"
            );
            let news = DeliveryNews::NotAccepted { error: refused.reason, again_at };
            return (news, Ending::Later(pause));
        };
        self.app.metrics.count_delivery("failed");
        tracing::error!(message_id, gateway_id, attempts, ?code, %error, "a reply has failed");
        (DeliveryNews::Failed { code, reason: refused.reason }, ending)
    }

    /// Writes outcomes down, however long storage takes: forgetting one would send it twice.
    async fn record(&self, news: Vec<(Id, DeliveryNews)>, health: Vec<GatewayHealth>) {
        let change = Change::Deliveries { news, health };
        while let Err(error) = self.app.journal.submit(change.clone()).await {
            tracing::warn!(%error, "the result of a delivery cannot be stored; trying again");
            tokio::time::sleep(STORAGE_PAUSE).await;
        }
    }
}

/// What an attempt shows about the state of its gateway. Returns `None` if that is already stored.
fn health_of(due: &Due, result: &Result<(), NotAccepted>, at: Timestamp) -> Option<GatewayHealth> {
    let gateway_id = due.gateway_id;
    match result {
        Ok(()) if due.gateway_refuses => {
            Some(GatewayHealth { gateway_id, error: None, refuses: None })
        }
        Ok(()) => None,
        Err(refused) => Some(GatewayHealth {
            gateway_id,
            error: Some(GatewayError {
                status: refused.status,
                reason: refused.reason.clone(),
                at,
            }),
            refuses: refused.refuses_all(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{Router, http::StatusCode};
    use tokio::sync::Notify;

    use super::*;
    use crate::{app::Holder, config::Config, demo, journal::Written};

    /// Waits for something that nobody announces.
    async fn until(mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_outcome_is_written_down_also_when_the_server_stops_meanwhile() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = tempfile::tempdir().unwrap();
        let app = App::open(Config::new(directory.path()), Holder::Server).await.unwrap();
        demo::fill_if_empty(&app).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().fallback(async || StatusCode::NO_CONTENT);
        let gateway = tokio::spawn(async { axum::serve(listener, router).await });
        let reply = app.journal.write(move |writer| {
            Box::pin(async move {
                sqlx::query("update gateway set callback_url = ?1").bind(url).execute(&mut *writer).await.unwrap();
                sqlx::query(
                    "insert into delivery
                        (message_id, id, conversation_id, gateway_id, channel, state, at, next_attempt_at)
                     select m.id, 'reply', m.conversation_id, g.id, 'gateway', 'stored', 0, 0
                     from message m, gateway g where m.staff_id is not null order by m.id limit 1",
                )
                .execute(writer)
                .await
                .unwrap();
                Ok::<_, StoreError>(Written::quiet(()))
            })
        });
        reply.await.unwrap();
        // The writer is busy, and so many wait for it that the outcome has to wait outside.
        let release = Arc::new(Notify::new());
        let (holding, held) = (Arc::clone(&release), Arc::new(Notify::new()));
        let is_held = Arc::clone(&held);
        let mut crowd = JoinSet::new();
        let journal = app.journal.clone();
        crowd.spawn(async move {
            let write = journal.write(move |_| {
                Box::pin(async move {
                    is_held.notify_one();
                    holding.notified().await;
                    Ok::<_, StoreError>(Written::quiet(()))
                })
            });
            write.await.unwrap();
        });
        held.notified().await;
        let places = app.journal.places();
        for _ in 0..places {
            let journal = app.journal.clone();
            crowd.spawn(async move {
                let write =
                    journal.write(|_| Box::pin(async { Ok::<_, StoreError>(Written::quiet(())) }));
                write.await.unwrap();
            });
        }
        until(|| app.journal.queued() == places).await;
        let stopping = CancellationToken::new();
        let rules = AddressRules { loopback: false, networks: vec![] };
        let clients = Clients::new(rules).unwrap();
        let worker = tokio::spawn(run(app.clone(), clients, stopping.clone()));
        let is_counted = || {
            let text = app.metrics.encode().unwrap_or_default();
            text.lines().any(|line| line.contains("\"sent\"") && line.ends_with(" 1"))
        };
        until(is_counted).await;
        stopping.cancel();
        tokio::task::yield_now().await;
        release.notify_one();
        worker.await.unwrap();
        while crowd.join_next().await.is_some() {}
        let state: String = sqlx::query_scalar("select state from delivery")
            .fetch_one(app.store.pool())
            .await
            .unwrap();
        assert_eq!(state, "sent");
        gateway.abort();
        app.close().await;
    }
}
