//! Properties and their departments.

use sqlx::{SqliteConnection, SqliteExecutor};

use crate::protocol::{Id, Timestamp};

use super::{Store, StoreError};

/// What every property starts with (contract 4).
const FIRST_DEPARTMENTS: [(&str, &str); 5] = [
    ("reception", "Reception"),
    ("housekeeping", "Housekeeping"),
    ("room_service", "Room service"),
    ("restaurant", "Restaurant"),
    ("management", "Management"),
];

/// A department: id, slug and name.
pub type DepartmentRow = (Id, String, String);

/// Creates a property with its first departments.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create_property(
    writer: &mut SqliteConnection,
    name: &str,
    now: Timestamp,
) -> Result<Id, StoreError> {
    let id = sqlx::query("insert into property (name, created_at) values (?1, ?2)")
        .bind(name)
        .bind(now.as_millis())
        .execute(&mut *writer)
        .await?
        .last_insert_rowid();
    for (slug, name) in FIRST_DEPARTMENTS {
        create(writer, id, slug, name).await?;
    }
    Ok(id)
}

/// Calls a property something else.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn rename_property(
    writer: &mut SqliteConnection,
    id: Id,
    name: &str,
) -> Result<(), StoreError> {
    let sql = "update property set name = ?2 where id = ?1";
    sqlx::query(sql).bind(id).bind(name).execute(writer).await?;
    Ok(())
}

/// Every property on this server: id and name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn properties(
    executor: impl SqliteExecutor<'_>,
) -> Result<Vec<(Id, String)>, StoreError> {
    Ok(sqlx::query_as("select id, name from property order by id").fetch_all(executor).await?)
}

/// Most departments of a property: an admin's list walks each of them.
pub const DEPARTMENTS_MAX: usize = 100;

/// Creates a department; `None`: the property has one with that slug.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(
    writer: &mut SqliteConnection,
    property_id: Id,
    slug: &str,
    name: &str,
) -> Result<Option<Id>, StoreError> {
    Ok(sqlx::query_scalar(
        "insert into department (property_id, slug, name) values (?1, ?2, ?3)
         on conflict do nothing returning id",
    )
    .bind(property_id)
    .bind(slug)
    .bind(name)
    .fetch_optional(writer)
    .await?)
}

/// Departments of a property in the order of their creation.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_property(store: &Store, property_id: Id) -> Result<Vec<DepartmentRow>, StoreError> {
    Ok(sqlx::query_as("select id, slug, name from department where property_id = ?1 order by id")
        .bind(property_id)
        .fetch_all(store.pool())
        .await?)
}

/// Slugs of a property's departments, inside a transaction.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn slugs(
    writer: &mut SqliteConnection,
    property_id: Id,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar("select slug from department where property_id = ?1 order by id")
        .bind(property_id)
        .fetch_all(writer)
        .await?)
}

pub use super::lookups::department as by_slug;
