//! Who has something to read and does not know it yet.
//!
//! Five hundred tasks woken at once stand in line before the next command, which then waits until
//! all of them have written. Woken a few at a time, they let commands pass; and a task whose turn comes
//! later finds more frames in its queue, and writes them all at once.

use std::{collections::VecDeque, sync::Arc};

use super::Connection;

/// How many are woken at once, at least.
const SLICE_MIN: usize = 16;

/// The share of those waiting that is woken at once, at least: everybody's turn comes within so many
/// slices, so a reader that keeps up never has more than so many batches in its queue.
const SLICES_MAX: usize = 12;

/// The connections that wait to be woken, each once, in order.
#[derive(Debug, Default)]
pub struct Waking(VecDeque<Arc<Connection>>);

impl Waking {
    /// Notes a connection whose queue has just been added to.
    pub(super) fn add(&mut self, connection: &Arc<Connection>) {
        self.0.push_back(Arc::clone(connection));
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Wakes the next few.
    pub fn wake_some(&mut self) {
        let slice = SLICE_MIN.max(self.0.len() / SLICES_MAX).min(self.0.len());
        for connection in self.0.drain(..slice) {
            connection.queue.wake();
        }
    }
}
