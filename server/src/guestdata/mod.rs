//! Guests' data as a whole: erased, kept for some days only, handed out.

mod erase;
mod retention;

pub(crate) use erase::{erase, finish_clearing, older_copies};
pub(crate) use retention::keep_retention;
