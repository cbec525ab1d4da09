//! Handing out everything that is known of one guest, as JSON or PDF.

use std::{io, path::Path};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use utoipa::ToSchema;

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    clock::Clock,
    files,
    journal::{WriteError, Written},
    protocol::{ConversationStatus, Delivery, Id, Line, PersonType, Timestamp},
    store::{self, StoreError, backup, guests},
};

use super::document::{self, Wanted};

/// What a guest's data is written as.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For programs; complete in every script.
    #[default]
    Json,
    /// For people.
    Pdf,
}

impl Format {
    /// Its name, and the ending of a file in it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Pdf => "pdf",
        }
    }

    /// What HTTP calls it.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Pdf => "application/pdf",
        }
    }
}

/// Everything that is known of one guest.
#[derive(Debug, Serialize, ToSchema)]
pub struct Export {
    /// As of when.
    pub exported_at: Timestamp,
    /// The hotel's name.
    pub property: String,
    /// Name of the hotel's time zone in the IANA database. The times here are in UTC; in the PDF they are in
    /// this zone.
    pub time_zone: String,
    /// The guest's id.
    pub id: Id,
    /// Their name.
    pub name: String,
    /// With `+`.
    pub whatsapp_number: Option<String>,
    /// BCP 47 tag.
    pub language: Option<String>,
    /// Since when they are known.
    pub created_at: Timestamp,
    /// What gateways call them.
    pub gateway_names: Vec<ExportedName>,
    /// Where gateways reach them.
    pub gateway_addresses: Vec<ExportedAddress>,
    /// When they stayed, and where.
    pub stays: Vec<ExportedStay>,
    /// What was written.
    pub conversations: Vec<ExportedConversation>,
}

/// What a gateway calls a guest.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct ExportedName {
    /// The gateway's name.
    pub gateway: String,
    /// Its name for the guest.
    pub guest_ref: String,
}

/// How a gateway writes a guest's address.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct ExportedAddress {
    /// The gateway's name.
    pub gateway: String,
    /// The address.
    pub address: String,
}

/// A stay.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct ExportedStay {
    /// Where.
    pub room_number: String,
    /// Since when.
    pub checked_in_at: Timestamp,
    /// The planned end.
    pub checks_out_at: Option<Timestamp>,
    /// The real end.
    pub checked_out_at: Option<Timestamp>,
}

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedConversation {
    /// Its id.
    pub id: Id,
    /// The department's name.
    pub department: String,
    /// Its label.
    pub conversation_type: String,
    /// What it is now.
    pub status: ConversationStatus,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// In order.
    pub messages: Vec<ExportedMessage>,
    /// What happened to it, in order.
    pub lines: Vec<Line>,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedMessage {
    /// Its id.
    pub id: Id,
    /// Guest or staff.
    pub sender_type: PersonType,
    /// Who wrote.
    pub sender_name: String,
    /// What.
    pub content: String,
    /// When.
    pub created_at: Timestamp,
    /// How far a staff member's message has come; `null` where that is not known.
    pub delivery: Option<Delivery>,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences name the members")]
pub enum ExportError {
    /// There is one with that name.
    #[error("{0} already exists; choose another name, or delete the file")]
    Exists(String),
    /// It cannot be written.
    #[error(
        "{file} cannot be written ({source}); check the free disk space and this user's write access"
    )]
    File { file: String, source: std::io::Error },
    /// There is nobody to be handed out.
    #[error("there is no guest {0} in this property; check the ID")]
    NotFound(Id),
    /// The database cannot be read.
    #[error("the guest's data cannot be read: {}", .0.explain())]
    Store(#[from] StoreError),
    /// The document cannot be made.
    #[error("the guest's data could not be exported as {0}; try again")]
    Document(&'static str),
    /// It cannot be written.
    #[error("the guest's data cannot be written ({0}); is the disk full?")]
    Write(io::Error),
    /// The export was cancelled.
    #[error("the export of the guest's data was cancelled")]
    GivenUp,
}

/// Logs that a guest's data is about to be handed out. Returns whether the property has such a guest;
/// without one, nothing is logged.
///
/// # Errors
/// [`WriteError`]: what cannot be logged must not be handed out.
pub(crate) async fn note_export(
    app: &App,
    (property_id, guest_id): (Id, Id),
    format: Format,
    actor: Actor,
) -> Result<bool, WriteError<StoreError>> {
    let known = guests::one(&app.store, property_id, guest_id).await;
    if known.map_err(WriteError::Refused)?.is_none() {
        return Ok(false);
    }
    let entry = Entry::new(property_id, actor, "exported", Subject::Guest(guest_id));
    let entry = entry.with(format.name());
    let noted = app.journal.write(move |_| {
        Box::pin(async move { Ok::<_, StoreError>(Written::logged(true, [entry])) })
    });
    noted.await
}

/// Writes a guest's data into a new file that only its owner can read; also while a server runs. The caller
/// has written the audit entry before.
///
/// # Errors
/// [`ExportError`]; then there is no file.
pub async fn write_file(
    data_dir: &Path,
    guest: (Id, Id),
    format: Format,
    file: &Path,
    clock: &Clock,
) -> Result<(), ExportError> {
    let name = file.display().to_string();
    let connection = backup::open_to_read(&data_dir.join(store::DATABASE_FILE)).await?;
    let mut to = files::create_own(file).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => ExportError::Exists(name.clone()),
        _ => ExportError::File { file: name.clone(), source },
    })?;
    let wanted = Wanted { guest, now: clock.now(), format };
    let handle = Handle::current();
    let writing = tokio::task::spawn_blocking(move || {
        let written = document::write(&handle, connection, &wanted, &mut to, || false);
        written.and_then(|()| to.sync_all().map_err(ExportError::Write))
    });
    let stopped = |_| Err(ExportError::Document(format.name()));
    writing.await.unwrap_or_else(stopped).map_err(|error| {
        // Half of it is worse than nothing.
        let _ = std::fs::remove_file(file);
        match error {
            ExportError::Write(source) => ExportError::File { file: name, source },
            error => error,
        }
    })
}
