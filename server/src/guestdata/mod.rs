//! Guests' data as a whole: erased, kept for some days only, handed out.

mod clearing;
mod document;
mod erase;
mod export;
mod exports;
mod paper;
mod retention;

pub(crate) use erase::{erase, finish_erasing, older_copies};
pub(crate) use export::note_export;
pub use export::{
    Export, ExportError, ExportedAddress, ExportedConversation, ExportedMessage, ExportedName,
    ExportedStay, Format, write_file,
};
#[cfg(test)]
pub(crate) use exports::AT_ONCE as EXPORTS_AT_ONCE;
pub(crate) use exports::{Begun, Document, Export as RunningExport, Exports, Order, Progress, run};
pub(crate) use retention::keep_retention;
