//! The frames that wait for one connection: bounded in frames and bytes, so that a slow reader costs
//! only itself.

use std::{collections::VecDeque, sync::Mutex};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

use crate::protocol::{CloseCode, Id};

use super::{
    Replay,
    backlog::{Backlog, OWN_BYTES},
    lock,
};

/// Frames that may wait; one more and the reader counts as too slow.
pub const QUEUE_MAX_FRAMES: usize = 4096;

/// Bytes that may wait: texts, and what the entries themselves take.
pub const QUEUE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Bytes that each entry takes beside what it refers to.
const ENTRY_BYTES: usize = size_of::<Outgoing>();

/// Something for the connection's task to do, in order.
#[derive(Debug)]
pub enum Outgoing {
    /// Send this.
    Frame(Utf8Bytes),
    /// Tell what was missed from here on, and nothing of an earlier replay any more.
    Replay(Replay),
    /// Tell nothing of an earlier replay any more: the connection is live.
    Live,
    /// Send this; from here on a replay tells a conversation as to a subscriber (of what comes after
    /// the event in `since`), or no longer.
    Subscription { acknowledgment: Utf8Bytes, conversation_id: Id, since: Option<i64> },
}

impl Outgoing {
    /// Bytes that it takes.
    fn size_bytes(&self) -> usize {
        let refers_to = match self {
            Self::Frame(frame) | Self::Subscription { acknowledgment: frame, .. } => {
                frame.as_str().len()
            }
            Self::Replay(replay) => replay.size_bytes(),
            Self::Live => 0,
        };
        ENTRY_BYTES + refers_to
    }

    /// Whether it makes the replays before it meaningless.
    const fn ends_replays(&self) -> bool {
        matches!(self, Self::Replay(_) | Self::Live)
    }
}

/// The queue of one connection.
#[derive(Debug)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    /// Where memory comes from beyond the queue's own.
    backlog: Backlog,
    /// Wakes the task when it has nothing to do.
    wake: Notify,
    /// Wakes it also while it writes: the reader may stand still for ever.
    closing: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    outgoing: VecDeque<Outgoing>,
    size_bytes: usize,
    /// Bytes that the task has taken and is writing.
    writing_bytes: usize,
    /// Bytes of the shared memory that are in use.
    borrowed_bytes: usize,
    state: State,
    /// A wake-up was promised: until it comes, nothing that is added needs another one.
    will_be_woken: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Open,
    /// Nothing is added any more.
    Closing(CloseCode),
}

impl Waiting {
    /// Bytes that are needed beyond those of the connection itself.
    const fn borrows(&self) -> usize {
        self.size_bytes.saturating_sub(OWN_BYTES) + self.writing_bytes.saturating_sub(OWN_BYTES)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.backlog.give_back(lock(&self.waiting).borrowed_bytes);
    }
}

impl Queue {
    /// An empty queue.
    pub(super) fn new(backlog: Backlog) -> Self {
        Self { waiting: Mutex::default(), backlog, wake: Notify::new(), closing: Notify::new() }
    }

    /// Adds something and wakes the task; a full queue closes the connection instead. Nothing is added
    /// once it closes.
    pub fn push(&self, outgoing: Outgoing) {
        self.add(&mut lock(&self.waiting), outgoing);
        self.wake.notify_one();
    }

    /// Adds something without waking the task, and returns whether the caller must call
    /// [`Queue::wake`]: `false` where an earlier caller was told so and has not done it yet.
    #[must_use]
    pub(super) fn push_asleep(&self, outgoing: Outgoing) -> bool {
        let mut waiting = lock(&self.waiting);
        self.add(&mut waiting, outgoing);
        !std::mem::replace(&mut waiting.will_be_woken, true)
    }

    /// Wakes the task, so that it writes what was added.
    pub(super) fn wake(&self) {
        lock(&self.waiting).will_be_woken = false;
        self.wake.notify_one();
    }

    fn add(&self, waiting: &mut Waiting, outgoing: Outgoing) {
        if matches!(waiting.state, State::Closing(_)) {
            return;
        }
        if outgoing.ends_replays() {
            waiting.outgoing.retain(|each| {
                let is_replay = matches!(each, Outgoing::Replay(_));
                if is_replay {
                    waiting.size_bytes -= each.size_bytes();
                }
                !is_replay
            });
        }
        waiting.size_bytes += outgoing.size_bytes();
        let is_full =
            waiting.outgoing.len() >= QUEUE_MAX_FRAMES || waiting.size_bytes > QUEUE_MAX_BYTES;
        if is_full || !self.borrow(waiting) {
            waiting.outgoing = VecDeque::new();
            waiting.size_bytes = 0;
            waiting.state = State::Closing(CloseCode::TooSlow);
            self.give_back(waiting);
            self.closing.notify_one();
        } else {
            waiting.outgoing.push_back(outgoing);
        }
    }

    /// Has as much of the shared memory as the queue needs now. Returns `false` where there is no more.
    fn borrow(&self, waiting: &mut Waiting) -> bool {
        let needed = waiting.borrows();
        let has_room =
            needed <= waiting.borrowed_bytes || self.backlog.take(needed - waiting.borrowed_bytes);
        if has_room {
            waiting.borrowed_bytes = waiting.borrowed_bytes.max(needed);
        }
        has_room
    }

    /// Gives back what the queue does not need any more.
    fn give_back(&self, waiting: &mut Waiting) {
        let spare = waiting.borrowed_bytes.saturating_sub(waiting.borrows());
        if spare > 0 {
            waiting.borrowed_bytes -= spare;
            self.backlog.give_back(spare);
        }
    }

    /// Closes the connection once what waits has been sent.
    pub fn close(&self, code: CloseCode) {
        let mut waiting = lock(&self.waiting);
        if matches!(waiting.state, State::Open) {
            waiting.state = State::Closing(code);
        }
        drop(waiting);
        self.closing.notify_one();
        self.wake.notify_one();
    }

    /// Everything that waits, at once; then why the connection must close, if it must. What is taken counts until
    /// [`Queue::written`].
    pub fn take(&self) -> (VecDeque<Outgoing>, Option<CloseCode>) {
        let mut waiting = lock(&self.waiting);
        waiting.writing_bytes += std::mem::take(&mut waiting.size_bytes);
        let outgoing = std::mem::take(&mut waiting.outgoing);
        (outgoing, waiting.state.code())
    }

    /// What was taken has been written.
    pub fn written(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.writing_bytes = 0;
        self.give_back(&mut waiting);
    }

    /// Waits until the connection must close, and says why.
    pub async fn must_close(&self) -> CloseCode {
        loop {
            let code = lock(&self.waiting).state.code();
            match code {
                Some(code) => return code,
                None => self.closing.notified().await,
            }
        }
    }

    /// Waits until the task was woken.
    pub async fn ready(&self) {
        self.wake.notified().await;
    }
}

impl State {
    const fn code(self) -> Option<CloseCode> {
        match self {
            Self::Open => None,
            Self::Closing(code) => Some(code),
        }
    }
}
