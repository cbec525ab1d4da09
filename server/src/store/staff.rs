//! Staff and their departments.

use sqlx::{AssertSqlSafe, Row, SqliteConnection, SqliteExecutor, sqlite::SqliteRow};

use crate::{
    chat::{Department, Staff},
    protocol::{Id, PropertyInfo, Timestamp, UserType},
    text::username_key,
};

use super::{Store, StoreError, departments, second_factor, working::json};

/// A staff member, as admins see them.
#[derive(Debug)]
pub struct StaffRow {
    /// The person.
    pub staff: Staff,
    /// Whether the account is disabled.
    pub is_disabled: bool,
    /// Whether another account has this username in another spelling. Each of them signs in with exactly its
    /// own.
    pub shares_username: bool,
}

/// A new account.
#[derive(Clone, Debug)]
pub struct NewStaff {
    /// The property.
    pub property_id: Id,
    /// Unique on the server.
    pub username: String,
    /// What others see.
    pub name: String,
    /// PHC string.
    pub password_hash: String,
    /// What the account is for.
    pub user_type: UserType,
    /// Whether admin calls are open.
    pub is_admin: bool,
    /// Slugs, the first one first.
    pub departments: Vec<String>,
}

/// Why an account could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum StaffError {
    /// Somebody on this server has that username.
    #[error("this username is already in use; choose another one")]
    UsernameTaken,
    /// The property has no such account.
    #[error("there is no such account in this property")]
    NotFound,
    /// The property has no such department.
    #[error("there is no department {0:?} in this property")]
    DepartmentNotFound(String),
    /// The property would be left without an admin.
    #[error("this is the last admin of the property; make somebody else an admin first")]
    LastAdmin,
    /// Storage.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for StaffError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A query for people: `s` is the staff row of `from`.
pub(super) fn select(from: &str, columns: &str, rest: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "select {columns} s.id, s.username, s.name, s.user_type, s.is_admin, s.disabled_at, s.key_is_shared,
            s.password_hash, {} as needs_second_factor, p.id as property_id, p.name as property_name, p.time_zone,
            p.country,
            (select json_group_array(json_array(id, slug)) from
                (select d.id, d.slug from staff_department sd
                 join department d on d.id = sd.department_id
                 where sd.staff_id = s.id order by sd.position)) as departments
         from {from} join property p on p.id = s.property_id {rest}",
        second_factor::IS_MISSING
    ))
}

pub(super) fn is_disabled(row: &SqliteRow) -> Result<bool, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>("disabled_at")?.is_some())
}

pub(super) fn person(row: &SqliteRow) -> Result<Staff, StoreError> {
    let departments: Vec<(Id, String)> = serde_json::from_str(row.try_get("departments")?)
        .map_err(|_| StoreError::Damaged("departments of a staff member"))?;
    let user_type = match row.try_get("user_type")? {
        "hotel_admin" => UserType::HotelAdmin,
        "department_staff" => UserType::DepartmentStaff,
        _ => return Err(StoreError::Damaged("the type of a staff member")),
    };
    Ok(Staff {
        id: row.try_get("id")?,
        username: row.try_get("username")?,
        name: row.try_get("name")?,
        user_type,
        is_admin: user_type == UserType::HotelAdmin || row.try_get("is_admin")?,
        departments: departments.into_iter().map(|(id, slug)| Department { id, slug }).collect(),
        property: PropertyInfo {
            id: row.try_get("property_id")?,
            name: row.try_get("property_name")?,
            time_zone: row.try_get("time_zone")?,
            country: row.try_get("country")?,
        },
        needs_second_factor: row.try_get("needs_second_factor")?,
    })
}

fn row(row: &SqliteRow) -> Result<StaffRow, StoreError> {
    Ok(StaffRow {
        staff: person(row)?,
        is_disabled: is_disabled(row)?,
        shares_username: row.try_get("key_is_shared")?,
    })
}

/// Whether there is any account on this server.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn exist(executor: impl SqliteExecutor<'_>) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select exists (select 1 from staff)").fetch_one(executor).await?)
}

/// A person and their password's hash, by any spelling of their username; by exactly their own where older
/// accounts have usernames with one key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_username(
    store: &Store,
    username: &str,
) -> Result<Option<(StaffRow, String)>, StoreError> {
    let found = sqlx::query(select("staff s", "", BY_USERNAME))
        .bind(username_key(username))
        .bind(username.trim())
        .fetch_optional(store.pool())
        .await?;
    found.map(|found| Ok((row(&found)?, found.try_get("password_hash")?))).transpose()
}

/// Whose username ?1 is the key of; ?2 is its spelling.
const BY_USERNAME: &str =
    "where s.username_key = ?1 and (s.key_is_shared = 0 or s.username = ?2 collate binary)";

/// A person of a property.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_id(store: &Store, property_id: Id, id: Id) -> Result<Option<StaffRow>, StoreError> {
    sqlx::query(select("staff s", "", "where s.property_id = ?1 and s.id = ?2"))
        .bind(property_id)
        .bind(id)
        .fetch_optional(store.pool())
        .await?
        .map(|found| row(&found))
        .transpose()
}

/// Everybody of a property, by name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_property(store: &Store, property_id: Id) -> Result<Vec<StaffRow>, StoreError> {
    sqlx::query(select("staff s", "", "where s.property_id = ?1 order by s.name, s.id"))
        .bind(property_id)
        .fetch_all(store.pool())
        .await?
        .iter()
        .map(row)
        .collect()
}

/// Stores a new account.
///
/// # Errors
/// [`StaffError`].
pub async fn create(
    writer: &mut SqliteConnection,
    new: &NewStaff,
    now: Timestamp,
) -> Result<Id, StaffError> {
    // The keys that older accounts share are taken, too.
    let inserted = sqlx::query(
        "insert into staff (property_id, username, name, password_hash, user_type, is_admin, created_at,
            username_key)
         select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
         where not exists (select 1 from staff where username_key = ?8)",
    )
    .bind(new.property_id)
    .bind(new.username.clone())
    .bind(new.name.clone())
    .bind(new.password_hash.clone())
    .bind(match new.user_type {
        UserType::DepartmentStaff => "department_staff",
        UserType::HotelAdmin => "hotel_admin",
    })
    .bind(new.is_admin)
    .bind(now.as_millis())
    .bind(username_key(&new.username))
    .execute(&mut *writer)
    .await
    .map_err(StoreError::from);
    let id = match inserted {
        Ok(inserted) if inserted.rows_affected() == 0 => return Err(StaffError::UsernameTaken),
        Ok(inserted) => inserted.last_insert_rowid(),
        Err(error) if error.is_unique_violation("staff.username") => {
            return Err(StaffError::UsernameTaken);
        }
        Err(error) => return Err(error.into()),
    };
    set_departments(writer, new.property_id, id, &new.departments).await?;
    Ok(id)
}

/// Puts a person into exactly these departments. Messages from before they joined one count as read.
///
/// # Errors
/// [`StaffError::DepartmentNotFound`], [`StaffError::Store`].
pub async fn set_departments(
    writer: &mut SqliteConnection,
    property_id: Id,
    staff_id: Id,
    slugs: &[String],
) -> Result<(), StaffError> {
    let mut ids = Vec::new();
    for slug in slugs {
        let id = departments::by_slug(writer, property_id, slug)
            .await?
            .ok_or_else(|| StaffError::DepartmentNotFound(slug.clone()))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let ids = json(&ids)?;
    sqlx::query(
        "delete from staff_department
         where staff_id = ?1 and department_id not in (select value from json_each(?2))",
    )
    .bind(staff_id)
    .bind(ids.clone())
    .execute(&mut *writer)
    .await?;
    sqlx::query(
        "insert into staff_department (staff_id, department_id, property_id, position, joined_message_id)
         select ?1, k.value, ?3, k.key,
            coalesce((select seq from sqlite_sequence where name = 'message'), 0)
         from json_each(?2) k where true
         on conflict do update set position = excluded.position",
    )
    .bind(staff_id)
    .bind(ids)
    .bind(property_id)
    .execute(writer)
    .await?;
    Ok(())
}

/// Whether the person is an admin, and nobody else of their property is one that can sign in.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn is_last_admin(writer: &mut SqliteConnection, id: Id) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "with admin as (select id, property_id from staff
            where disabled_at is null and (is_admin or user_type = 'hotel_admin'))
         select exists (select 1 from admin where id = ?1) and not exists
            (select 1 from admin other join admin me on me.property_id = other.property_id
             where me.id = ?1 and other.id <> ?1)",
    )
    .bind(id)
    .fetch_one(writer)
    .await?)
}

/// What an admin changes about an account; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct StaffChange {
    /// What others see.
    pub name: Option<String>,
    /// Whether admin calls are open.
    pub is_admin: Option<bool>,
    /// Whether the account may be used.
    pub is_disabled: Option<bool>,
    /// PHC string.
    pub password_hash: Option<String>,
}

/// Changes an account of a property.
///
/// # Errors
/// [`StaffError::NotFound`], [`StaffError::Store`].
pub async fn update(
    writer: &mut SqliteConnection,
    (property_id, id): (Id, Id),
    change: &StaffChange,
    now: Timestamp,
) -> Result<(), StaffError> {
    let updated = sqlx::query(
        "update staff set
            name = coalesce(?3, name),
            is_admin = coalesce(?4, is_admin),
            password_hash = coalesce(?5, password_hash),
            disabled_at = case when ?6 is null then disabled_at when ?6 then coalesce(disabled_at, ?7) end
         where property_id = ?1 and id = ?2",
    )
    .bind(property_id)
    .bind(id)
    .bind(change.name.clone())
    .bind(change.is_admin)
    .bind(change.password_hash.clone())
    .bind(change.is_disabled)
    .bind(now.as_millis())
    .execute(writer)
    .await?;
    if updated.rows_affected() > 0 { Ok(()) } else { Err(StaffError::NotFound) }
}

/// Replaces the hash of a password by another one of the same password, unless the password has changed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn renew_hash(
    writer: &mut SqliteConnection,
    id: Id,
    (before, after): (&str, &str),
) -> Result<(), StoreError> {
    sqlx::query("update staff set password_hash = ?3 where id = ?1 and password_hash = ?2")
        .bind(id)
        .bind(before.to_owned())
        .bind(after.to_owned())
        .execute(writer)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::{super::sessions, *};

    /// A hotel with one account that is signed in, and another hotel.
    async fn two_hotels(now: Timestamp) -> (SqliteConnection, Id, [Id; 2]) {
        let mut writer = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        super::super::migrate(&mut writer).await.unwrap();
        let own = departments::create_property(&mut writer, "Own", now).await.unwrap();
        let other = departments::create_property(&mut writer, "Other", now).await.unwrap();
        let account = NewStaff {
            property_id: own,
            username: "ana".to_owned(),
            name: "Ana".to_owned(),
            password_hash: "none".to_owned(),
            user_type: UserType::DepartmentStaff,
            is_admin: false,
            departments: vec!["reception".to_owned()],
        };
        let id = create(&mut writer, &account, now).await.unwrap();
        sessions::create(&mut writer, id, &[7; 32], "", now).await.unwrap();
        (writer, id, [own, other])
    }

    #[tokio::test]
    async fn an_account_is_changed_in_its_own_property_only() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        let (mut writer, id, [own, other]) = two_hotels(now).await;
        let change = StaffChange { name: Some("Eve".to_owned()), ..StaffChange::default() };
        let refused = update(&mut writer, (other, id), &change, now).await.unwrap_err();
        assert!(matches!(refused, StaffError::NotFound), "{refused}");
        assert!(sessions::end_all(&mut writer, (other, id), None).await.unwrap().is_empty());
        update(&mut writer, (own, id), &change, now).await.unwrap();
        assert_eq!(sessions::end_all(&mut writer, (own, id), None).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn an_account_of_an_unknown_type_is_not_taken_for_another_one() {
        let (mut writer, ..) = two_hotels(Timestamp::default()).await;
        let damage = "pragma ignore_check_constraints = on; update staff set user_type = 'owner'";
        sqlx::raw_sql(damage).execute(&mut writer).await.unwrap();
        let found = sqlx::query(select("staff s", "", "")).fetch_one(&mut writer).await.unwrap();
        assert!(matches!(row(&found), Err(StoreError::Damaged(_))));
    }
}
