//! The audit log: who did what to which conversation, guest, account or setting. Ids and words of the
//! program only, never a name or a text; written in the transaction of what it speaks of; each entry's
//! hash covers the one before it.

mod failures;
mod offline;

use sha2::{Digest as _, Sha256};

use crate::{
    chat::{Action, Answer, Change},
    protocol::{Id, Timestamp},
};

pub(crate) use failures::FailedSignIns;
pub use offline::{AuditError, Chain, list, verify};

/// What the first entry of a chain follows.
pub(crate) const FIRST_HASH: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A staff member, signed in.
    Staff(Id),
    /// A program that brings guests in.
    Gateway(Id),
    /// Whoever runs the server.
    CommandLine,
    /// The server by itself.
    Server,
}

impl Actor {
    /// The word in the log, and the id where there is one.
    pub(crate) const fn parts(self) -> (&'static str, Option<Id>) {
        match self {
            Self::Staff(id) => ("staff", Some(id)),
            Self::Gateway(id) => ("gateway", Some(id)),
            Self::CommandLine => ("command_line", None),
            Self::Server => ("server", None),
        }
    }
}

/// What it was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Conversation(Id),
    Department(Id),
    Gateway(Id),
    Guest(Id),
    Property(Id),
    Room(Id),
    Session(Id),
    Staff(Id),
    Stay(Id),
}

impl Subject {
    /// The word in the log, and the id.
    pub(crate) const fn parts(self) -> (&'static str, Id) {
        match self {
            Self::Conversation(id) => ("conversation", id),
            Self::Department(id) => ("department", id),
            Self::Gateway(id) => ("gateway", id),
            Self::Guest(id) => ("guest", id),
            Self::Property(id) => ("property", id),
            Self::Room(id) => ("room", id),
            Self::Session(id) => ("session", id),
            Self::Staff(id) => ("staff", id),
            Self::Stay(id) => ("stay", id),
        }
    }
}

/// One thing that was done, before it has its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) property_id: Id,
    pub(crate) actor: Actor,
    /// One word of the program: `closed`, `signed_in`.
    pub(crate) action: &'static str,
    pub(crate) subject: Subject,
    /// Words of the program and ids; the database refuses capital letters and anything beyond ASCII.
    pub(crate) detail: Option<String>,
}

impl Entry {
    /// An entry without more to say.
    pub(crate) const fn new(
        property_id: Id,
        actor: Actor,
        action: &'static str,
        subject: Subject,
    ) -> Self {
        Self { property_id, actor, action, subject, detail: None }
    }

    /// The same with something more to say.
    pub(crate) fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// The names of those members that are there, with commas: what a change was about.
pub(crate) fn changed(members: &[(&'static str, bool)]) -> String {
    let names: Vec<_> = members.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    names.join(",")
}

/// An entry in its place, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Stored {
    /// Whose chain.
    pub property_id: Id,
    /// Its place: 1, 2, 3, …
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// `staff`, `gateway`, `command_line` or `server`.
    pub actor: String,
    /// Which staff member or gateway.
    pub actor_id: Option<Id>,
    /// What was done.
    pub action: String,
    /// What kind of thing it was done to.
    pub subject: String,
    /// Which one.
    pub subject_id: Id,
    /// Words of the program and ids.
    pub detail: Option<String>,
    /// In lower-case hex.
    pub hash: String,
}

impl Stored {
    /// The hash that an entry with these members must have after one with that hash: SHA-256 over the
    /// 32 bytes before it and the members as a JSON array without spaces.
    #[must_use]
    pub fn hash_after(&self, before: &str) -> String {
        let members = serde_json::json!([
            self.property_id,
            self.seq,
            self.at.as_millis(),
            self.actor,
            self.actor_id,
            self.action,
            self.subject,
            self.subject_id,
            self.detail,
        ]);
        let mut hash = Sha256::new();
        // A hash that is no hex has been tampered with; nothing follows from it.
        hash.update(hex::decode(before).unwrap_or_default());
        hash.update(members.to_string());
        hex::encode(hash.finalize())
    }
}

/// What a change of a conversation is called in the log. Returns `None` for those that are not logged:
/// messages speak for themselves. Whoever calls knows that something changed.
pub(crate) fn of_change(change: &Change, answer: &Answer, property_id: Id) -> Option<Entry> {
    let (staff, action, id) = match (change, answer) {
        (Change::Conversation { staff, conversation_id, action }, _) => {
            let action = match action {
                Action::Close => "closed",
                Action::Reopen => "reopened",
                Action::Transfer { .. } => "transferred",
                _ => return None,
            };
            (*staff, action, *conversation_id)
        }
        (Change::Create(new), Answer::Conversation { id, created: true }) => {
            (new.staff, "created", *id)
        }
        _ => return None,
    };
    Some(Entry::new(property_id, Actor::Staff(staff), action, Subject::Conversation(id)))
}
