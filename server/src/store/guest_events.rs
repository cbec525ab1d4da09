//! What follows when a guest changes: their active conversations tell it.
//!
//! Every write that may change a guest's name, number, language or room takes a [`GuestBefore`] first, and
//! hands the events of [`GuestBefore::changed`] to the hub (`Effect::Happened`), all in one transaction.

use sqlx::{Row, SqliteConnection};

use crate::{
    chat::{Event, EventKind},
    protocol::{
        GuestInfo, GuestUpdate, Id, Line, LineDetail, LineKind, LineUpdate, NumberDetail, Timestamp,
    },
};

use super::{StoreError, guests, lines};

/// Who changed a guest, and when.
#[derive(Clone, Copy, Debug)]
pub struct By {
    /// The staff member; without one it was somebody or something else.
    pub staff_id: Option<Id>,
    /// When.
    pub at: Timestamp,
}

/// A guest before a change.
#[derive(Debug)]
pub struct GuestBefore {
    property_id: Id,
    guest: Option<GuestInfo>,
    by: By,
}

impl GuestBefore {
    /// Reads the guest as they are now, before the change.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn read(
        writer: &mut SqliteConnection,
        (property_id, guest_id): (Id, Id),
        by: By,
    ) -> Result<Self, StoreError> {
        let guest = guests::info(writer, property_id, guest_id).await?;
        Ok(Self { property_id, guest, by })
    }

    /// Stores the events that follow from the change and returns them in order: an event `guest` for each
    /// of the guest's active conversations, and where the number changed, a line in each of them with an
    /// event of its own. Nothing, where the guest is as before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn changed(self, writer: &mut SqliteConnection) -> Result<Vec<Event>, StoreError> {
        let Some(before) = self.guest else { return Ok(Vec::new()) };
        let guest = guests::info(&mut *writer, self.property_id, before.id).await?;
        match guest.filter(|guest| *guest != before) {
            Some(guest) => tell(writer, self.property_id, (&before, &guest), self.by).await,
            None => Ok(Vec::new()),
        }
    }
}

async fn tell(
    writer: &mut SqliteConnection,
    property_id: Id,
    (before, guest): (&GuestInfo, &GuestInfo),
    by: By,
) -> Result<Vec<Event>, StoreError> {
    let rows = sqlx::query(
        "select c.id, c.department_id, c.last_message_id, d.slug from conversation c
         join department d on d.id = c.department_id
         where c.guest_id = ?1 and c.status = 'active' order by c.id",
    )
    .bind(guest.id)
    .fetch_all(&mut *writer)
    .await?;
    let mut events = Vec::new();
    for row in &rows {
        let conversation_id: Id = row.try_get("id")?;
        let update = GuestUpdate {
            conversation_id,
            guest_name: guest.name.clone(),
            department: row.try_get("slug")?,
            guest_info: guest.clone(),
            at: by.at,
        };
        let place = (property_id, conversation_id, row.try_get("department_id")?);
        events.push(store(writer, place, by.at, EventKind::Guest(update), None).await?);
    }
    if guest.whatsapp_number == before.whatsapp_number {
        return Ok(events);
    }
    for row in &rows {
        let conversation_id: Id = row.try_get("id")?;
        let after: Id = row.try_get("last_message_id")?;
        let detail = NumberDetail {
            from: before.whatsapp_number.clone(),
            to: guest.whatsapp_number.clone(),
        };
        let mut line = Line {
            id: 0,
            conversation_id,
            kind: LineKind::GuestNumber.into(),
            at: by.at,
            after_message_id: (after > 0).then_some(after),
            staff_id: by.staff_id,
            staff_name: None,
            detail: Some(LineDetail::GuestNumber(detail).into()),
        };
        (line.id, line.staff_name) = lines::add_number_change(writer, property_id, &line).await?;
        let id = line.id;
        let update = LineUpdate {
            conversation_id,
            guest_name: guest.name.clone(),
            department: row.try_get("slug")?,
            line,
        };
        let place = (property_id, conversation_id, row.try_get("department_id")?);
        events.push(store(writer, place, by.at, EventKind::Line(update), Some(id)).await?);
    }
    Ok(events)
}

async fn store(
    writer: &mut SqliteConnection,
    (property_id, conversation_id, department_id): (Id, Id, Id),
    at: Timestamp,
    kind: EventKind,
    line_id: Option<Id>,
) -> Result<Event, StoreError> {
    let seq = sqlx::query_scalar(
        "insert into event (property_id, conversation_id, department_id, kind, at, line_id)
         values (?1, ?2, ?3, ?4, ?5, ?6) returning seq",
    )
    .bind(property_id)
    .bind(conversation_id)
    .bind(department_id)
    .bind(kind.name())
    .bind(at.as_millis())
    .bind(line_id)
    .fetch_one(writer)
    .await?;
    Ok(Event { seq, property_id, conversation_id, department_id, at, kind })
}
