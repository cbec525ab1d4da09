//! Guests' data as a whole: erased, kept for some days only, handed out.

mod erase;
mod export;
mod paper;
mod retention;

pub(crate) use erase::{erase, finish_clearing, older_copies};
pub use export::{
    Export, ExportError, ExportedAddress, ExportedConversation, ExportedMessage, ExportedName,
    ExportedStay, Format, write_file,
};
pub(crate) use export::{lay_out, note_export, read};
pub(crate) use retention::keep_retention;
