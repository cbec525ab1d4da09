//! What properties have chosen.

use sqlx::{Connection as _, FromRow, SqliteConnection};

use crate::{
    protocol::{Id, PropertyInfo},
    region::CountryCode,
};

use super::StoreError;

/// Under this name `meta` says that countries still have to be taken from time zones.
const COUNTRIES: &str = "countries_wanted";

/// A property with everything that its admins choose.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PropertyRow {
    /// Its id.
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// Name of its time zone in the IANA database.
    pub time_zone: String,
    /// ISO 3166-1 alpha-2 code of its country.
    pub country: Option<String>,
    /// Days after which closed conversations go; `None`: they are kept.
    pub retention_days: Option<i64>,
    /// Whether they are then kept without guest and texts, rather than deleted.
    pub anonymises: bool,
    /// Whether admins need a second factor.
    pub second_factor_required: bool,
}

impl PropertyRow {
    /// The part of it that everybody sees.
    #[must_use]
    pub fn to_info(&self) -> PropertyInfo {
        PropertyInfo {
            id: self.id,
            name: self.name.clone(),
            time_zone: self.time_zone.clone(),
            country: self.country.clone(),
        }
    }
}

/// All properties, by id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn all(connection: &mut SqliteConnection) -> Result<Vec<PropertyRow>, StoreError> {
    Ok(sqlx::query_as(
        "select id, name, time_zone, country, retention_days, retention = 'anonymise' as anonymises,
            second_factor_required
         from property order by id",
    )
    .fetch_all(connection)
    .await?)
}

/// The country of a property, as ISO 3166-1 alpha-2 code.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn country(
    connection: &mut SqliteConnection,
    id: Id,
) -> Result<Option<String>, StoreError> {
    let country = sqlx::query_scalar("select country from property where id = ?1");
    Ok(country.bind(id).fetch_optional(connection).await?.flatten())
}

/// Stores everything that a property has chosen.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn update(
    writer: &mut SqliteConnection,
    property: &PropertyRow,
) -> Result<(), StoreError> {
    sqlx::query(
        "update property set name = ?2, time_zone = ?3, country = ?4, retention_days = ?5,
            retention = ?6, second_factor_required = ?7
         where id = ?1",
    )
    .bind(property.id)
    .bind(property.name.clone())
    .bind(property.time_zone.clone())
    .bind(property.country.clone())
    .bind(property.retention_days)
    .bind(if property.anonymises { "anonymise" } else { "delete" })
    .bind(property.second_factor_required)
    .execute(writer)
    .await?;
    Ok(())
}

/// Says where a property is.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_region(
    writer: &mut SqliteConnection,
    id: Id,
    time_zone: &str,
    country: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query("update property set time_zone = ?2, country = ?3 where id = ?1")
        .bind(id)
        .bind(time_zone)
        .bind(country)
        .execute(writer)
        .await?;
    Ok(())
}

/// Takes the countries of the properties of an older version from their time zones. Done once: later,
/// a property without a country is one whose admins want none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take_countries(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut transaction = writer.begin().await?;
    let wanted = sqlx::query("delete from meta where key = ?1")
        .bind(COUNTRIES)
        .execute(&mut *transaction)
        .await?;
    if wanted.rows_affected() > 0 {
        for property in all(&mut transaction).await? {
            let country = CountryCode::of_time_zone(&property.time_zone).map(String::from);
            let (id, zone) = (property.id, property.time_zone);
            set_region(&mut transaction, id, &zone, country.as_deref()).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{protocol::Timestamp, store::departments};

    #[tokio::test]
    async fn countries_are_taken_from_time_zones_once() {
        let mut writer = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        super::super::migrate(&mut writer).await.unwrap();
        let zones = ["Europe/Zurich", "UTC", "America/New_York"];
        for zone in zones {
            let id = departments::create_property(&mut writer, zone, Timestamp::default()).await;
            set_region(&mut writer, id.unwrap(), zone, None).await.unwrap();
        }
        take_countries(&mut writer).await.unwrap();
        let countries = async |writer: &mut SqliteConnection| -> Vec<Option<String>> {
            all(writer).await.unwrap().into_iter().map(|property| property.country).collect()
        };
        let expected = [Some("CH".to_owned()), None, Some("US".to_owned())];
        assert_eq!(countries(&mut writer).await, expected);
        let [swiss, ..] = &all(&mut writer).await.unwrap()[..] else { panic!("no property") };
        set_region(&mut writer, swiss.id, &swiss.time_zone, None).await.unwrap();
        take_countries(&mut writer).await.unwrap();
        assert_eq!(countries(&mut writer).await[0], None, "an admin has taken it away");
    }
}
