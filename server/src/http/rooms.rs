//! Rooms.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    auth::Admitted,
    journal::Written,
    protocol::Id,
    store::{
        StoreError,
        guests::{self, RoomAdded},
    },
    text::{self, Floor, RoomNumber},
};

use super::{extract::Body, problem::Problem};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add))
}

/// A room.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Room {
    id: Id,
    number: String,
    floor: Option<String>,
}

/// Rooms of the property, by number.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Rooms {
    results: Vec<Room>,
}

/// Lists the rooms of the property.
#[utoipa::path(get, path = "/rooms/", tag = "guests", responses((status = 200, body = Rooms)))]
async fn list(State(app): State<App>, admitted: Admitted) -> Result<Json<Rooms>, Problem> {
    let rows = guests::rooms(&app.store, admitted.staff.property.id).await?;
    let results = rows.into_iter().map(|(id, number, floor)| Room { id, number, floor }).collect();
    Ok(Json(Rooms { results }))
}

/// A room to be added.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export, optional_fields)]
pub(super) struct RoomBody {
    #[ts(optional = false, as = "String")]
    #[garde(dive)]
    #[schema(value_type = String)]
    number: RoomNumber,
    #[serde(default, with = "text::optional")]
    #[garde(dive)]
    #[schema(value_type = Option<String>)]
    #[ts(as = "Option<String>")]
    floor: Option<Floor>,
}

/// Adds a room, or sets the floor of an existing one.
#[utoipa::path(post, path = "/rooms/", tag = "guests", request_body = RoomBody,
    responses((status = 201, body = Room), (status = 200, body = Room, description = "The room existed already"),
    (status = 422, body = Problem)))]
async fn add(
    State(app): State<App>,
    admitted: Admitted,
    Body(body): Body<RoomBody>,
) -> Result<(StatusCode, Json<Room>), Problem> {
    let property_id = admitted.staff.property.id;
    let actor = Actor::Staff(admitted.staff.id);
    let ((id, number, floor), added) = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let (number, floor) = (String::from(body.number), body.floor.map(String::from));
                let added =
                    guests::add_room(writer, property_id, &number, floor.as_deref()).await?;
                let action = match added.1 {
                    RoomAdded::New => Some("created"),
                    RoomAdded::Moved => Some("updated"),
                    RoomAdded::Known => None,
                };
                let subject = Subject::Room(added.0.0);
                let entry = action.map(|action| Entry::new(property_id, actor, action, subject));
                Ok::<_, StoreError>(Written::logged(added, entry))
            })
        })
        .await?;
    let status = if added == RoomAdded::New { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Room { id, number, floor })))
}
