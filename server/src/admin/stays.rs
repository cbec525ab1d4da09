//! Check-in, check-out and rooms.

use sqlx::SqliteConnection;

use crate::{
    app::App,
    audit::Subject,
    chat::GuestSelector,
    hub::Effect,
    protocol::{Id, Timestamp},
    store::{
        guest_events::{By, GuestBefore},
        guests::{self, GuestData, RoomAdded},
        lookups,
    },
    text::{Language, Number, PersonName, RoomNumber, digits},
};

use super::{AdminError, GuestChoice, Response, RoomLine, given, place::Place};

/// A guest who arrives, as the command line says it.
pub(super) struct Arriving {
    pub(super) name: String,
    pub(super) room: String,
    pub(super) whatsapp: Option<String>,
    pub(super) language: Option<String>,
}

pub(super) async fn check_in(
    app: &App,
    wanted: Option<Id>,
    arriving: &Arriving,
) -> Result<Response, AdminError> {
    let number = arriving.whatsapp.as_deref().map(|it| given("--whatsapp", Number::read(it)));
    let language = arriving.language.as_deref().map(|it| given("--language", Language::read(it)));
    let data = GuestData {
        name: Some(given("a name", PersonName::read(&arriving.name))?.into()),
        whatsapp_number: number.transpose()?.map(String::from),
        language: language.transpose()?.map(String::from),
    };
    let room_number = String::from(given("a room", RoomNumber::read(&arriving.room))?);
    let (room, now) = (room_number.clone(), app.clock.now());
    let zone = app.config.time_zone.clone();
    let (guest_id, stay_id) = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let mut place = Place::known_or_first(writer, wanted, &zone, now).await?;
                let (guest_id, action, before) =
                    guest(writer, place.property_id, &data, now).await?;
                let whom = (place.property_id, guest_id);
                let stay_id = guests::check_in(writer, whom, &room, None, now).await?;
                place.did(action, Subject::Guest(guest_id));
                place.did("checked_in", Subject::Stay(stay_id));
                let events = match before {
                    Some(before) => before.changed(writer).await?,
                    None => Vec::new(),
                };
                let written = place.written((guest_id, stay_id));
                Ok::<_, AdminError>(written.telling([Effect::Happened(events)]))
            })
        })
        .await?;
    Ok(Response::CheckedIn { guest_id, stay_id, room_number })
}

/// The guest with that number, brought up to date, or a new one; what the log calls that; and a known guest
/// as they were before.
async fn guest(
    writer: &mut SqliteConnection,
    property_id: Id,
    data: &GuestData,
    now: Timestamp,
) -> Result<(Id, &'static str, Option<GuestBefore>), AdminError> {
    if let Some(number) = &data.whatsapp_number {
        let selector = GuestSelector::WhatsappNumber(number.clone());
        let known = lookups::select_guests(writer, property_id, &selector).await?;
        if let Some(id) = known.first() {
            let by = By { staff_id: None, at: now };
            let before = GuestBefore::read(writer, (property_id, *id), by).await?;
            guests::update(writer, (property_id, *id), data).await?;
            return Ok((*id, "updated", Some(before)));
        }
    }
    let created = guests::create(writer, property_id, data, now).await?;
    let id = created.ok_or_else(|| AdminError::failed("another guest has this number"))?;
    Ok((id, "created", None))
}

pub(super) async fn check_out(
    app: &App,
    wanted: Option<Id>,
    guest: GuestChoice,
) -> Result<Response, AdminError> {
    let (selector, whom) = match guest {
        GuestChoice::Id(id) => (GuestSelector::Id(id), format!("guest {id} does not stay here")),
        GuestChoice::Whatsapp(number) => (
            GuestSelector::WhatsappNumber(digits(&number)),
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
                let mut place = Place::known(writer, wanted).await?;
                let property_id = place.property_id;
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
                let by = By { staff_id: None, at: now };
                let before = GuestBefore::read(writer, (property_id, guest_id), by).await?;
                guests::check_out(writer, (property_id, stay.id), now).await?;
                place.did("checked_out", Subject::Stay(stay.id));
                let events = before.changed(writer).await?;
                Ok(place.written(stay).telling([Effect::Happened(events)]))
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
    numbers: &[String],
) -> Result<Response, AdminError> {
    let numbers = numbers
        .iter()
        .map(|number| given("a room", RoomNumber::read(number)).map(String::from))
        .collect::<Result<Vec<_>, _>>()?;
    let now = app.clock.now();
    let zone = app.config.time_zone.clone();
    let rooms = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let mut place = Place::known_or_first(writer, wanted, &zone, now).await?;
                let mut rooms = Vec::with_capacity(numbers.len());
                for number in numbers {
                    let property_id = place.property_id;
                    let ((id, ..), added) =
                        guests::add_room(writer, property_id, &number, None).await?;
                    if added == RoomAdded::New {
                        place.did("created", Subject::Room(id));
                    }
                    rooms.push(RoomLine { id, number });
                }
                Ok::<_, AdminError>(place.written(rooms))
            })
        })
        .await?;
    Ok(Response::Rooms { rooms })
}
