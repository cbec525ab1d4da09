//! The frames that wait for one connection: bounded in frames and bytes, so that a slow reader costs
//! only itself.

use std::{collections::VecDeque, sync::Mutex};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

use crate::protocol::{CloseCode, Id};

use super::{Replay, lock};

/// Frames that may wait; one more and the reader counts as too slow.
pub const QUEUE_MAX_FRAMES: usize = 4096;

/// Bytes that may wait.
pub const QUEUE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Something for the connection's task to do, in order.
#[derive(Clone, Debug)]
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

/// The queue of one connection.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    /// Wakes the task when it has nothing to do.
    wake: Notify,
    /// Wakes it also while it writes: the reader may stand still for ever.
    closing: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    outgoing: VecDeque<Outgoing>,
    size_bytes: usize,
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

impl Queue {
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
        if let Outgoing::Frame(frame) | Outgoing::Subscription { acknowledgment: frame, .. } =
            &outgoing
        {
            waiting.size_bytes += frame.as_str().len();
        }
        if waiting.outgoing.len() >= QUEUE_MAX_FRAMES || waiting.size_bytes > QUEUE_MAX_BYTES {
            waiting.outgoing = VecDeque::new();
            waiting.state = State::Closing(CloseCode::TooSlow);
            self.closing.notify_one();
        } else {
            waiting.outgoing.push_back(outgoing);
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

    /// Everything that waits, at once; then why the connection must close, if it must.
    pub fn take(&self) -> (VecDeque<Outgoing>, Option<CloseCode>) {
        let mut waiting = lock(&self.waiting);
        waiting.size_bytes = 0;
        let outgoing = std::mem::take(&mut waiting.outgoing);
        (outgoing, waiting.state.code())
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
