//! Members of `PATCH` bodies. Such a body may have every member that the `GET` shows: one that cannot be
//! changed is accepted with its present value, and `null` where that is the present value or where the
//! value can be removed.

use garde::{Path, Report, Validate};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::problem::Problem;

/// A member of a `PATCH` body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Member<T> {
    /// It is missing: the value stays.
    #[default]
    Absent,
    /// It is `null`.
    Null,
    /// It has a value.
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

impl<T: Validate<Context = ()>> Validate for Member<T> {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Self::Value(value) = self {
            value.validate_into(&(), parent, report);
        }
    }
}

impl<T> Member<T> {
    /// The new value, which always is one.
    ///
    /// # Errors
    /// `422` for `null`.
    pub(crate) fn required(self, field: &str) -> Result<Option<T>, Problem> {
        self.required_unless(field, false)
    }

    /// The same for a value that may be `null` now, but cannot be removed by `null`.
    ///
    /// # Errors
    /// `422` for `null` where it has a value.
    pub(crate) fn required_unless(self, field: &str, is_null: bool) -> Result<Option<T>, Problem> {
        match self {
            Self::Absent => Ok(None),
            Self::Null if is_null => Ok(None),
            Self::Null => Err(Problem::invalid_field(field, "must not be null")),
            Self::Value(value) => Ok(Some(value)),
        }
    }

    /// The new value; `Some(None)` removes it.
    pub(crate) fn removable(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }
}

/// Checks a member that cannot be changed.
///
/// # Errors
/// `422` if it is present and differs from the present value.
pub(crate) fn unchanged(
    field: &str,
    given: &Member<Value>,
    present: impl Serialize,
) -> Result<(), Problem> {
    let present = serde_json::to_value(present).unwrap_or(Value::Null);
    let is_same = match given {
        Member::Absent => true,
        Member::Null => present.is_null(),
        Member::Value(value) => *value == present,
    };
    if is_same { Ok(()) } else { Err(Problem::invalid_field(field, "cannot be changed")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        name: Member<String>,
    }

    #[test]
    fn a_member_is_missing_null_or_has_a_value() {
        for (body, expected) in [
            ("{}", Member::Absent),
            (r#"{"name":null}"#, Member::Null),
            (r#"{"name":"Ana"}"#, Member::Value("Ana".to_owned())),
        ] {
            let read: Body = serde_json::from_str(body).unwrap();
            assert_eq!(read.name, expected, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_changed_is_accepted_as_it_is() {
        let given = |value: Value| serde_json::from_value::<Member<Value>>(value).unwrap();
        assert!(unchanged("id", &Member::Absent, 7).is_ok());
        assert!(unchanged("id", &given(7.into()), 7).is_ok());
        assert!(unchanged("room", &Member::Null, None::<String>).is_ok());
        for other in [given(8.into()), given("7".into()), Member::Null] {
            assert_eq!(unchanged("id", &other, 7).unwrap_err().status, 422, "{other:?}");
        }
    }
}
