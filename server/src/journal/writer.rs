//! Takes what waits, has the rules applied, writes it with few statements and commits once.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    chat::{Change, Moment, Working},
    clock::Clock,
    data_files::DataFiles,
    protocol::CommandError,
    store::{
        self, StoreError, audit, backup,
        lookups::{self, NextIds},
        writes,
    },
    telemetry::Metrics,
};

use super::{Committed, CommittedBatch, Done, Outcome, Reply, State, Waiting, Write, batch};

/// Most changes in one transaction: enough for full speed, few enough for an answer in time.
const BATCH_CHANGES: usize = 256;

/// Conversations and staff kept in memory between batches; beyond this all are forgotten.
pub(crate) const KEPT_CONVERSATIONS: usize = 20_000;

/// How often a writer that failed tries whether storage is back.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// What the writer needs beside its connection.
#[derive(Debug)]
pub struct Parts {
    /// Where the database is.
    pub data_dir: PathBuf,
    /// Its files, as they were opened.
    pub files: Arc<DataFiles>,
    /// Where the time comes from.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The next free ids.
    pub next_ids: NextIds,
}

/// The task that owns the writing connection.
pub struct Writer {
    connection: SqliteConnection,
    waiting: mpsc::Receiver<Waiting>,
    stopping: CancellationToken,
    committed: mpsc::Sender<CommittedBatch>,
    state: Arc<State>,
    parts: Parts,
    moment: Moment,
    working: Working,
}

impl Writer {
    pub(super) fn new(
        connection: SqliteConnection,
        parts: Parts,
        (waiting, stopping): (mpsc::Receiver<Waiting>, CancellationToken),
        committed: mpsc::Sender<CommittedBatch>,
        state: Arc<State>,
    ) -> Self {
        let moment = Moment {
            now: parts.clock.now(),
            next_message_id: parts.next_ids.message,
            next_conversation_id: parts.next_ids.conversation,
            next_line_id: parts.next_ids.line,
            next_seq: parts.next_ids.event,
        };
        let working = Working::default();
        Self { connection, waiting, stopping, committed, state, parts, moment, working }
    }

    /// Runs until the journal is stopped and everything that waited is written.
    pub async fn run(mut self) {
        let mut taken = Vec::with_capacity(BATCH_CHANGES);
        loop {
            let count = tokio::select! {
                biased;
                count = self.waiting.recv_many(&mut taken, BATCH_CHANGES) => count,
                () = self.stopping.cancelled(), if !self.waiting.is_closed() => {
                    // What waits is still carried out; then `recv_many` gives nothing more.
                    self.waiting.close();
                    continue;
                }
                () = tokio::time::sleep(PROBE_INTERVAL), if !self.is_healthy() => {
                    self.probe().await;
                    continue;
                }
            };
            if count == 0 {
                break;
            }
            self.moment.now = self.parts.clock.now();
            let mut changes = Vec::with_capacity(taken.len());
            for waiting in taken.drain(..) {
                match waiting {
                    Waiting::Change { change, reply } => changes.push((change, reply)),
                    Waiting::Write(write) => {
                        self.write_changes(std::mem::take(&mut changes)).await;
                        self.write(write).await;
                    }
                    Waiting::FoldJournal(answer) => {
                        self.write_changes(std::mem::take(&mut changes)).await;
                        let folded = backup::fold_journal_at_once(&mut self.connection).await;
                        if let Err(error) = &folded {
                            tracing::debug!(%error, "the journal file cannot be emptied yet");
                        }
                        // The caller may be gone.
                        let _ = answer.send(folded.is_ok());
                    }
                }
            }
            self.write_changes(changes).await;
        }
        // The last connection to go folds the journal file back into the database.
        let _ = self.connection.close().await;
    }

    fn is_healthy(&self) -> bool {
        self.state.healthy.load(Ordering::Relaxed)
    }

    fn is_in_place(&self) -> bool {
        self.state.in_place.load(Ordering::Relaxed)
    }

    async fn write_changes(&mut self, changes: Vec<(Change, Reply)>) {
        if changes.is_empty() {
            return;
        }
        let size = changes.len();
        let started = Instant::now();
        let (done, stored) = if self.is_in_place() {
            match self.apply(&changes).await {
                Ok(results) => (results, true),
                Err(error) => {
                    self.failed(&error).await;
                    (Vec::new(), false)
                }
            }
        } else {
            (Vec::new(), false)
        };
        let events = std::mem::take(&mut self.working.writes.events);
        let to_deliver = std::mem::take(&mut self.working.writes.to_deliver);
        let wrote = stored && !events.is_empty();
        let mut results = done.into_iter();
        let done = changes
            .into_iter()
            .map(|(change, reply)| {
                let (result, events) = results.next().unwrap_or_else(|| {
                    let error = match change {
                        // It is not storage that is in the way.
                        Change::Refuse(error) => error,
                        _ => CommandError::Unavailable,
                    };
                    (Err(error.into()), 0..0)
                });
                Done { reply, result, events }
            })
            .collect();
        let too_many = self.working.conversations.len() > KEPT_CONVERSATIONS;
        self.working.forget(too_many || !stored);
        if wrote {
            self.parts.metrics.count_commit(started.elapsed(), size);
        }
        self.publish(Committed::Changes(done, events)).await;
        if stored {
            self.state.deliver(to_deliver);
        }
    }

    /// Applies and commits a batch; gives each change's result and its events.
    async fn apply(
        &mut self,
        changes: &[(Change, Reply)],
    ) -> Result<Vec<batch::Applied>, StoreError> {
        let mut batch = batch::Batch {
            writer: &mut self.connection,
            working: &mut self.working,
            moment: &mut self.moment,
            in_transaction: false,
        };
        batch.load(changes.iter().map(|(change, _)| change)).await?;
        let mut results = Vec::with_capacity(changes.len());
        for (change, _) in changes {
            results.push(batch.apply(change).await?);
        }
        let wrote = batch.commit().await?;
        if wrote {
            self.state.healthy.store(true, Ordering::Relaxed);
        }
        Ok(results)
    }

    async fn write(&mut self, write: Write) {
        if !self.is_in_place() {
            // The waiting task sees its answer's sender dropped and takes that for `unavailable`.
            return;
        }
        let outcome = async {
            writes::begin(&mut self.connection).await?;
            let Some(outcome) = write(&mut self.connection).await else {
                writes::rollback(&mut self.connection).await;
                return Ok(None);
            };
            audit::append(&mut self.connection, &outcome.entries, self.moment.now).await?;
            writes::commit(&mut self.connection).await?;
            Ok::<_, StoreError>(Some(outcome))
        }
        .await;
        // It may have renamed a guest or moved a person: what is kept in memory could be stale.
        self.working.forget(true);
        match outcome {
            Ok(Some(Outcome { effects, finish, .. })) => {
                self.state.healthy.store(true, Ordering::Relaxed);
                self.skip_used_ids().await;
                self.publish(Committed::Effects(effects, finish)).await;
            }
            Ok(None) => {}
            // The sender of the answer is dropped, which the waiting task reports as `unavailable`.
            Err(error) => self.failed(&error).await,
        }
    }

    async fn publish(&self, committed: Committed) {
        // The publisher outlives the writer.
        let _ = self.committed.send(CommittedBatch(committed)).await;
    }

    /// Storage failed: nothing of the batch was stored. The connection may be in any state, so it is
    /// replaced.
    async fn failed(&mut self, error: &StoreError) {
        self.state.healthy.store(false, Ordering::Relaxed);
        self.parts.metrics.count_failed_commit();
        tracing::error!(%error, "a batch could not be stored; its senders get an error");
        writes::rollback(&mut self.connection).await;
        self.working.forget(true);
        if !self.parts.files.are_in_place() {
            // Opening the database again would create an empty one or write into another one.
            return;
        }
        match store::open_writer(&self.parts.data_dir).await {
            Ok(fresh) => {
                let old = std::mem::replace(&mut self.connection, fresh);
                let _ = old.close().await;
            }
            Err(error) => tracing::error!(%error, "the database could not be opened again"),
        }
    }

    /// Tries whether storage works again.
    async fn probe(&mut self) {
        if !self.is_in_place() {
            return;
        }
        match writes::probe_room(&mut self.connection, self.parts.clock.now()).await {
            Ok(()) => {
                tracing::info!("storage works again");
                self.state.healthy.store(true, Ordering::Relaxed);
                self.skip_used_ids().await;
            }
            Err(error) => self.failed(&error).await,
        }
    }

    /// Goes on after the ids that others gave out: any other write may write messages too.
    async fn skip_used_ids(&mut self) {
        match lookups::next_ids(&mut self.connection).await {
            Ok(next) => {
                let moment = &mut self.moment;
                moment.next_message_id = moment.next_message_id.max(next.message);
                moment.next_conversation_id = moment.next_conversation_id.max(next.conversation);
                moment.next_line_id = moment.next_line_id.max(next.line);
                moment.next_seq = moment.next_seq.max(next.event);
            }
            Err(error) => self.failed(&error).await,
        }
    }
}
