//! Check-in, check-out and rooms.

use sqlx::SqliteConnection;

use crate::{
    app::App,
    audit::Subject,
    chat::GuestSelector,
    hub::Effect,
    protocol::Id,
    store::{
        guest_events::{By, GuestBefore},
        guests::{self, CheckedIn, GuestData, RoomAdded},
        lookups,
        numbers::{self, Claim, TakenOver},
        properties,
    },
    text::{Language, Number, PersonName, RoomNumber},
};

use super::{AdminError, Arrives, GuestChoice, Response, RoomLine, given, place::Place};

/// A guest who arrives, as the command line says it.
pub(super) struct Arriving {
    pub(super) name: String,
    pub(super) room: String,
    pub(super) whatsapp: Option<String>,
    pub(super) language: Option<String>,
    pub(super) arrives: Option<Arrives>,
}

pub(super) async fn check_in(
    app: &App,
    wanted: Option<Id>,
    arriving: &Arriving,
) -> Result<Response, AdminError> {
    let language = arriving.language.as_deref().map(|it| given("--language", Language::read(it)));
    let mut data = GuestData {
        name: Some(given("--name", PersonName::read(&arriving.name))?.into()),
        whatsapp_number: None,
        language: language.transpose()?.map(String::from),
    };
    let room_number = String::from(given("--room", RoomNumber::read(&arriving.room))?);
    let (number, arrives, now) = (arriving.whatsapp.clone(), arriving.arrives, app.clock.now());
    let zone = app.config.time_zone.clone();
    let (guest_id, stay_id, room_number) = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let mut place = Place::known_or_first(writer, wanted, &zone, now).await?;
                if let Some(number) = &number {
                    let property_id = place.property_id;
                    data.whatsapp_number = Some(read_number(writer, property_id, number).await?);
                }
                let by = By { staff_id: None, at: now };
                let arrived = guest(writer, &mut place, (&data, arrives), by).await?;
                let Arrived { guest_id, before, taken_over } = arrived;
                let TakenOver { mut events, .. } = taken_over;
                let whom = (place.property_id, guest_id);
                let CheckedIn { stay_id, room_number, is_new } =
                    guests::check_in(writer, whom, &room_number, None, now).await?;
                if is_new {
                    place.did("checked_in", Subject::Stay(stay_id));
                }
                if let Some(before) = before {
                    events.extend(before.changed(writer).await?);
                }
                let written = place.written((guest_id, stay_id, room_number));
                Ok::<_, AdminError>(written.telling([Effect::Happened(events)]))
            })
        })
        .await?;
    Ok(Response::CheckedIn { guest_id, stay_id, room_number })
}

/// A guest who has arrived.
struct Arrived {
    guest_id: Id,
    /// As a known guest was before.
    before: Option<GuestBefore>,
    /// The events and guests that are affected by a number that was taken over.
    taken_over: TakenOver,
}

/// The guest who arrives: the one who has this number, brought up to date, or a new one.
async fn guest(
    writer: &mut SqliteConnection,
    place: &mut Place,
    (data, arrives): (&GuestData, Option<Arrives>),
    by: By,
) -> Result<Arrived, AdminError> {
    let property_id = place.property_id;
    let name = data.name.as_deref().unwrap_or_default();
    let mut taken_over = TakenOver::default();
    if let Some(number) = &data.whatsapp_number
        && let Some(owner) = numbers::owner(writer, property_id, number).await?
    {
        match arrives {
            Some(Arrives::NewGuest) if !owner.is_called(name) => {
                let whom = (property_id, None);
                let claim = numbers::claim(writer, whom, number, Some(owner.id), by).await?;
                if let Claim::Free(free) = claim {
                    for id in &free.former {
                        place.did("updated", Subject::Guest(*id));
                    }
                    taken_over = free;
                }
            }
            None if !owner.is_called(name) => {
                return Err(AdminError::failed(format!(
                    "guest {} ({}) has the number +{number}; if {name} is the same person, \
                     repeat the command with --same-guest; if not, repeat it with \
                     --new-guest, and the number passes to a new guest",
                    owner.id, owner.name
                )));
            }
            _ => {
                let before = GuestBefore::read(writer, (property_id, owner.id), by).await?;
                guests::update(writer, (property_id, owner.id), data).await?;
                place.did("updated", Subject::Guest(owner.id));
                return Ok(Arrived { guest_id: owner.id, before: Some(before), taken_over });
            }
        }
    }
    let created = guests::create(writer, property_id, data, by.at).await?;
    let id = created.ok_or_else(|| {
        AdminError::failed("another guest already has this number; run the command again")
    })?;
    place.did("created", Subject::Guest(id));
    Ok(Arrived { guest_id: id, before: None, taken_over })
}

/// The digits of a number that was given with `--whatsapp`; without its country it is of the property's.
async fn read_number(
    writer: &mut SqliteConnection,
    property_id: Id,
    given: &str,
) -> Result<String, AdminError> {
    let country = properties::country(writer, property_id).await?;
    let number = Number::read(given, country.as_deref()).map(String::from);
    number.map_err(|error| AdminError::failed(format!("--whatsapp {error}")))
}

/// The guest to check out, and the error text when that guest is not checked in.
async fn selector(
    writer: &mut SqliteConnection,
    property_id: Id,
    guest: GuestChoice,
) -> Result<(GuestSelector, String), AdminError> {
    Ok(match guest {
        GuestChoice::Id(id) => (GuestSelector::Id(id), format!("guest {id} is not checked in")),
        GuestChoice::Whatsapp(number) => (
            GuestSelector::WhatsappNumber(read_number(writer, property_id, &number).await?),
            format!("no guest with the number {number} is checked in"),
        ),
        GuestChoice::Room(room) => {
            let room = room.trim().to_owned();
            let whom = format!("no guest is checked in to room {room}");
            (GuestSelector::RoomNumber(room), whom)
        }
    })
}

pub(super) async fn check_out(
    app: &App,
    wanted: Option<Id>,
    guest: GuestChoice,
) -> Result<Response, AdminError> {
    let now = app.clock.now();
    let stay = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let mut place = Place::known(writer, wanted).await?;
                let property_id = place.property_id;
                let (selector, whom) = selector(writer, property_id, guest).await?;
                let found = lookups::select_guests(writer, property_id, &selector).await?;
                let guest_id = match found.as_slice() {
                    [] => return Err(AdminError::failed(whom)),
                    [guest_id] => *guest_id,
                    several => {
                        let ids: Vec<_> = several.iter().map(Id::to_string).collect();
                        return Err(AdminError::failed(format!(
                            "several guests are checked in to that room; choose one with \
                             --guest: {}",
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
        .map(|number| given("a room number", RoomNumber::read(number)).map(String::from))
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
                    let ((id, number, _), added) =
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
