//! Handing out everything that is known of one guest, as JSON or PDF.

use std::{io::Write as _, path::Path};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sqlx::Connection as _;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    clock::Clock,
    files,
    journal::{WriteError, Written},
    protocol::{
        ConversationStatus, Delivery, DeliveryState, Id, Line, LineDetail, LineKind, PersonType,
        Timestamp, TransferDetail, isolated,
    },
    region,
    store::{self, StoreError, backup, export, guests},
};

use super::paper::{Paper, Style};

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

/// A guest's data, as of one moment.
///
/// # Errors
/// [`ExportError::NotFound`], [`ExportError::Store`].
pub(crate) async fn read(
    connection: &mut sqlx::SqliteConnection,
    guest: (Id, Id),
    now: Timestamp,
) -> Result<Export, ExportError> {
    // One snapshot, also while others write.
    let mut transaction = connection.begin().await.map_err(StoreError::from)?;
    let export = export::guest(&mut transaction, guest, now).await;
    transaction.rollback().await.map_err(StoreError::from)?;
    export?.ok_or(ExportError::NotFound(guest.1))
}

/// A guest's data as a document. The layout of thousands of messages takes a while: it runs on a blocking
/// thread, and ends early when the client is gone. The permit is released when the work ends, not when the
/// client stops waiting.
///
/// # Errors
/// [`ExportError::Document`].
pub(crate) async fn lay_out(
    export: Export,
    format: Format,
    place: impl Send + 'static,
) -> Result<Vec<u8>, ExportError> {
    let (made, document) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let document = match format {
            Format::Json => serde_json::to_vec_pretty(&export).ok(),
            Format::Pdf => paper(&export, || made.is_closed()).and_then(Paper::into_pdf),
        };
        drop(place);
        // The client may be gone.
        let _ = made.send(document);
    });
    document.await.ok().flatten().ok_or(ExportError::Document(format.name()))
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
    let mut connection = backup::open_to_read(&data_dir.join(store::DATABASE_FILE)).await?;
    let export = read(&mut connection, guest, clock.now()).await?;
    let _ = connection.close().await;
    let document = lay_out(export, format, ()).await?;
    let name = || file.display().to_string();
    let mut to = files::create_own(file).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => ExportError::Exists(name()),
        _ => ExportError::File { file: name(), source },
    })?;
    let written = to.write_all(&document).and_then(|()| to.sync_all());
    written.map_err(|source| {
        // Half of it is worse than nothing.
        let _ = std::fs::remove_file(file);
        ExportError::File { file: name(), source }
    })
}

/// To the minute, in the hotel's time zone.
fn minute_in(zone: &TimeZone, time: Timestamp) -> String {
    zone.to_datetime(time.instant()).strftime("%F %H:%M").to_string()
}

/// What became of a message, after its sender and time.
fn fate(delivery: Option<&Delivery>) -> &'static str {
    match delivery.and_then(|delivery| delivery.state.known()) {
        Some(DeliveryState::Stored) => ", not delivered yet",
        Some(DeliveryState::Failed | DeliveryState::None) => ", not delivered",
        Some(DeliveryState::Delivered) => ", delivered",
        Some(DeliveryState::Read) => ", read",
        Some(DeliveryState::Sent) | None => "",
    }
}

/// Returns `None` if it was given up before its end.
fn paper(export: &Export, is_given_up: impl Fn() -> bool) -> Option<Paper> {
    let mut paper = Paper::new();
    let zone = region::zone(&export.time_zone);
    let minute = |time| minute_in(&zone, time);
    paper.write(Style::Title, &export.name);
    paper.write(
        Style::Note,
        &format!(
            "Guest {} of {}, as of {}; all times in {}",
            export.id,
            isolated(&export.property),
            minute(export.exported_at),
            export.time_zone
        ),
    );
    let mut fact = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            paper.write(Style::Body, &format!("{name}: {}", isolated(value)));
        }
    };
    fact("Number", export.whatsapp_number.as_deref());
    fact("Language", export.language.as_deref());
    fact("Known since", Some(&minute(export.created_at)));
    for name in &export.gateway_names {
        fact(&format!("Identifier at {}", isolated(&name.gateway)), Some(&name.guest_ref));
    }
    for each in &export.gateway_addresses {
        fact(&format!("Address at {}", isolated(&each.gateway)), Some(&each.address));
    }
    if !export.stays.is_empty() {
        paper.write(Style::Heading, "Stays");
    }
    for stay in &export.stays {
        let end = stay.checked_out_at.map_or_else(|| "today".to_owned(), minute);
        let (room, start) = (isolated(&stay.room_number), minute(stay.checked_in_at));
        let line = format!("Room {room}, from {start} until {end}");
        paper.write(Style::Body, &line);
    }
    for conversation in &export.conversations {
        let department = isolated(&conversation.department);
        let heading = format!("{department}, {}", minute(conversation.created_at));
        paper.write(Style::Heading, &heading);
        let end = conversation.closed_at.map_or_else(
            || "active".to_owned(),
            |closed_at| format!("closed {}", minute(closed_at)),
        );
        let label = isolated(&conversation.conversation_type);
        let note = format!("Conversation {}, {label}, {end}", conversation.id);
        paper.write(Style::Note, &note);
        let mut lines = conversation.lines.iter().peekable();
        for message in &conversation.messages {
            if is_given_up() {
                return None;
            }
            while let Some(line) = lines.next_if(|line| line.after_message_id < Some(message.id)) {
                paper.write(Style::Note, &in_words(line, &zone));
            }
            let note = format!(
                "{}, {}{}",
                isolated(&message.sender_name),
                minute(message.created_at),
                fate(message.delivery.as_ref())
            );
            paper.write(Style::Note, &note);
            paper.write(Style::Body, &message.content);
        }
        for line in lines {
            paper.write(Style::Note, &in_words(line, &zone));
        }
    }
    Some(paper)
}

/// A line as a sentence.
fn in_words(line: &Line, zone: &TimeZone) -> String {
    let detail = line.detail.as_ref().and_then(|detail| detail.known());
    let what = match (line.kind.known(), detail) {
        (Some(LineKind::Closed), _) => "Closed".to_owned(),
        (Some(LineKind::Reopened), _) => "Reopened".to_owned(),
        (_, Some(LineDetail::Transferred(it))) => {
            format!("Transferred from {} to {}", it.from_department, it.department)
        }
        (_, Some(LineDetail::GuestNumber(it))) => {
            let or_none =
                |number: &Option<String>| number.clone().unwrap_or_else(|| "none".to_owned());
            format!("Number changed from {} to {}", or_none(&it.from), or_none(&it.to))
        }
        _ => "Changed".to_owned(),
    };
    let by =
        line.staff_name.as_ref().map(|name| format!(" by {}", isolated(name))).unwrap_or_default();
    let note = match detail {
        Some(LineDetail::Transferred(TransferDetail { note: Some(note), .. })) => {
            format!(". Note: {}", isolated(note))
        }
        _ => String::new(),
    };
    format!("{what}{by}, {}{note}", minute_in(zone, line.at))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use tokio::sync::Semaphore;

    use super::*;

    fn long() -> Export {
        let at = Timestamp::from_millis(0);
        let message = |id| ExportedMessage {
            id,
            sender_type: PersonType::Guest,
            sender_name: "Amelia".to_owned(),
            content: "Could we have two more towels, please? ".repeat(100),
            created_at: at,
            delivery: None,
        };
        let conversation = ExportedConversation {
            id: 1,
            department: "Reception".to_owned(),
            conversation_type: "general".to_owned(),
            status: ConversationStatus::Active,
            created_at: at,
            closed_at: None,
            messages: (1..=2_000).map(message).collect(),
            lines: Vec::new(),
        };
        Export {
            exported_at: at,
            property: "Aurora".to_owned(),
            time_zone: "Europe/Zurich".to_owned(),
            id: 1,
            name: "Amelia".to_owned(),
            whatsapp_number: None,
            language: None,
            created_at: at,
            gateway_names: Vec::new(),
            gateway_addresses: Vec::new(),
            stays: Vec::new(),
            conversations: vec![conversation],
        }
    }

    #[test]
    fn times_are_those_of_the_hotel() {
        let winter = Timestamp::from_millis(1_767_225_600_000);
        let summer = Timestamp::from_millis(1_782_864_000_000);
        let zurich = region::zone("Europe/Zurich");
        assert_eq!(minute_in(&zurich, winter), "2026-01-01 01:00");
        assert_eq!(minute_in(&zurich, summer), "2026-07-01 02:00");
        assert_eq!(minute_in(&region::zone("UTC"), winter), "2026-01-01 00:00");
    }

    #[test]
    fn names_and_notes_are_kept_apart_from_the_sentence_around_them() {
        let transferred = LineDetail::Transferred(TransferDetail {
            from_department: "reception".to_owned(),
            department: "restaurant".to_owned(),
            note: Some("עשר \u{202e}".to_owned()),
        });
        let line = |kind: LineKind, detail: Option<LineDetail>| Line {
            id: 1,
            conversation_id: 1,
            kind: kind.into(),
            at: Timestamp::from_millis(0),
            after_message_id: None,
            staff_id: Some(1),
            staff_name: Some("عمر".to_owned()),
            detail: detail.map(Into::into),
        };
        for (line, expected) in [
            (line(LineKind::Closed, None), "Closed by \u{2068}عمر\u{2069}, 1970-01-01 00:00"),
            (
                line(LineKind::Transferred, Some(transferred)),
                "Transferred from reception to restaurant by \u{2068}عمر\u{2069}, 1970-01-01 00:00. \
                 Note: \u{2068}עשר \u{202e}\u{2069}",
            ),
        ] {
            assert_eq!(in_words(&line, &TimeZone::UTC), expected);
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_given_up_and_its_place_is_free() {
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        let mut layout = Box::pin(lay_out(long(), Format::Pdf, place));
        assert!((&mut layout).now_or_never().is_none());
        assert_eq!(places.available_permits(), 0);
        drop(layout);
        // Laid out to its end, it would take minutes.
        let free = tokio::time::timeout(std::time::Duration::from_secs(30), places.acquire());
        drop(free.await.unwrap().unwrap());
    }
}
