//! Instants as the wire writes them.

use std::time::Duration;

use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::ToSchema;

/// An instant in milliseconds since 1970-01-01T00:00:00Z; on the wire RFC 3339 in UTC with `Z` and
/// milliseconds (`2024-01-01T12:00:00.000Z`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ts_rs::TS, ToSchema,
)]
#[ts(type = "string")]
#[schema(value_type = String, format = DateTime, example = "2024-01-01T12:00:00.000Z")]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch, as the database keeps it.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant moved by `millis` (negative: earlier); stays at the ends of the range.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// So much later; stays at the end of the range.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        self.plus_millis(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
    }

    /// So much earlier; stays at the start of the range.
    #[must_use]
    pub fn minus(self, time: Duration) -> Self {
        self.plus_millis(i64::try_from(time.as_millis()).map_or(i64::MIN, |millis| -millis))
    }

    /// How long after `earlier` this is; nothing where it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Date and time of day in UTC.
    #[must_use]
    pub fn utc(self) -> DateTime {
        jiff::tz::Offset::UTC.to_datetime(self.instant())
    }

    /// The same instant for computing with calendars.
    #[must_use]
    pub fn instant(self) -> jiff::Timestamp {
        // Out of jiff's range (years beyond ±9999): no clock gives that, a damaged row may.
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}Z", self.utc())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_millisecond()))
            .map_err(|_| D::Error::custom("must be a time, such as 2026-11-29T07:27:00Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn the_wire_has_milliseconds_and_z() {
        let noon = Timestamp::from_millis(1_704_110_400_000);
        assert_eq!(serde_json::to_string(&noon).unwrap(), r#""2024-01-01T12:00:00.000Z""#);
        assert_eq!(serde_json::from_str::<Timestamp>(r#""2024-01-01T12:00:00Z""#).unwrap(), noon);
    }
}
