//! Check-in, check-out and rooms.

use sqlx::SqliteConnection;

use crate::{
    app::App,
    audit::Subject,
    chat::GuestSelector,
    journal::Written,
    protocol::{Id, Timestamp},
    store::{
        departments,
        guests::{self, GuestData},
        lookups,
    },
};

use super::{
    AdminError, GuestChoice, Response, RoomLine,
    execute::{choose_property, log, number_of, property},
};

pub(super) async fn check_in(
    app: &App,
    wanted: Option<Id>,
    data: GuestData,
    room_number: String,
) -> Result<Response, AdminError> {
    let (room, now) = (room_number.clone(), app.clock.now());
    let (guest_id, stay_id) = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let property_id = property(writer, wanted, now).await?;
                let (guest_id, action) = guest(writer, property_id, &data, now).await?;
                let place = (property_id, guest_id);
                let stay_id = guests::check_in(writer, place, &room, None, now).await?;
                let done =
                    [(action, Subject::Guest(guest_id)), ("checked_in", Subject::Stay(stay_id))];
                log(writer, (property_id, now), &done).await?;
                Ok::<_, AdminError>(Written::quiet((guest_id, stay_id)))
            })
        })
        .await?;
    Ok(Response::CheckedIn { guest_id, stay_id, room_number })
}

/// The guest with that number, brought up to date, or a new one; and what the log calls that.
async fn guest(
    writer: &mut SqliteConnection,
    property_id: Id,
    data: &GuestData,
    now: Timestamp,
) -> Result<(Id, &'static str), AdminError> {
    if let Some(number) = &data.whatsapp_number {
        let selector = GuestSelector::WhatsappNumber(number.clone());
        let known = lookups::select_guests(writer, property_id, &selector).await?;
        if let Some(id) = known.first() {
            guests::update(writer, (property_id, *id), data).await?;
            return Ok((*id, "updated"));
        }
    }
    let created = guests::create(writer, property_id, data, now).await?;
    let id = created.ok_or_else(|| AdminError::failed("another guest has this number"))?;
    Ok((id, "created"))
}

pub(super) async fn check_out(
    app: &App,
    wanted: Option<Id>,
    guest: GuestChoice,
) -> Result<Response, AdminError> {
    let (selector, whom) = match guest {
        GuestChoice::Id(id) => (GuestSelector::Id(id), format!("guest {id} does not stay here")),
        GuestChoice::Whatsapp(number) => (
            GuestSelector::WhatsappNumber(number_of(&number)?),
            format!("nobody with the number {number} stays here"),
        ),
        GuestChoice::Room(room) => {
            let room = room.trim().to_owned();
            let whom = format!("nobody stays in room {room}");
            (GuestSelector::RoomNumber(room), whom)
        }
    };
    let now = app.clock.now();
    let stay = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let known = departments::properties_in(writer).await?;
                let property_id = choose_property(&known, wanted)?;
                let found = lookups::select_guests(writer, property_id, &selector).await?;
                let guest_id = match found.as_slice() {
                    [] => return Err(AdminError::failed(whom)),
                    [guest_id] => *guest_id,
                    several => {
                        let ids: Vec<_> = several.iter().map(Id::to_string).collect();
                        return Err(AdminError::failed(format!(
                            "several guests stay in that room; say who leaves with --guest: {}",
                            ids.join(", ")
                        )));
                    }
                };
                let Some(stay) = guests::active_stay(writer, property_id, guest_id).await? else {
                    return Err(AdminError::failed(whom));
                };
                guests::check_out(writer, (property_id, stay.id), now).await?;
                let done = [("checked_out", Subject::Stay(stay.id))];
                log(writer, (property_id, now), &done).await?;
                Ok(Written::quiet(stay))
            })
        })
        .await?;
    Ok(Response::CheckedOut {
        guest_id: stay.guest_id,
        stay_id: stay.id,
        room_number: stay.room_number,
    })
}

pub(super) async fn add_rooms(
    app: &App,
    wanted: Option<Id>,
    numbers: Vec<String>,
) -> Result<Response, AdminError> {
    let now = app.clock.now();
    let rooms = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let property_id = property(writer, wanted, now).await?;
                let mut rooms = Vec::with_capacity(numbers.len());
                for number in numbers {
                    let (id, new) = guests::add_room(writer, property_id, &number, None).await?;
                    if new {
                        log(writer, (property_id, now), &[("created", Subject::Room(id))]).await?;
                    }
                    rooms.push(RoomLine { id, number });
                }
                Ok::<_, AdminError>(Written::quiet(rooms))
            })
        })
        .await?;
    Ok(Response::Rooms { rooms })
}
