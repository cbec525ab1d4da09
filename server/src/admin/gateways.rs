//! Gateways.

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    auth::{Secret, hash_secret},
    delivery::AddressRules,
    protocol::{Id, Timestamp},
    store::gateways::{self, Changed, GatewayChange, GatewayError, GatewayRow, NewGateway},
    text::GatewayName,
};

use super::{AdminError, Choice, Response, given, place::Place};

/// A gateway, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayLine {
    /// Its id.
    pub id: Id,
    /// What staff call it.
    pub name: String,
    /// Where replies go; `None`: no replies leave through it.
    pub callback_url: Option<String>,
    /// Whether it may check guests in and out.
    pub stays: bool,
    /// The gateway through which replies to its guests leave instead.
    pub replies_through: Option<Id>,
    /// Whether its key is refused and no replies leave through it.
    pub is_disabled: bool,
    /// When it last brought a guest's message.
    pub last_message_at: Option<Timestamp>,
    /// Replies that wait for it.
    pub pending: i64,
    /// Replies that have failed through it.
    pub failed: i64,
    /// Why it last did not accept a reply.
    pub last_error: Option<GatewayLastError>,
    /// The property whose guests it brings.
    pub property_id: Id,
}

/// Why a gateway did not accept a reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GatewayLastError {
    /// The status of its answer; `null`: it did not answer, or was not asked.
    pub status: Option<u16>,
    /// The same in English.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl GatewayLine {
    /// A gateway, with the time of its latest message, which may not be in the database yet.
    pub(crate) fn new(app: &App, row: GatewayRow) -> Self {
        let last_message_at = row.last_message_at.max(app.gateway_traffic.last_message_at(row.id));
        Self {
            id: row.id,
            name: row.name,
            callback_url: row.callback_url,
            stays: row.stays,
            replies_through: row.replies_through,
            is_disabled: row.is_disabled,
            last_message_at,
            pending: row.pending,
            failed: row.failed,
            last_error: row.last_error.map(|error| GatewayLastError {
                status: error.status,
                reason: error.reason,
                at: error.at,
            }),
            property_id: row.property_id,
        }
    }
}

/// The key that a gateway sends with its calls, and the secret that its replies are signed with. Both are shown once.
pub(crate) struct Secrets {
    pub(crate) key: String,
    pub(crate) signing_secret: String,
}

impl Secrets {
    pub(crate) fn generate() -> Self {
        Self {
            key: format!("fdgk_{}", Secret::generate().reveal()),
            signing_secret: format!("fdgs_{}", Secret::generate().reveal()),
        }
    }

    pub(crate) fn key_hash(&self) -> Vec<u8> {
        hash_secret(&self.key)
    }
}

/// The entry of the audit log for a change.
pub(crate) fn entries(property_id: Id, actor: Actor, changed: &Changed) -> Vec<Entry> {
    if changed.members.is_empty() {
        return Vec::new();
    }
    let entry = Entry::new(property_id, actor, "updated", Subject::Gateway(changed.gateway.id));
    vec![entry.with(changed.members.join(","))]
}

/// Reads the address that replies are sent to.
///
/// # Errors
/// What is wrong with it, and what to do.
pub(crate) fn callback(url: &str, rules: &AddressRules) -> Result<String, String> {
    let read = Url::parse(url).ok();
    let read = read.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(read) = read else {
        return Err("specify a URL such as https://host/path".to_owned());
    };
    rules.check_url(&read).map_err(|error| error.to_string())?;
    Ok(url.to_owned())
}

/// A callback that was given on the command line: it may be on this computer.
fn given_callback(url: &str) -> Result<String, AdminError> {
    let rules = AddressRules { loopback: true, networks: Vec::new() };
    callback(url, &rules)
        .map_err(|error| AdminError::usage(format!("replies cannot be sent to {url:?}: {error}")))
}

impl From<GatewayError> for AdminError {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::Store(error) => error.into(),
            GatewayError::RepliesThrough(why) => {
                Self::failed(format!("--replies-through: {why}; nothing was changed"))
            }
            GatewayError::NotFound => {
                Self::failed("there is no gateway with this id; `gateway list` shows all of them")
            }
            error @ GatewayError::NameTaken => Self::failed(error.to_string()),
        }
    }
}

pub(super) async fn create(
    app: &App,
    wanted: Option<Id>,
    (name, stays): (&str, bool),
    callback_url: Option<String>,
) -> Result<Response, AdminError> {
    let name = String::from(given("--name", GatewayName::read(name))?);
    let callback_url = callback_url.as_deref().map(given_callback).transpose()?;
    let secrets = Secrets::generate();
    let mut new = NewGateway {
        property_id: 0,
        name: name.clone(),
        key_hash: secrets.key_hash(),
        signing_secret: secrets.signing_secret.clone(),
        callback_url,
        may_call_loopback: true,
        stays,
    };
    let now = app.clock.now();
    let zone = app.config.time_zone.clone();
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let mut place = Place::known_or_first(writer, wanted, &zone, now).await?;
                new.property_id = place.property_id;
                let id = gateways::create(writer, &new, now).await?;
                place.did("created", Subject::Gateway(id));
                Ok::<_, AdminError>(place.written(id))
            })
        })
        .await?;
    let Secrets { key, signing_secret } = secrets;
    Ok(Response::Gateway { id, name, key, signing_secret })
}

pub(super) async fn list(app: &App, property: Option<Id>) -> Result<Response, AdminError> {
    let rows = gateways::list(&app.store, property).await?;
    let gateways = rows.into_iter().map(|row| GatewayLine::new(app, row)).collect();
    Ok(Response::Gateways { gateways })
}

/// What is to be changed about a gateway.
pub(super) struct Wanted {
    pub(super) id: Id,
    pub(super) name: Option<String>,
    pub(super) callback_url: Option<Choice<String>>,
    pub(super) is_disabled: Option<bool>,
    pub(super) replies_through: Option<Choice<Id>>,
}

pub(super) async fn set(
    app: &App,
    property: Option<Id>,
    wanted: Wanted,
) -> Result<Response, AdminError> {
    let name = wanted.name.as_deref().map(|name| given("--name", GatewayName::read(name)));
    let callback_url = match wanted.callback_url.map(Choice::into_option) {
        Some(Some(url)) => Some(Some(given_callback(&url)?)),
        other => other,
    };
    let change = GatewayChange {
        name: name.transpose()?.map(String::from),
        callback_url,
        may_call_loopback: true,
        is_disabled: wanted.is_disabled,
        replies_through: wanted.replies_through.map(Choice::into_option),
    };
    let (id, now) = (wanted.id, app.clock.now());
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let place = Place::known(writer, property).await?;
            let changed = gateways::change(writer, (place.property_id, id), change, now).await?;
            let log = entries(place.property_id, Actor::CommandLine, &changed);
            Ok::<_, AdminError>(crate::journal::Written::logged(changed, log))
        })
    });
    let changed = written.await?;
    app.journal.deliver_through(changed.deliver_through());
    Ok(Response::Gateways { gateways: vec![GatewayLine::new(app, changed.gateway)] })
}

pub(super) async fn renew_key(
    app: &App,
    property: Option<Id>,
    id: Id,
) -> Result<Response, AdminError> {
    let secrets = Secrets::generate();
    let (key_hash, signing_secret) = (secrets.key_hash(), secrets.signing_secret.clone());
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let mut place = Place::known(writer, property).await?;
            let gateway = (place.property_id, id);
            let name = gateways::renew_key(writer, gateway, &key_hash, &signing_secret).await?;
            place.did("key_renewed", Subject::Gateway(id));
            Ok::<_, AdminError>(place.written(name))
        })
    });
    let name = written.await?;
    let Secrets { key, signing_secret } = secrets;
    Ok(Response::Gateway { id, name, key, signing_secret })
}
