//! The frames that wait for one connection: bounded in frames and bytes, so that a slow reader costs
//! only itself.

use std::{collections::VecDeque, sync::Mutex};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

use crate::protocol::CloseCode;

use super::lock;

/// Frames that may wait; one more and the reader counts as too slow.
pub const QUEUE_MAX_FRAMES: usize = 4096;

/// Bytes that may wait.
pub const QUEUE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Something for the connection's task to do, in order.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// Send this.
    Frame(Utf8Bytes),
    /// Tell what was missed from here on.
    Replay(Replay),
}

/// A replay that a connection asked for.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The newest event that the client has.
    pub after_seq: i64,
    /// Conversations it named and may not access: said again at the end.
    pub denied: Vec<i64>,
}

/// The queue of one connection.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
    must_close: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    outgoing: VecDeque<Outgoing>,
    size_bytes: usize,
    closing: Option<CloseCode>,
    /// Somebody is going to call [`Queue::wake`].
    will_be_woken: bool,
}

impl Queue {
    /// Adds something, and has it written; a full queue closes the connection instead. Nothing is
    /// added once it closes.
    pub fn push(&self, outgoing: Outgoing) {
        self.add(outgoing);
        self.wake.notify_one();
    }

    /// Adds something without having it written, and returns whether [`Queue::wake`] must be called:
    /// `false` where somebody is going to do so already.
    #[must_use]
    pub(super) fn push_asleep(&self, outgoing: Outgoing) -> bool {
        self.add(outgoing);
        !std::mem::replace(&mut lock(&self.waiting).will_be_woken, true)
    }

    /// Has what was added written.
    pub(super) fn wake(&self) {
        lock(&self.waiting).will_be_woken = false;
        self.wake.notify_one();
    }

    fn add(&self, outgoing: Outgoing) {
        let mut waiting = lock(&self.waiting);
        if waiting.closing.is_some() {
            return;
        }
        if let Outgoing::Frame(frame) = &outgoing {
            waiting.size_bytes += frame.as_str().len();
        }
        if waiting.outgoing.len() >= QUEUE_MAX_FRAMES || waiting.size_bytes > QUEUE_MAX_BYTES {
            waiting.closing = Some(CloseCode::TooSlow);
            waiting.outgoing = VecDeque::new();
            self.must_close.notify_one();
        } else {
            waiting.outgoing.push_back(outgoing);
        }
    }

    /// Has the connection closed once what waits has been sent.
    pub fn close(&self, code: CloseCode) {
        lock(&self.waiting).closing.get_or_insert(code);
        self.must_close.notify_one();
        self.wake.notify_one();
    }

    /// Everything that waits, at once; then why the connection must close, if it must.
    pub fn take(&self) -> (VecDeque<Outgoing>, Option<CloseCode>) {
        let mut waiting = lock(&self.waiting);
        waiting.size_bytes = 0;
        (std::mem::take(&mut waiting.outgoing), waiting.closing)
    }

    /// Waits until the connection must close, and says why.
    pub async fn must_close(&self) -> CloseCode {
        loop {
            let closing = lock(&self.waiting).closing;
            match closing {
                Some(code) => return code,
                None => self.must_close.notified().await,
            }
        }
    }

    /// Waits until something was added or the queue closes.
    pub async fn ready(&self) {
        self.wake.notified().await;
    }
}
