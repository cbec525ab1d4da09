//! The one writer. Many waiting changes become one transaction; after its commit, and only then, the
//! publisher sends each acknowledgment and each event, in commit order.
//!
//! ```text
//! submit / write ──▶ queue ──▶ writer: apply rules, write, commit ──▶ committed ──▶ publisher ──▶ hub
//! ```

mod batch;
mod publisher;
mod replies;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    audit::Entry,
    chat::{Answer, Change, Event, Refused, ToDeliver},
    hub::{Connection, Effect, lock},
    property_turns::Turn,
    protocol::{CommandError, Frame, Id, Named},
    store::StoreError,
};

pub use publisher::Publisher;
#[cfg(test)]
pub(crate) use writer::KEPT_CONVERSATIONS;
pub use writer::{Parts as WriterParts, Writer};

/// Number of changes that may wait for the writer. When it is reached, the sender of the next change waits.
pub(crate) const QUEUE_CHANGES: usize = 4096;

/// Number of committed batches that may wait for the publisher. When it is reached, the writer waits.
const QUEUE_COMMITTED: usize = 64;

/// Hands changes to the writer.
#[derive(Clone, Debug)]
pub struct Journal {
    queue: mpsc::Sender<Waiting>,
    state: Arc<State>,
    stopping: CancellationToken,
}

/// The state of the writer that others may read.
#[derive(Debug)]
struct State {
    healthy: AtomicBool,
    /// Whether the database is the one in the data directory. Nothing is written while it is not: it would be lost.
    in_place: AtomicBool,
    /// What the commits since the outbox last asked have to send.
    to_deliver: Mutex<ToDeliver>,
    /// Woken when there is something.
    deliveries: Notify,
}

impl State {
    fn deliver(&self, more: ToDeliver) {
        if !more.is_empty() {
            lock(&self.to_deliver).add(more);
            self.deliveries.notify_one();
        }
    }
}

/// One entry of the writer's queue.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every entry is a change: a box would cost each one"
)]
enum Waiting {
    Change {
        change: Change,
        reply: Reply,
    },
    Write(Write),
    /// Empties SQLite's journal file, outside of any transaction; the answer is whether it worked.
    FoldJournal(oneshot::Sender<bool>),
}

/// Any other write, without its types: runs inside the open transaction. `None`: it was refused, the caller
/// has its answer, and the transaction must be rolled back.
type Write =
    Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Option<Outcome>> + Send>;

/// What remains to be done for such a write: log these entries in the same transaction, commit, then
/// answer.
struct Outcome {
    entries: Vec<Entry>,
    effects: Vec<Effect>,
    finish: Finish,
}

/// Informs the caller that the write is committed.
type Finish = Box<dyn FnOnce() + Send>;

/// Where the answer to a change goes.
pub(crate) enum Reply {
    /// Frames, into the queue of the connection that sent it.
    Connection { connection: Arc<Connection>, sent: Sent },
    /// A waiting task.
    Caller(oneshot::Sender<Result<Answer, Refused>>),
}

/// What a connection sent, as its answer and the metrics name it.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The command's name; `unknown` for what was refused unread.
    pub(crate) command: &'static str,
    /// What the frame named.
    pub(crate) named: Named,
    /// The turn of a `resume`, which ends when it is answered.
    #[expect(dead_code, reason = "it ends when this is dropped")]
    pub(crate) turn: Option<Turn>,
}

/// What the publisher gets, in commit order.
enum Committed {
    Changes(Vec<Done>, Vec<Event>),
    Effects(Vec<Effect>, Finish),
}

/// One change that was carried out or refused, and which of the batch's events are its own.
struct Done {
    reply: Reply,
    result: Result<Answer, Refused>,
    events: std::ops::Range<usize>,
}

/// The result of a write. Each write must state whether it is recorded in the audit log.
#[derive(Debug)]
pub struct Written<T> {
    value: T,
    entries: Vec<Entry>,
    effects: Vec<Effect>,
}

impl<T> Written<T> {
    /// A write with entries in the audit log, in the same transaction.
    pub(crate) fn logged(value: T, entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { value, entries: entries.into_iter().collect(), effects: Vec::new() }
    }

    /// A write without an entry in the audit log.
    pub(crate) const fn quiet(value: T) -> Self {
        Self { value, entries: Vec::new(), effects: Vec::new() }
    }

    /// The same, with effects on live connections after the commit.
    pub(crate) fn telling(mut self, effects: impl IntoIterator<Item = Effect>) -> Self {
        self.effects.extend(effects);
        self
    }
}

/// Why a write did not happen. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    /// The write itself gave up.
    #[error(transparent)]
    Refused(E),
    /// Storage failed.
    #[error("Not saved, please try again")]
    Unavailable,
}

impl Journal {
    /// A journal and the two tasks that must run for it.
    pub(crate) fn new(
        writer: SqliteConnection,
        parts: writer::Parts,
    ) -> (Self, Writer, mpsc::Receiver<CommittedBatch>) {
        let (queue, waiting) = mpsc::channel(QUEUE_CHANGES);
        let (committed, batches) = mpsc::channel(QUEUE_COMMITTED);
        let state = Arc::new(State {
            healthy: AtomicBool::new(true),
            in_place: AtomicBool::new(true),
            to_deliver: Mutex::default(),
            deliveries: Notify::new(),
        });
        let stopping = CancellationToken::new();
        let writer =
            Writer::new(writer, parts, (waiting, stopping.clone()), committed, Arc::clone(&state));
        (Self { queue, state, stopping }, writer, batches)
    }

    /// Carries out a change and returns once it is on disk and told.
    ///
    /// # Errors
    /// Why it was refused; [`CommandError::Unavailable`] when storage failed or the server stops.
    pub async fn submit(&self, change: Change) -> Result<Answer, Refused> {
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting::Change { change, reply: Reply::Caller(reply) };
        if self.queue.send(waiting).await.is_err() {
            return Err(CommandError::Unavailable.into());
        }
        answer.await.unwrap_or(Err(CommandError::Unavailable.into()))
    }

    /// Carries out a connection's command: the answer goes into its queue, before any event of it.
    pub(crate) async fn submit_for(&self, connection: Arc<Connection>, sent: Sent, change: Change) {
        let reply = Reply::Connection { connection, sent };
        if let Err(mpsc::error::SendError(Waiting::Change { reply, .. })) =
            self.queue.send(Waiting::Change { change, reply }).await
            && let Reply::Connection { connection, sent } = reply
        {
            let error = sent.named.error(CommandError::Unavailable);
            connection.send(&Frame::Error(error));
        }
    }

    /// Carries out any other write: alone, in a transaction of its own, in the same order as everything
    /// else.
    ///
    /// # Errors
    /// The write's own error, or [`WriteError::Unavailable`] when storage failed.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, WriteError<E>>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<Written<T>, E>>
            + Send
            + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let write: Write = Box::new(move |writer| {
            Box::pin(async move {
                match work(writer).await {
                    Ok(Written { value, entries, effects }) => {
                        // The caller may be gone; the write is valid anyway.
                        let finish: Finish = Box::new(move || drop(answer.send(Ok(value))));
                        Some(Outcome { entries, effects, finish })
                    }
                    Err(error) => {
                        drop(answer.send(Err(WriteError::Refused(error))));
                        None
                    }
                }
            })
        });
        if self.queue.send(Waiting::Write(write)).await.is_err() {
            return Err(WriteError::Unavailable);
        }
        result.await.unwrap_or(Err(WriteError::Unavailable))
    }

    /// Empties SQLite's journal file, which holds older versions of pages. Returns whether it worked; it does
    /// not while another connection reads.
    pub async fn fold_journal(&self) -> bool {
        let (answer, result) = oneshot::channel();
        self.queue.send(Waiting::FoldJournal(answer)).await.is_ok() && result.await.unwrap_or(false)
    }

    /// Accepts no more changes; those that wait are still carried out.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Whether the journal accepts no more changes.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Whether the last attempt to write succeeded.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.is_in_place() && self.state.healthy.load(Ordering::Relaxed)
    }

    /// Sets whether the database is still the one in the data directory. While it is not, nothing is written.
    pub(crate) fn set_in_place(&self, is_in_place: bool) {
        let was_in_place = self.state.in_place.swap(is_in_place, Ordering::Relaxed);
        if was_in_place && !is_in_place {
            tracing::error!(
                "the database was removed or replaced while the server runs: nothing is saved any more; stop the \
                 server, put the data directory back or restore a backup, and start the server again"
            );
        } else if !was_in_place && is_in_place {
            tracing::warn!("the database is back in the data directory");
        }
    }

    /// Whether the database is still the one in the data directory.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.state.in_place.load(Ordering::Relaxed)
    }

    /// Changes that wait for the writer.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Free places in the writer's queue.
    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.queue.capacity()
    }

    /// Waits until there may be replies to send, and says which.
    pub async fn deliveries_added(&self) -> ToDeliver {
        loop {
            let to_deliver = std::mem::take(&mut *lock(&self.state.to_deliver));
            if !to_deliver.is_empty() {
                return to_deliver;
            }
            self.state.deliveries.notified().await;
        }
    }

    /// Has the outbox look for replies that leave through these gateways.
    pub(crate) fn deliver_through(&self, gateways: BTreeSet<Id>) {
        self.state.deliver(ToDeliver { gateways, ..ToDeliver::default() });
    }
}

/// A committed batch, opaque to everybody but the publisher.
pub struct CommittedBatch(Committed);
