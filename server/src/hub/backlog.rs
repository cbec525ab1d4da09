//! Memory that queues share: what a slow reader may use beyond a small queue of its own.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Bytes that each connection may have waiting, and as many being written, without using any of the shared memory.
/// A reader that keeps up needs less.
pub const OWN_BYTES: usize = 64 * 1024;

/// Bytes beyond their own that all connections of one property may have together.
pub const PROPERTY_BACKLOG_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Bytes beyond their own that all connections of the server may have together.
pub const BACKLOG_MAX_BYTES: usize = 256 * 1024 * 1024;

/// How many bytes are in use.
pub(super) type Bytes = Arc<AtomicUsize>;

/// The memory that the connections of one property share, and that of all properties.
#[derive(Clone, Debug, Default)]
pub struct Backlog {
    pub(super) of_property: Bytes,
    pub(super) of_all: Bytes,
}

impl Backlog {
    /// Takes this many bytes. Returns whether there was room; otherwise nothing is taken.
    pub(super) fn take(&self, bytes: usize) -> bool {
        if !take(&self.of_property, bytes, PROPERTY_BACKLOG_MAX_BYTES) {
            return false;
        }
        let is_taken = take(&self.of_all, bytes, BACKLOG_MAX_BYTES);
        if !is_taken {
            self.of_property.fetch_sub(bytes, Ordering::Relaxed);
        }
        is_taken
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&self, bytes: usize) {
        self.of_property.fetch_sub(bytes, Ordering::Relaxed);
        self.of_all.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn take(used: &AtomicUsize, bytes: usize, most: usize) -> bool {
    let fits = |used: usize| used.checked_add(bytes).filter(|used| *used <= most);
    used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
}
