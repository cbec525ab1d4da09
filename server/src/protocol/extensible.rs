//! Values that a later version may add to.

use serde::{Deserialize, Serialize};
use ts_rs::{Config, TS, TypeVisitor};

/// A value of a list that later versions may lengthen. A client that reads a value which it does not
/// know keeps it as it came, instead of dropping the whole frame. The server only ever writes known ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Extensible<T> {
    /// A value of this version.
    Known(T),
    /// A value that this version does not know.
    Unknown(serde_json::Value),
}

impl<T> Extensible<T> {
    /// The value, where this version knows it.
    #[must_use]
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for Extensible<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: PartialEq> PartialEq<T> for Extensible<T> {
    fn eq(&self, other: &T) -> bool {
        self.known() == Some(other)
    }
}

/// The TypeScript type is that of the known values.
impl<T: TS> TS for Extensible<T> {
    type WithoutGenerics = Self;
    type OptionInnerType = Self;

    fn name(config: &Config) -> String {
        T::name(config)
    }

    fn inline(config: &Config) -> String {
        T::inline(config)
    }

    fn visit_dependencies(visitor: &mut impl TypeVisitor)
    where
        Self: 'static,
    {
        T::visit_dependencies(visitor);
    }

    fn visit_generics(visitor: &mut impl TypeVisitor)
    where
        Self: 'static,
    {
        T::visit_generics(visitor);
        visitor.visit::<T>();
    }
}

/// An optional member whose `null` has a meaning of its own. With `#[serde(default)]`, `None` means that the
/// member is missing, and `Some(None)` that it is `null`.
pub(super) mod null_or_value {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the value or `null`. The member is left out by `skip_serializing_if`.
    pub(in crate::protocol) fn serialize<T: Serialize, S: Serializer>(
        value: &Option<Option<T>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    /// Reads the value or `null`.
    pub(in crate::protocol) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::PersonType;

    #[test]
    fn an_unknown_value_is_kept_as_it_came() {
        let robot: Extensible<PersonType> = serde_json::from_value(json!("robot")).unwrap();
        assert_eq!(robot.known(), None);
        assert_ne!(robot, PersonType::Guest);
        assert_eq!(serde_json::to_value(&robot).unwrap(), json!("robot"));
        let guest: Extensible<PersonType> = serde_json::from_value(json!("guest")).unwrap();
        assert_eq!(guest, PersonType::Guest);
        assert_eq!(serde_json::to_value(&guest).unwrap(), json!("guest"));
    }
}
