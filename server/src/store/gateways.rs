//! The programs that bring guests' messages in and take replies out.

use sqlx::{Row, SqliteConnection};

use crate::protocol::{Id, Timestamp};

use super::{Store, StoreError};

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

/// Makes a gateway; a name that the property has already is a unique violation of `gateway.name`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(
    writer: &mut SqliteConnection,
    new: &NewGateway,
    now: Timestamp,
) -> Result<Id, StoreError> {
    let id = sqlx::query(
        "insert into gateway (property_id, name, key_hash, signing_secret, callback_url, created_at)
         values (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(new.property_id)
    .bind(new.name.clone())
    .bind(new.key_hash.clone())
    .bind(new.signing_secret.clone())
    .bind(new.callback_url.clone())
    .bind(now.as_millis())
    .execute(writer)
    .await?
    .last_insert_rowid();
    Ok(id)
}

/// The gateway whose key has this hash. Returns `None` if there is none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_key_hash(
    store: &Store,
    key_hash: &[u8],
) -> Result<Option<KnownGateway>, StoreError> {
    let row = sqlx::query(
        "select g.id, g.property_id, p.country from gateway g join property p on p.id = g.property_id
         where g.key_hash = ?1",
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
