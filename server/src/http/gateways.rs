//! Gateways: admins' calls.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    admin::{GatewayLastError, GatewayLine, GatewaySecrets, gateway_callback, gateway_entries},
    app::App,
    audit::{Actor, Entry, Subject},
    auth::Admin,
    journal::Written,
    protocol::{Id, Timestamp},
    store::{
        StoreError,
        gateways::{self, GatewayChange, GatewayError, GatewayRow, NewGateway},
    },
    text::GatewayName,
};

use super::{
    extract::{Body, PathId},
    patch::{Member, unchanged},
    problem::Problem,
};

/// Longest address that replies are sent to, in characters.
pub(super) const URL_MAX_CHARS: usize = 2_000;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(update))
        .routes(routes!(renew_key))
}

/// A gateway.
#[derive(Serialize, ToSchema)]
struct Gateway {
    id: Id,
    /// What staff call it.
    name: String,
    /// Where replies go; `null`: no replies leave through it.
    callback_url: Option<String>,
    /// Whether it may check guests in and out.
    stays: bool,
    /// The gateway through which replies to its guests leave instead.
    replies_through: Option<Id>,
    /// Whether its key is refused and no replies leave through it.
    is_disabled: bool,
    /// When it last brought a guest's message.
    last_message_at: Option<Timestamp>,
    /// Replies that wait for it.
    pending: i64,
    /// Replies that have failed through it.
    failed: i64,
    /// Why it last did not accept a reply.
    last_error: Option<GatewayLastError>,
}

impl Gateway {
    fn new(app: &App, row: GatewayRow) -> Self {
        let line = GatewayLine::new(app, row);
        Self {
            id: line.id,
            name: line.name,
            callback_url: line.callback_url,
            stays: line.stays,
            replies_through: line.replies_through,
            is_disabled: line.is_disabled,
            last_message_at: line.last_message_at,
            pending: line.pending,
            failed: line.failed,
            last_error: line.last_error,
        }
    }
}

/// All gateways.
#[derive(Serialize, ToSchema)]
struct Gateways {
    results: Vec<Gateway>,
}

/// Lists the gateways of the property, in the order in which they were created.
#[utoipa::path(get, path = "/gateways/", tag = "property",
    responses((status = 200, body = Gateways), (status = 403, body = Problem)))]
async fn list(State(app): State<App>, Admin(admitted): Admin) -> Result<Json<Gateways>, Problem> {
    let rows = gateways::list(&app.store, Some(admitted.staff.property.id)).await?;
    Ok(Json(Gateways { results: rows.into_iter().map(|row| Gateway::new(&app, row)).collect() }))
}

/// A gateway to be created.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GatewayBody {
    #[garde(dive)]
    #[schema(value_type = String)]
    name: GatewayName,
    /// Where replies go, as `http` or `https`; without it no replies leave through the gateway.
    #[garde(inner(length(chars, max = URL_MAX_CHARS)))]
    callback_url: Option<String>,
    /// Whether it may check guests in and out.
    #[serde(default)]
    #[garde(skip)]
    stays: bool,
}

/// A gateway that was created. Key and secret are not shown again.
#[derive(Serialize, ToSchema)]
struct NewGatewayShown {
    id: Id,
    name: String,
    /// The gateway sends it with each call: `Authorization: Bearer KEY`.
    key: String,
    /// What its replies are signed with.
    signing_secret: String,
}

/// Creates a gateway.
#[utoipa::path(post, path = "/gateways/", tag = "property", request_body = GatewayBody,
    responses((status = 201, body = NewGatewayShown), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(app): State<App>,
    Admin(admitted): Admin,
    Body(body): Body<GatewayBody>,
) -> Result<(StatusCode, Json<NewGatewayShown>), Problem> {
    let (property_id, actor) = (admitted.staff.property.id, Actor::Staff(admitted.staff.id));
    let name = String::from(body.name);
    let secrets = GatewaySecrets::generate();
    let new = NewGateway {
        property_id,
        name: name.clone(),
        key_hash: secrets.key_hash(),
        signing_secret: secrets.signing_secret.clone(),
        callback_url: body.callback_url.as_deref().map(|url| callback(&app, url)).transpose()?,
        may_call_loopback: false,
        stays: body.stays,
    };
    let now = app.clock.now();
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let id = gateways::create(writer, &new, now).await?;
            let entry = Entry::new(property_id, actor, "created", Subject::Gateway(id));
            Ok::<_, Problem>(Written::logged(id, [entry]))
        })
    });
    let id = written.await?;
    let GatewaySecrets { key, signing_secret } = secrets;
    Ok((StatusCode::CREATED, Json(NewGatewayShown { id, name, key, signing_secret })))
}

fn callback(app: &App, url: &str) -> Result<String, Problem> {
    gateway_callback(url, &app.config.callback_rules())
        .map_err(|why| Problem::invalid_field("callback_url", why))
}

/// What to change about a gateway; missing members stay. What `GET` shows and cannot be changed may be sent as it is.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GatewayPatch {
    /// Cannot be changed.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = i64, required = false, read_only)]
    id: Member<Value>,
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = String, required = false)]
    name: Member<GatewayName>,
    /// `null`: no replies leave through the gateway.
    #[serde(default)]
    #[garde(custom(url_length))]
    #[schema(value_type = Option<String>, required = false)]
    callback_url: Member<String>,
    /// Cannot be changed.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = bool, required = false)]
    stays: Member<Value>,
    /// A gateway of the property that takes replies: waiting and later replies to this gateway's guests leave through it.
    /// `null`: later ones leave through this gateway again.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<Id>, required = false)]
    replies_through: Member<Id>,
    /// `true`: its key is refused, and no replies leave through it.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = bool, required = false)]
    is_disabled: Member<bool>,
    /// Ignored.
    #[expect(dead_code, reason = "accepted and ignored")]
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, required = false, read_only)]
    last_message_at: Member<Value>,
    /// Ignored.
    #[expect(dead_code, reason = "accepted and ignored")]
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = i64, required = false, read_only)]
    pending: Member<Value>,
    /// Ignored.
    #[expect(dead_code, reason = "accepted and ignored")]
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = i64, required = false, read_only)]
    failed: Member<Value>,
    /// Ignored.
    #[expect(dead_code, reason = "accepted and ignored")]
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<GatewayLastError>, required = false)]
    last_error: Member<Value>,
}

fn url_length(given: &Member<String>, (): &()) -> garde::Result {
    match given {
        Member::Value(url) if url.chars().count() > URL_MAX_CHARS => {
            Err(garde::Error::new("is too long"))
        }
        _ => Ok(()),
    }
}

impl GatewayPatch {
    /// The members that differ from the present ones.
    ///
    /// # Errors
    /// `422` for a member that cannot be changed, or cannot have the value.
    fn change(self, app: &App, before: &GatewayRow) -> Result<GatewayChange, Problem> {
        unchanged("id", &self.id, before.id)?;
        unchanged("stays", &self.stays, before.stays)?;
        let callback_url = match self.callback_url.removable() {
            // The present one is accepted: it may have been set on the command line.
            Some(Some(url)) if before.callback_url.as_ref() != Some(&url) => {
                Some(Some(callback(app, &url)?))
            }
            Some(Some(_)) | None => None,
            Some(None) => Some(None),
        };
        Ok(GatewayChange {
            name: self.name.required("name")?.map(String::from),
            callback_url,
            may_call_loopback: false,
            is_disabled: self.is_disabled.required("is_disabled")?,
            replies_through: self.replies_through.removable(),
        })
    }
}

/// Changes a gateway. Where nothing changes, nothing is logged.
#[utoipa::path(patch, path = "/gateways/{id}/", tag = "property", params(("id" = i64, Path)),
    request_body = GatewayPatch, responses((status = 200, body = Gateway), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn update(
    State(app): State<App>,
    Admin(admitted): Admin,
    PathId(id): PathId,
    Body(patch): Body<GatewayPatch>,
) -> Result<Json<Gateway>, Problem> {
    let (property_id, actor) = (admitted.staff.property.id, Actor::Staff(admitted.staff.id));
    let before = {
        let mut connection = app.store.pool().acquire().await.map_err(StoreError::from)?;
        gateways::one(&mut connection, (property_id, id)).await?
    };
    let change = patch.change(&app, &before)?;
    if change.is_nothing(&before) {
        return Ok(Json(Gateway::new(&app, before)));
    }
    let now = app.clock.now();
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let changed = gateways::change(writer, (property_id, id), change, now).await?;
            let log = gateway_entries(property_id, actor, &changed);
            Ok::<_, Problem>(Written::logged(changed, log))
        })
    });
    let changed = written.await?;
    app.journal.deliver_through(changed.deliver_through());
    Ok(Json(Gateway::new(&app, changed.gateway)))
}

/// A gateway's new key and secret, which are not shown again.
#[derive(Serialize, ToSchema)]
struct RenewedKey {
    /// The gateway sends it with each call from now on.
    key: String,
    /// What its replies are signed with from now on.
    signing_secret: String,
}

/// Gives a gateway a new key and signing secret. The previous ones stop working.
#[utoipa::path(post, path = "/gateways/{id}/renew-key/", tag = "property", params(("id" = i64, Path)),
    responses((status = 200, body = RenewedKey), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
async fn renew_key(
    State(app): State<App>,
    Admin(admitted): Admin,
    PathId(id): PathId,
) -> Result<Json<RenewedKey>, Problem> {
    let (property_id, actor) = (admitted.staff.property.id, Actor::Staff(admitted.staff.id));
    let secrets = GatewaySecrets::generate();
    let (key_hash, signing_secret) = (secrets.key_hash(), secrets.signing_secret.clone());
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            gateways::renew_key(writer, (property_id, id), &key_hash, &signing_secret).await?;
            let entry = Entry::new(property_id, actor, "key_renewed", Subject::Gateway(id));
            Ok::<_, Problem>(Written::logged((), [entry]))
        })
    });
    written.await?;
    let GatewaySecrets { key, signing_secret } = secrets;
    Ok(Json(RenewedKey { key, signing_secret }))
}

impl From<GatewayError> for Problem {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::NotFound => Self::not_found("gateway_not_found", "Gateway not found"),
            GatewayError::NameTaken => {
                Self::conflict("gateway_exists", "Another gateway has this name")
            }
            GatewayError::RepliesThrough(why) => Self::invalid_field("replies_through", why),
            GatewayError::Store(error) => error.into(),
        }
    }
}
