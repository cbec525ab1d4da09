//! The audit log's rows: added in the writer's transaction, read in pages, followed from end to end.

use std::collections::BTreeMap;

use sqlx::{Connection as _, SqliteConnection, SqliteExecutor};

use crate::{
    audit::{Actor, Chain, Entry, FIRST_HASH, Stored, Subject},
    protocol::{Id, Timestamp},
};

use super::{StoreError, working::json};

/// Entries that are read at once while a chain is followed.
const FOLLOWED: u32 = 1_000;

/// Adds entries to the chains of their properties: three statements, however many there are.
///
/// # Errors
/// [`StoreError::Database`]; then the whole transaction must be undone.
pub async fn append(
    writer: &mut SqliteConnection,
    entries: &[Entry],
    now: Timestamp,
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let properties: Vec<_> = entries.iter().map(|entry| entry.property_id).collect();
    let mut heads: BTreeMap<Id, (i64, String)> = sqlx::query_as::<_, (Id, i64, String)>(
        "select property_id, seq, hash from audit_head
         where property_id in (select value from json_each(?1))",
    )
    .bind(json(&properties)?)
    .fetch_all(&mut *writer)
    .await?
    .into_iter()
    .map(|(property_id, seq, hash)| (property_id, (seq, hash)))
    .collect();
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let head = heads.entry(entry.property_id).or_insert_with(|| (0, FIRST_HASH.to_owned()));
        let (actor, actor_id) = entry.actor.parts();
        let (subject, subject_id) = entry.subject.parts();
        let mut stored = Stored {
            property_id: entry.property_id,
            seq: head.0 + 1,
            at: now,
            actor: actor.to_owned(),
            actor_id,
            action: entry.action.to_owned(),
            subject: subject.to_owned(),
            subject_id,
            detail: entry.detail.clone(),
            hash: String::new(),
        };
        stored.hash = stored.hash_after(&head.1);
        *head = (stored.seq, stored.hash.clone());
        rows.push((
            stored.property_id,
            stored.seq,
            now.as_millis(),
            stored.actor,
            stored.actor_id,
            stored.action,
            stored.subject,
            stored.subject_id,
            stored.detail,
            stored.hash,
        ));
    }
    sqlx::query(
        "insert into audit
            (property_id, seq, at, actor, actor_id, action, subject, subject_id, detail, hash)
         select value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
            value->>8, value->>9
         from json_each(?1)",
    )
    .bind(json(&rows)?)
    .execute(&mut *writer)
    .await?;
    let heads: Vec<_> = heads.into_iter().map(|(id, (seq, hash))| (id, seq, hash)).collect();
    sqlx::query(
        "insert into audit_head (property_id, seq, hash)
         select value->>0, value->>1, value->>2 from json_each(?1) where true
         on conflict do update set seq = excluded.seq, hash = excluded.hash",
    )
    .bind(json(&heads)?)
    .execute(writer)
    .await?;
    Ok(())
}

/// What is to be said of every property alike.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn everywhere(
    writer: &mut SqliteConnection,
    actor: Actor,
    action: &'static str,
) -> Result<Vec<Entry>, StoreError> {
    let ids = properties(writer).await?;
    let entry = |id| Entry::new(id, actor, action, Subject::Property(id));
    Ok(ids.into_iter().map(entry).collect())
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only those about this kind of thing.
    pub subject: Option<String>,
    /// Only those about this one.
    pub subject_id: Option<Id>,
    /// Only those before this place.
    pub before: i64,
    /// At most so many.
    pub limit: u32,
}

/// Entries of a property, the newest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn page(
    executor: impl SqliteExecutor<'_>,
    property_id: Id,
    wanted: &Wanted,
) -> Result<Vec<Stored>, StoreError> {
    Ok(sqlx::query_as(
        "select * from audit
         where property_id = ?1 and seq < ?2 and (?3 is null or subject = ?3)
           and (?4 is null or subject_id = ?4)
         order by seq desc limit ?5",
    )
    .bind(property_id)
    .bind(wanted.before)
    .bind(wanted.subject.clone())
    .bind(wanted.subject_id)
    .bind(wanted.limit)
    .fetch_all(executor)
    .await?)
}

/// Ids of all properties.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn properties(connection: &mut SqliteConnection) -> Result<Vec<Id>, StoreError> {
    Ok(sqlx::query_scalar("select id from property order by id").fetch_all(connection).await?)
}

/// The place and the hash of each property's newest entry.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn heads(
    connection: &mut SqliteConnection,
) -> Result<Vec<(Id, i64, String)>, StoreError> {
    let heads = sqlx::query_as("select property_id, seq, hash from audit_head order by 1");
    Ok(heads.fetch_all(connection).await?)
}

/// The hash of an entry.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn hash_of(
    connection: &mut SqliteConnection,
    property_id: Id,
    seq: i64,
) -> Result<Option<String>, StoreError> {
    let hash = sqlx::query_scalar("select hash from audit where property_id = ?1 and seq = ?2");
    Ok(hash.bind(property_id).bind(seq).fetch_optional(connection).await?)
}

/// Follows the chain of a property from its first entry to its last.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn follow(
    connection: &mut SqliteConnection,
    property_id: Id,
    known: Option<&str>,
) -> Result<Chain, StoreError> {
    // One snapshot for all, also while others write.
    let mut transaction = connection.begin().await?;
    let mut chain = Chain {
        property_id,
        entries: 0,
        hash: FIRST_HASH.to_owned(),
        broken: None,
        has_known: false,
        backups: 0,
    };
    while chain.broken.is_none() {
        let rows: Vec<Stored> = sqlx::query_as(
            "select * from audit where property_id = ?1 and seq > ?2 order by seq limit ?3",
        )
        .bind(property_id)
        .bind(chain.entries)
        .bind(FOLLOWED)
        .fetch_all(&mut *transaction)
        .await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            if !step(&mut chain, row, known) {
                break;
            }
        }
    }
    let head: Option<(i64, String)> =
        sqlx::query_as("select seq, hash from audit_head where property_id = ?1")
            .bind(property_id)
            .fetch_optional(&mut *transaction)
            .await?;
    transaction.rollback().await?;
    let (seq, hash) = head.unwrap_or_else(|| (0, FIRST_HASH.to_owned()));
    if chain.broken.is_none() && (seq, &hash) != (chain.entries, &chain.hash) {
        chain.broken =
            Some((chain.entries + 1, "the log does not end with the entry that was written last"));
    }
    Ok(chain)
}

/// Takes the next entry into the chain; returns whether it follows.
fn step(chain: &mut Chain, entry: &Stored, known: Option<&str>) -> bool {
    let place = chain.entries + 1;
    if entry.seq != place {
        chain.broken = Some((place, "the entry is missing"));
        return false;
    }
    if entry.hash_after(&chain.hash) != entry.hash {
        chain.broken = Some((place, "the hash does not match this entry and the one before it"));
        return false;
    }
    chain.entries = place;
    chain.hash.clone_from(&entry.hash);
    chain.has_known |= known.is_some_and(|known| known.eq_ignore_ascii_case(&entry.hash));
    true
}
