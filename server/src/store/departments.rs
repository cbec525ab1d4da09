//! Properties and their departments.

use sqlx::{SqliteConnection, SqliteExecutor};

use crate::{
    protocol::{Id, Timestamp},
    text::folded,
};

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

/// The slug of the department that a text names, by its slug or by its name, compared after folding. A
/// text that is a slug is returned without looking: whether there is such a department is found where it
/// is used. `None`: the property has no department with that name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn slug_of(
    executor: impl SqliteExecutor<'_>,
    property_id: Id,
    given: &str,
) -> Result<Option<String>, StoreError> {
    let given = given.trim();
    let is_slug = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
    if given.chars().all(is_slug) {
        return Ok(Some(given.to_owned()));
    }
    let known: Vec<(String, String)> =
        sqlx::query_as("select slug, name from department where property_id = ?1 order by id")
            .bind(property_id)
            .fetch_all(executor)
            .await?;
    let wanted = key(given);
    Ok(known
        .into_iter()
        .find(|(slug, name)| key(slug) == wanted || key(name) == wanted)
        .map(|it| it.0))
}

/// How names of departments are compared: without case and accents, runs of spaces as one.
fn key(text: &str) -> String {
    folded(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

pub use super::lookups::department as by_slug;

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;

    #[tokio::test]
    async fn a_department_is_named_by_its_slug_or_its_name() {
        let mut writer = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        super::super::migrate(&mut writer).await.unwrap();
        let id = create_property(&mut writer, "Own", Timestamp::default()).await.unwrap();
        create(&mut writer, id, "cafe_beau_rivage", "Café Beau-Rivage").await.unwrap();
        for (given, expected) in [
            ("reception", Some("reception")),
            (" Reception ", Some("reception")),
            ("RECEPTION", Some("reception")),
            ("Room  Service", Some("room_service")),
            ("Room_Service", Some("room_service")),
            ("cafe beau-rivage", Some("cafe_beau_rivage")),
            ("Spa", None),
            ("\u{2067}Reception", Some("reception")),
            ("\u{2067}", None),
        ] {
            let found = slug_of(&mut writer, id, given).await.unwrap();
            assert_eq!(found.as_deref(), expected, "{given:?}");
        }
    }
}
