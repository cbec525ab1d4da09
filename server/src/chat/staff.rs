//! A person at the desk, as far as the chat cares.

use crate::protocol::{Id, OnlinePerson, PropertyInfo, User, UserType};

/// A department of the person's property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Department {
    /// Its id.
    pub id: Id,
    /// Its name on wire and command line.
    pub slug: String,
}

/// A signed-in staff member, as they were when their proof was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Their id.
    pub id: Id,
    /// What they sign in with.
    pub username: String,
    /// What others see.
    pub name: String,
    /// What the account is for.
    pub user_type: UserType,
    /// Whether admin calls are open to them (also true for every hotel admin).
    pub is_admin: bool,
    /// Their departments, the first one first.
    pub departments: Vec<Department>,
    /// Where they work.
    pub property: PropertyInfo,
    /// Whether the property asks them for a second factor that they do not have yet.
    pub needs_second_factor: bool,
}

impl Staff {
    /// Whether they are in the department.
    #[must_use]
    pub fn is_in(&self, department_id: Id) -> bool {
        self.departments.iter().any(|department| department.id == department_id)
    }

    /// Whether they and somebody else have a department in common.
    #[must_use]
    pub fn shares_department(&self, other: &Self) -> bool {
        self.departments.iter().any(|department| other.is_in(department.id))
    }

    /// Slug of their first department; empty for an account without one.
    #[must_use]
    pub fn first_department(&self) -> String {
        self.departments.first().map(|department| department.slug.clone()).unwrap_or_default()
    }

    /// As the wire shows them.
    #[must_use]
    pub fn to_user(&self) -> User {
        User {
            id: self.id,
            username: self.username.clone(),
            name: self.name.clone(),
            user_type: self.user_type.into(),
            departments: self.departments.iter().map(|each| each.slug.clone()).collect(),
            is_admin: self.is_admin,
            property: self.property.clone(),
            needs_second_factor: self.needs_second_factor,
        }
    }

    /// As colleagues see them while they are connected.
    #[must_use]
    pub fn to_online(&self) -> OnlinePerson {
        OnlinePerson {
            user_id: self.id,
            user_name: self.name.clone(),
            department: self.first_department(),
        }
    }
}
