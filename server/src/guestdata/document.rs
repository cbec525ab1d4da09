//! Writes everything that is known of one guest, as JSON or PDF, while it is being read: some hundred messages are in
//! memory at a time, however many there are.

use std::io::Write;

use jiff::tz::TimeZone;
use sqlx::{Connection as _, SqliteConnection};
use tokio::runtime::Handle;

use crate::{
    protocol::{
        Delivery, DeliveryState, Id, Line, LineDetail, LineKind, Timestamp, TransferDetail,
        isolated,
    },
    region,
    store::{StoreError, export},
};

use super::{
    export::{Export, ExportError, ExportedConversation, ExportedMessage, Format},
    paper::{Paper, Style},
};

/// Messages that are read at a time: at most 2 MB of text.
const MESSAGES_AT_ONCE: u32 = 500;

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Property and guest.
    pub(super) guest: (Id, Id),
    /// The time that the document shows.
    pub(super) now: Timestamp,
    pub(super) format: Format,
}

/// Reads with a connection of its own, in one snapshot, and writes. Blocks the thread.
///
/// # Errors
/// [`ExportError`]; then what was written is not a whole document.
pub(super) fn write(
    handle: &Handle,
    mut connection: SqliteConnection,
    wanted: &Wanted,
    to: &mut impl Write,
    is_given_up: impl Fn() -> bool,
) -> Result<(), ExportError> {
    let mut transaction = handle.block_on(connection.begin()).map_err(StoreError::from)?;
    let mut source = Source { handle, connection: &mut transaction, guest_id: wanted.guest.1 };
    let head = source.head(wanted)?.ok_or(ExportError::NotFound(wanted.guest.1))?;
    match wanted.format {
        Format::Json => write_json(&mut source, &head, to, is_given_up)?,
        Format::Pdf => {
            let paper = write_paper(&mut source, &head, is_given_up)?;
            let pdf = paper.into_pdf().ok_or(ExportError::Document(Format::Pdf.name()))?;
            to.write_all(&pdf).map_err(ExportError::Write)?;
        }
    }
    to.flush().map_err(ExportError::Write)
}

/// The guest's data in the database, piece by piece.
struct Source<'a> {
    handle: &'a Handle,
    connection: &'a mut SqliteConnection,
    guest_id: Id,
}

impl Source<'_> {
    fn head(&mut self, wanted: &Wanted) -> Result<Option<Export>, StoreError> {
        self.handle.block_on(export::guest(self.connection, wanted.guest, wanted.now))
    }

    fn conversation_after(&mut self, id: Id) -> Result<Option<ExportedConversation>, StoreError> {
        self.handle.block_on(export::next_conversation(self.connection, self.guest_id, id))
    }

    fn messages_after(
        &mut self,
        conversation: Id,
        id: Id,
    ) -> Result<Vec<ExportedMessage>, StoreError> {
        let limit = MESSAGES_AT_ONCE;
        self.handle.block_on(export::messages(self.connection, conversation, id, limit))
    }

    /// Each conversation with its messages, in order: `begin` gets the conversation without them, `message` each of
    /// them, `end` the conversation again.
    fn each<T>(
        &mut self,
        state: &mut T,
        begin: impl Fn(&mut T, &ExportedConversation) -> Result<(), ExportError>,
        message: impl Fn(&mut T, &ExportedConversation, &ExportedMessage) -> Result<(), ExportError>,
        end: impl Fn(&mut T, &ExportedConversation) -> Result<(), ExportError>,
        is_given_up: impl Fn() -> bool,
    ) -> Result<(), ExportError> {
        let mut conversation_id = 0;
        while let Some(conversation) = self.conversation_after(conversation_id)? {
            conversation_id = conversation.id;
            begin(state, &conversation)?;
            let mut message_id = 0;
            loop {
                let messages = self.messages_after(conversation_id, message_id)?;
                let Some(last) = messages.last() else { break };
                message_id = last.id;
                for each in &messages {
                    if is_given_up() {
                        return Err(ExportError::GivenUp);
                    }
                    message(state, &conversation, each)?;
                }
            }
            end(state, &conversation)?;
        }
        Ok(())
    }
}

/// The empty lists in the JSON of an [`Export`] and of an [`ExportedConversation`] whose items are written one
/// by one. Quotation marks within texts have a backslash before them, so no text contains this.
const CONVERSATIONS: &str = "\"conversations\":[]";
const MESSAGES: &str = "\"messages\":[]";

/// The JSON of a value before and after the items of an empty list in it.
fn around<T: serde::Serialize>(value: &T, list: &str) -> Result<(String, String), ExportError> {
    let broken = || ExportError::Document(Format::Json.name());
    let json = serde_json::to_string(value).map_err(|_| broken())?;
    let start = json.find(list).ok_or_else(broken)?;
    let (before, after) = json.split_at_checked(start + list.len() - 1).ok_or_else(broken)?;
    Ok((before.to_owned(), after.to_owned()))
}

/// JSON that is being written: the output, and whether the next item is the first of its list.
struct Json<'a, W> {
    to: &'a mut W,
    is_first_conversation: bool,
    is_first_message: bool,
}

impl<W: Write> Json<'_, W> {
    fn put(&mut self, text: &str) -> Result<(), ExportError> {
        self.to.write_all(text.as_bytes()).map_err(ExportError::Write)
    }
}

fn write_json<W: Write>(
    source: &mut Source<'_>,
    head: &Export,
    to: &mut W,
    is_given_up: impl Fn() -> bool,
) -> Result<(), ExportError> {
    let (before, after) = around(head, CONVERSATIONS)?;
    let mut json = Json { to, is_first_conversation: true, is_first_message: true };
    json.put(&before)?;
    let begin = |json: &mut Json<'_, W>, conversation: &ExportedConversation| {
        let (before, _) = around(conversation, MESSAGES)?;
        json.put(if json.is_first_conversation { "\n" } else { ",\n" })?;
        (json.is_first_conversation, json.is_first_message) = (false, true);
        json.put(&before)
    };
    let message = |json: &mut Json<'_, W>, _: &ExportedConversation, message: &ExportedMessage| {
        json.put(if json.is_first_message { "\n" } else { ",\n" })?;
        json.is_first_message = false;
        let text = serde_json::to_string(message);
        json.put(&text.map_err(|_| ExportError::Document(Format::Json.name()))?)
    };
    let end = |json: &mut Json<'_, W>, conversation: &ExportedConversation| {
        json.put(&around(conversation, MESSAGES)?.1)
    };
    source.each(&mut json, begin, message, end, is_given_up)?;
    json.put(&after)?;
    json.put("\n")
}

/// A report that is being written, and how many lines of the current conversation are written already.
struct Report {
    paper: Paper,
    lines: usize,
}

impl Report {
    fn write(&mut self, style: Style, text: &str) -> Result<(), ExportError> {
        self.paper.write(style, text).ok_or(ExportError::Document(Format::Pdf.name()))
    }

    /// Writes the lines of a conversation that come before a message; `None`: all remaining ones.
    fn write_lines(
        &mut self,
        zone: &TimeZone,
        conversation: &ExportedConversation,
        before: Option<Id>,
    ) -> Result<(), ExportError> {
        while let Some(line) = conversation.lines.get(self.lines)
            && before.is_none_or(|id| line.after_message_id < Some(id))
        {
            self.write(Style::Note, &in_words(line, zone))?;
            self.lines += 1;
        }
        Ok(())
    }

    fn write_head(&mut self, zone: &TimeZone, export: &Export) -> Result<(), ExportError> {
        let minute = |time| minute_in(zone, time);
        self.write(Style::Title, &export.name)?;
        let property = isolated(&export.property);
        let note = format!(
            "Guest {} of {property}, as of {}; all times in {}",
            export.id,
            minute(export.exported_at),
            export.time_zone
        );
        self.write(Style::Note, &note)?;
        let mut facts = vec![
            ("Number".to_owned(), export.whatsapp_number.clone()),
            ("Language".to_owned(), export.language.clone()),
            ("Known since".to_owned(), Some(minute(export.created_at))),
        ];
        facts.extend(export.gateway_names.iter().map(|name| {
            (format!("Identifier at {}", isolated(&name.gateway)), Some(name.guest_ref.clone()))
        }));
        facts.extend(export.gateway_addresses.iter().map(|each| {
            (format!("Address at {}", isolated(&each.gateway)), Some(each.address.clone()))
        }));
        for (name, value) in facts {
            if let Some(value) = value {
                self.write(Style::Body, &format!("{name}: {}", isolated(&value)))?;
            }
        }
        if !export.stays.is_empty() {
            self.write(Style::Heading, "Stays")?;
        }
        for stay in &export.stays {
            let end = stay.checked_out_at.map_or_else(|| "today".to_owned(), minute);
            let (room, start) = (isolated(&stay.room_number), minute(stay.checked_in_at));
            self.write(Style::Body, &format!("Room {room}, from {start} until {end}"))?;
        }
        Ok(())
    }
}

fn write_paper(
    source: &mut Source<'_>,
    head: &Export,
    is_given_up: impl Fn() -> bool,
) -> Result<Paper, ExportError> {
    let zone = &region::zone(&head.time_zone);
    let mut report = Report { paper: Paper::new(), lines: 0 };
    report.write_head(zone, head)?;
    let begin = |report: &mut Report, conversation: &ExportedConversation| {
        report.lines = 0;
        let department = isolated(&conversation.department);
        let heading = format!("{department}, {}", minute_in(zone, conversation.created_at));
        report.write(Style::Heading, &heading)?;
        let end = conversation.closed_at.map_or_else(
            || "active".to_owned(),
            |closed_at| format!("closed {}", minute_in(zone, closed_at)),
        );
        let label = isolated(&conversation.conversation_type);
        report.write(Style::Note, &format!("Conversation {}, {label}, {end}", conversation.id))
    };
    let message =
        |report: &mut Report, conversation: &ExportedConversation, message: &ExportedMessage| {
            report.write_lines(zone, conversation, Some(message.id))?;
            let sender = isolated(&message.sender_name);
            let at = minute_in(zone, message.created_at);
            let fate = fate(message.delivery.as_ref());
            report.write(Style::Note, &format!("{sender}, {at}{fate}"))?;
            report.write(Style::Body, &message.content)
        };
    let end = |report: &mut Report, conversation: &ExportedConversation| {
        report.write_lines(zone, conversation, None)
    };
    source.each(&mut report, begin, message, end, is_given_up)?;
    Ok(report.paper)
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
    use super::*;

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
}
