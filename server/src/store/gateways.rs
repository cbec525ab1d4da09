//! The programs that bring guests' messages in and take replies out.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};

use crate::protocol::{Id, Timestamp};

use super::{Store, StoreError, deliveries};

/// Joins the gateway `via` through which replies to a guest `g` leave: that of the guest's latest message, or the one that
/// replaces it, if it takes replies.
macro_rules! reply_gateway {
    () => {
        "left join gateway latest on latest.id = g.gateway_id
         left join gateway via on via.id = coalesce(latest.replies_through, latest.id)
            and via.callback_url is not null and via.disabled_at is null"
    };
}
pub(super) use reply_gateway;

/// A gateway to be made.
#[derive(Clone, Debug)]
pub struct NewGateway {
    /// The property whose guests it brings.
    pub property_id: Id,
    /// What staff call it.
    pub name: String,
    /// SHA-256 of its key: the key itself is kept nowhere.
    pub key_hash: Vec<u8>,
    /// What replies are signed with.
    pub signing_secret: String,
    /// Where replies go; without one none leave.
    pub callback_url: Option<String>,
    /// Whether the callback may be on this computer.
    pub may_call_loopback: bool,
    /// Whether it may check guests in and out.
    pub stays: bool,
}

/// A gateway that has shown its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownGateway {
    /// Its id.
    pub id: Id,
    /// The property whose guests it brings.
    pub property_id: Id,
    /// ISO 3166-1 alpha-2 code of the property's country.
    pub country: Option<String>,
}

/// A gateway, as admins see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRow {
    /// Its id.
    pub id: Id,
    /// The property whose guests it brings.
    pub property_id: Id,
    /// What staff call it.
    pub name: String,
    /// Where replies go.
    pub callback_url: Option<String>,
    /// Whether it may check guests in and out.
    pub stays: bool,
    /// The gateway through which replies to its guests leave instead.
    pub replies_through: Option<Id>,
    /// Whether its key is refused and no replies leave through it.
    pub is_disabled: bool,
    /// When it last brought a guest's message, as far as that is noted.
    pub last_message_at: Option<Timestamp>,
    /// Replies that wait for it.
    pub pending: i64,
    /// Replies that have failed through it.
    pub failed: i64,
    /// Why it last did not accept a reply.
    pub last_error: Option<LastError>,
}

/// Why a gateway did not accept a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// The status of its answer, if it answered.
    pub status: Option<u16>,
    /// The same in words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What is to change about a gateway; `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayChange {
    /// What staff call it.
    pub name: Option<String>,
    /// Where replies go; `Some(None)`: none leave.
    pub callback_url: Option<Option<String>>,
    /// Whether a new callback may be on this computer.
    pub may_call_loopback: bool,
    /// Whether its key is refused.
    pub is_disabled: Option<bool>,
    /// The gateway through which replies to its guests leave instead; `Some(None)`: none.
    pub replies_through: Option<Option<Id>>,
}

impl GatewayChange {
    /// Whether the gateway already has all these values.
    #[must_use]
    pub fn is_nothing(&self, before: &GatewayRow) -> bool {
        self.name.as_ref().is_none_or(|name| *name == before.name)
            && self.callback_url.as_ref().is_none_or(|url| *url == before.callback_url)
            && self.is_disabled.is_none_or(|is| is == before.is_disabled)
            && self.replies_through.is_none_or(|to| to == before.replies_through)
    }
}

/// What was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The gateway now.
    pub gateway: GatewayRow,
    /// The members that were changed.
    pub members: Vec<&'static str>,
}

impl Changed {
    /// The gateways through which waiting replies may leave now.
    #[must_use]
    pub fn deliver_through(&self) -> BTreeSet<Id> {
        std::iter::once(self.gateway.id).chain(self.gateway.replies_through).collect()
    }
}

/// Why a gateway was not changed. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The property has no such gateway.
    #[error("there is no gateway with this id")]
    NotFound,
    /// Another one has the name.
    #[error("a gateway with this name already exists; choose another name")]
    NameTaken,
    /// Replies cannot leave through that gateway instead.
    #[error("{0}")]
    RepliesThrough(&'static str),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for GatewayError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Makes a gateway.
///
/// # Errors
/// [`GatewayError::NameTaken`], [`GatewayError::Store`].
pub async fn create(
    writer: &mut SqliteConnection,
    new: &NewGateway,
    now: Timestamp,
) -> Result<Id, GatewayError> {
    let made = sqlx::query(
        "insert into gateway
            (property_id, name, key_hash, signing_secret, callback_url, created_at, may_call_loopback, stays)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(new.property_id)
    .bind(new.name.clone())
    .bind(new.key_hash.clone())
    .bind(new.signing_secret.clone())
    .bind(new.callback_url.clone())
    .bind(now.as_millis())
    .bind(new.may_call_loopback)
    .bind(new.stays)
    .execute(writer)
    .await;
    Ok(made.map_err(named)?.last_insert_rowid())
}

/// The error of a statement that gives a gateway a name.
fn named(error: sqlx::Error) -> GatewayError {
    let error = StoreError::from(error);
    if error.is_unique_violation("gateway.name") { GatewayError::NameTaken } else { error.into() }
}

/// The gateway whose key has this hash. Returns `None` if there is none, or if it is disabled.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_key_hash(
    store: &Store,
    key_hash: &[u8],
) -> Result<Option<KnownGateway>, StoreError> {
    let row = sqlx::query(
        "select g.id, g.property_id, p.country from gateway g join property p on p.id = g.property_id
         where g.key_hash = ?1 and g.disabled_at is null",
    )
    .bind(key_hash)
    .fetch_optional(store.pool())
    .await?;
    row.map(|row| {
        Ok(KnownGateway {
            id: row.try_get("id")?,
            property_id: row.try_get("property_id")?,
            country: row.try_get("country")?,
        })
    })
    .transpose()
}

/// `where` follows.
const ROWS: &str = "select g.*,
        (select count(*) from delivery d where d.gateway_id = g.id and d.next_attempt_at is not null) as pending,
        (select count(*) from delivery d where d.gateway_id = g.id and d.state = 'failed') as failed
     from gateway g";

/// All gateways, or those of one property, in the order in which they were made.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(store: &Store, property_id: Option<Id>) -> Result<Vec<GatewayRow>, StoreError> {
    let sql = format!("{ROWS} where ?1 is null or g.property_id = ?1 order by g.property_id, g.id");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(property_id).fetch_all(store.pool()).await?;
    rows.iter().map(|row| read(row).map_err(StoreError::from)).collect()
}

/// One gateway of a property.
///
/// # Errors
/// [`GatewayError::NotFound`], [`GatewayError::Store`].
pub async fn one(
    connection: &mut SqliteConnection,
    (property_id, id): (Id, Id),
) -> Result<GatewayRow, GatewayError> {
    let sql = format!("{ROWS} where g.property_id = ?1 and g.id = ?2");
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(property_id)
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(read(&row.ok_or(GatewayError::NotFound)?)?)
}

fn read(row: &SqliteRow) -> Result<GatewayRow, sqlx::Error> {
    let reason: Option<String> = row.try_get("last_error_reason")?;
    let at: Option<Timestamp> = row.try_get("last_error_at")?;
    let status = row.try_get("last_error_status")?;
    Ok(GatewayRow {
        id: row.try_get("id")?,
        property_id: row.try_get("property_id")?,
        name: row.try_get("name")?,
        callback_url: row.try_get("callback_url")?,
        stays: row.try_get("stays")?,
        replies_through: row.try_get("replies_through")?,
        is_disabled: row.try_get::<Option<Timestamp>, _>("disabled_at")?.is_some(),
        last_message_at: row.try_get("last_message_at")?,
        pending: row.try_get("pending")?,
        failed: row.try_get("failed")?,
        last_error: reason.zip(at).map(|(reason, at)| LastError { status, reason, at }),
    })
}

/// Changes a gateway. Replies that wait for it move to the gateway that replaces it, if one does from now on.
///
/// # Errors
/// [`GatewayError`].
pub async fn change(
    writer: &mut SqliteConnection,
    (property_id, id): (Id, Id),
    change: GatewayChange,
    now: Timestamp,
) -> Result<Changed, GatewayError> {
    let before = one(writer, (property_id, id)).await?;
    let name = change.name.filter(|name| *name != before.name);
    let callback_url = change.callback_url.filter(|url| *url != before.callback_url);
    let is_disabled = change.is_disabled.filter(|is| *is != before.is_disabled);
    let replies_through = change.replies_through.filter(|to| *to != before.replies_through);
    let members = [
        ("name", name.is_some()),
        ("callback_url", callback_url.is_some()),
        ("is_disabled", is_disabled.is_some()),
        ("replies_through", replies_through.is_some()),
    ];
    let members: Vec<_> =
        members.into_iter().filter(|(_, is)| *is).map(|(member, _)| member).collect();
    if let Some(name) = name {
        let named_now = sqlx::query("update gateway set name = ?2 where id = ?1");
        named_now.bind(id).bind(name).execute(&mut *writer).await.map_err(named)?;
    }
    if let Some(url) = callback_url {
        // Refusals of the previous address do not apply to the new one.
        sqlx::query(
            "update gateway set callback_url = ?2, may_call_loopback = ?3, refuses_status = null where id = ?1",
        )
        .bind(id)
        .bind(url)
        .bind(change.may_call_loopback)
        .execute(&mut *writer)
        .await?;
    }
    if let Some(is_disabled) = is_disabled {
        sqlx::query("update gateway set disabled_at = ?2 where id = ?1")
            .bind(id)
            .bind(is_disabled.then_some(now.as_millis()))
            .execute(&mut *writer)
            .await?;
    }
    if let Some(to) = replies_through {
        replace(writer, (property_id, id), to, now).await?;
    }
    Ok(Changed { gateway: one(writer, (property_id, id)).await?, members })
}

/// Makes replies to a gateway's guests leave through another one, or through the gateway itself again.
async fn replace(
    writer: &mut SqliteConnection,
    (property_id, id): (Id, Id),
    to: Option<Id>,
    now: Timestamp,
) -> Result<(), GatewayError> {
    if let Some(to) = to {
        let target = match one(writer, (property_id, to)).await {
            Err(GatewayError::NotFound) => {
                return Err(GatewayError::RepliesThrough("there is no gateway with this id"));
            }
            target => target?,
        };
        let problem = if to == id {
            Some("a gateway does not replace itself")
        } else if target.is_disabled {
            Some("this gateway is disabled; enable it first")
        } else if target.callback_url.is_none() {
            Some("this gateway has no callback URL, so no replies leave through it")
        } else if target.replies_through.is_some() {
            Some("replies leave through another gateway instead of this one; choose that one")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(GatewayError::RepliesThrough(problem));
        }
    }
    // The new one also replaces those that this one replaced, so that `replies_through` never has to be followed twice.
    sqlx::query("update gateway set replies_through = ?2 where id = ?1 or (?2 is not null and replies_through = ?1)")
        .bind(id)
        .bind(to)
        .execute(&mut *writer)
        .await?;
    if let Some(to) = to {
        deliveries::move_waiting(writer, (id, to), now).await?;
    }
    Ok(())
}

/// Gives a gateway a new key and signing secret; the previous ones stop working. Returns its name.
///
/// # Errors
/// [`GatewayError::NotFound`], [`GatewayError::Store`].
pub async fn renew_key(
    writer: &mut SqliteConnection,
    (property_id, id): (Id, Id),
    key_hash: &[u8],
    signing_secret: &str,
) -> Result<String, GatewayError> {
    let name: Option<String> = sqlx::query_scalar(
        "update gateway set key_hash = ?3, signing_secret = ?4 where property_id = ?1 and id = ?2 returning name",
    )
    .bind(property_id)
    .bind(id)
    .bind(key_hash.to_vec())
    .bind(signing_secret.to_owned())
    .fetch_optional(writer)
    .await?;
    name.ok_or(GatewayError::NotFound)
}

/// Notes when gateways last brought a guest's message.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_messages(
    writer: &mut SqliteConnection,
    latest: &[(Id, Timestamp)],
) -> Result<(), StoreError> {
    for (id, at) in latest {
        sqlx::query("update gateway set last_message_at = ?2 where id = ?1")
            .bind(id)
            .bind(at.as_millis())
            .execute(&mut *writer)
            .await?;
    }
    Ok(())
}

pub(super) fn statements() -> Vec<(&'static str, String)> {
    vec![("one gateway", format!("{ROWS} where g.property_id = ?1 and g.id = ?2"))]
}
