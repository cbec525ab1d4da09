//! Guests' messages from other programs (contract 3).

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{StatusCode, header, request::Parts},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    auth::{bearer, hash_secret},
    chat::{Answer, Change, GuestKey, GuestMessage, Stored},
    gateway_traffic::Call,
    protocol::{Id, check_content},
    store::gateways::{self, KnownGateway},
    text::{self, Number, PersonName, RoomNumber, has_visible_character},
};

use super::{departments, extract::LenientBody, problem::Problem};

/// Where messages go that name no department.
const FIRST_DEPARTMENT: &str = "reception";

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(receive))
}

impl FromRequestParts<App> for KnownGateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = parts.headers.get(header::AUTHORIZATION).and_then(bearer).ok_or_else(|| {
            Problem::unauthorized("Send the gateway's key: Authorization: Bearer KEY")
        })?;
        gateways::by_key_hash(&app.store, &hash_secret(key)).await?.ok_or_else(|| {
            Problem::unauthorized(
                "This gateway key is not valid; use the key that `frontdesk-server gateway \
                 create` printed",
            )
        })
    }
}

/// A guest's message. No message is lost because of how its gateway writes: half a character becomes U+FFFD, and a
/// number where a text is expected becomes its digits.
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct GatewayMessage {
    /// The message's id in the gateway: the same one again stores nothing.
    #[serde(deserialize_with = "text::lenient::required")]
    #[garde(length(chars, min = 1, max = 255))]
    external_id: String,
    /// The guest's number, written in any way; or `guest_ref`.
    #[serde(default, deserialize_with = "text::lenient::deserialize")]
    #[garde(inner(length(chars, max = 255)))]
    whatsapp_number: Option<String>,
    /// The gateway's own name for a guest; or `whatsapp_number`.
    #[serde(default, deserialize_with = "text::lenient::deserialize")]
    #[garde(inner(length(chars, min = 1, max = 255)))]
    guest_ref: Option<String>,
    /// What the guest is called. Control characters become spaces, what is too long is cut: no message
    /// is lost because of it.
    #[serde(default, deserialize_with = "text::lenient::cleaned")]
    #[garde(dive)]
    #[schema(value_type = Option<String>)]
    name: Option<PersonName>,
    /// Where the guest stays; an unknown room is added. Cleaned in the same way.
    #[serde(default, deserialize_with = "text::lenient::cleaned")]
    #[garde(dive)]
    #[schema(value_type = Option<String>)]
    room_number: Option<RoomNumber>,
    /// Slug or name; `reception` when missing.
    #[serde(default, deserialize_with = "text::lenient::deserialize")]
    #[garde(inner(length(chars, max = 100)))]
    department: Option<String>,
    /// The text, at most 4,096 characters after trimming; U+0000 is removed.
    #[serde(default, deserialize_with = "text::lenient::deserialize")]
    #[garde(skip)]
    content: Option<String>,
}

/// The stored message.
#[derive(Serialize, ToSchema)]
struct Received {
    /// Its id.
    message_id: Id,
    /// Its conversation.
    conversation_id: Id,
    /// Whether the conversation was created for this message.
    conversation_created: bool,
}

impl GatewayMessage {
    /// Who writes; `Err`: the member that is wrong, and why. What cannot be read as a number is the gateway's own
    /// address of the guest.
    pub(super) fn guest(
        &self,
        country: Option<&str>,
    ) -> Result<GuestKey, (&'static str, &'static str)> {
        match (&self.whatsapp_number, &self.guest_ref) {
            (Some(given), None) if has_visible_character(given) => Ok(Number::read(given, country)
                .map_or_else(
                    |_| GuestKey::Ref(given.replace('\0', "").trim().to_owned()),
                    |number| GuestKey::WhatsappNumber(number.into()),
                )),
            (Some(_), None) => Err(("whatsapp_number", "must not be empty")),
            (None, Some(guest_ref)) if has_visible_character(guest_ref) => {
                Ok(GuestKey::Ref(guest_ref.trim().to_owned()))
            }
            (None, Some(_)) => Err(("guest_ref", "must not be empty")),
            (None, None) => Err(("whatsapp_number", "whatsapp_number or guest_ref is required")),
            (Some(_), Some(_)) => Err(("guest_ref", "must not be combined with whatsapp_number")),
        }
    }
}

/// Receives a guest's message.
#[utoipa::path(post, path = "/gateway/messages/", tag = "gateway", request_body = GatewayMessage,
    security(("gateway" = [])),
    responses((status = 201, body = Received), (status = 200, body = Received,
    description = "The message had been stored before"), (status = 401, body = Problem),
    (status = 422, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)))]
async fn receive(
    State(app): State<App>,
    gateway: KnownGateway,
    LenientBody(message): LenientBody<GatewayMessage>,
) -> Result<(StatusCode, Json<Received>), Problem> {
    app.gateway_traffic.admit(gateway.id, Call::Message).map_err(Problem::gateway_too_fast)?;
    let guest = message.guest(gateway.country.as_deref());
    let guest = guest.map_err(|(field, why)| Problem::invalid_field(field, why))?;
    // Its length is that of what was sent: the same message again is the same.
    let content = check_content(message.content.as_deref().map(str::trim))?;
    let content = content.replace('\0', "").trim().to_owned();
    let department = match message.department.as_deref().map(str::trim) {
        None | Some("") => FIRST_DEPARTMENT.to_owned(),
        Some(given) => departments::slug(&app, gateway.property_id, given).await?,
    };
    let change = Change::GuestMessage(GuestMessage {
        property_id: gateway.property_id,
        gateway_id: gateway.id,
        external_id: message.external_id,
        address: message.whatsapp_number.or(message.guest_ref).unwrap_or_default(),
        guest,
        name: message.name.map(String::from),
        room_number: message.room_number.map(String::from),
        department,
        content,
    });
    match app.journal.submit(change).await? {
        Answer::Stored(Stored {
            message_id,
            conversation_id,
            duplicate,
            conversation_created,
            ..
        }) => {
            app.gateway_traffic.record_message(gateway.id, app.clock.now());
            let status = if duplicate { StatusCode::OK } else { StatusCode::CREATED };
            Ok((status, Json(Received { message_id, conversation_id, conversation_created })))
        }
        _ => Err(Problem::unavailable()),
    }
}
