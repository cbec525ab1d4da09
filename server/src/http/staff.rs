//! Staff and departments: admins' calls.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject, changed},
    auth::{Admin, Admitted},
    hub::Effect,
    journal::Written,
    protocol::{Id, UserType},
    store::{
        departments, second_factor, sessions,
        staff::{self, NewStaff, StaffChange, StaffError, StaffRow},
    },
    text::{DepartmentName, PersonName, Username},
};

use super::{
    extract::{Body, PathId},
    problem::Problem,
    sign_in::refused_password,
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(update))
        .routes(routes!(list_departments, create_department))
}

/// An account, as admins see it.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct StaffMember {
    id: Id,
    username: String,
    name: String,
    user_type: UserType,
    /// Slugs, the first department first.
    departments: Vec<String>,
    is_admin: bool,
    is_disabled: bool,
}

impl From<StaffRow> for StaffMember {
    fn from(row: StaffRow) -> Self {
        let user = row.staff.to_user();
        Self {
            id: user.id,
            username: user.username,
            name: user.name,
            user_type: row.staff.user_type,
            departments: user.departments,
            is_admin: user.is_admin,
            is_disabled: row.is_disabled,
        }
    }
}

/// Accounts of the property, by name.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct StaffList {
    results: Vec<StaffMember>,
}

/// Lists the accounts of the property.
#[utoipa::path(get, path = "/staff/", tag = "staff",
    responses((status = 200, body = StaffList), (status = 403, body = Problem)))]
async fn list(State(app): State<App>, Admin(admitted): Admin) -> Result<Json<StaffList>, Problem> {
    let rows = staff::of_property(&app.store, admitted.staff.property.id).await?;
    Ok(Json(StaffList { results: rows.into_iter().map(StaffMember::from).collect() }))
}

/// A new account.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export)]
pub(super) struct NewStaffBody {
    /// Unique on the server, without spaces.
    #[garde(dive)]
    #[schema(value_type = String)]
    #[ts(as = "String")]
    username: Username,
    #[garde(dive)]
    #[schema(value_type = String)]
    #[ts(as = "String")]
    name: PersonName,
    /// At least 10 characters, and not easily guessed.
    #[garde(skip)]
    password: String,
    /// `department_staff` when missing.
    #[serde(default)]
    #[garde(skip)]
    user_type: Option<UserType>,
    /// Slugs; required for department staff.
    #[serde(default)]
    #[garde(length(max = 100))]
    departments: Vec<String>,
    #[serde(default)]
    #[garde(skip)]
    is_admin: bool,
}

/// Creates an account.
#[utoipa::path(post, path = "/staff/", tag = "staff", request_body = NewStaffBody,
    responses((status = 201, body = StaffMember), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(app): State<App>,
    Admin(admitted): Admin,
    Body(new): Body<NewStaffBody>,
) -> Result<(StatusCode, Json<StaffMember>), Problem> {
    let user_type = new.user_type.unwrap_or(UserType::DepartmentStaff);
    if user_type == UserType::DepartmentStaff && new.departments.is_empty() {
        return Err(Problem::invalid_field("departments", "department staff need a department"));
    }
    let hotel = admitted.staff.property.name.clone();
    let (username, name) = (String::from(new.username), String::from(new.name));
    let about = vec![hotel, username.clone(), name.clone()];
    let password_hash = app.passwords.accept(new.password, about).await;
    let password_hash = password_hash.map_err(|refused| refused_password("password", refused))?;
    let (property_id, now) = (admitted.staff.property.id, app.clock.now());
    let actor = Actor::Staff(admitted.staff.id);
    let account = NewStaff {
        property_id,
        username,
        name,
        password_hash,
        user_type,
        is_admin: new.is_admin,
        departments: new.departments,
    };
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let id = staff::create(writer, &account, now).await?;
                let entry = Entry::new(property_id, actor, "created", Subject::Staff(id));
                Ok::<_, StaffError>(Written::logged(id, [entry]))
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(shown(&app, property_id, id).await?.into())))
}

async fn shown(app: &App, property_id: Id, id: Id) -> Result<StaffRow, Problem> {
    staff::by_id(&app.store, property_id, id)
        .await?
        .ok_or_else(|| Problem::not_found("staff_not_found", "There is no such staff member"))
}

/// What to change about an account; missing members stay.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export, optional_fields)]
pub(super) struct StaffPatch {
    #[garde(dive)]
    #[schema(value_type = Option<String>)]
    #[ts(as = "Option<String>")]
    name: Option<PersonName>,
    /// A new password ends the person's sessions.
    #[garde(skip)]
    password: Option<String>,
    /// Slugs; a change closes the person's connections.
    #[garde(inner(length(max = 100)))]
    departments: Option<Vec<String>>,
    #[garde(skip)]
    is_admin: Option<bool>,
    /// `true` closes the person's connections at once.
    #[garde(skip)]
    is_disabled: Option<bool>,
}

/// Changes an account.
#[utoipa::path(patch, path = "/staff/{id}/", tag = "staff", params(("id" = i64, Path)),
    request_body = StaffPatch, responses((status = 200, body = StaffMember),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem)))]
async fn update(
    State(app): State<App>,
    Admin(admitted): Admin,
    PathId(id): PathId,
    Body(patch): Body<StaffPatch>,
) -> Result<Json<StaffMember>, Problem> {
    let (property_id, now) = (admitted.staff.property.id, app.clock.now());
    let before = shown(&app, property_id, id).await?;
    let is_self = id == admitted.staff.id;
    if is_self && (patch.is_disabled == Some(true) || patch.is_admin == Some(false)) {
        return Err(Problem::conflict("own_account", "Another admin must do this to your account"));
    }
    if is_self && patch.password.is_some() {
        return Err(Problem::conflict(
            "own_account",
            "Change your own password with POST /auth/password/, which asks for the present one",
        ));
    }
    let departments =
        patch.departments.filter(|slugs| *slugs != before.staff.to_user().departments);
    if departments.as_ref().is_some_and(Vec::is_empty)
        && before.staff.user_type == UserType::DepartmentStaff
    {
        return Err(Problem::invalid_field("departments", "department staff need a department"));
    }
    let password_hash = match patch.password {
        Some(password) => {
            let person = before.staff.to_user();
            let about = vec![person.property.name, person.username, person.name];
            let hash = app.passwords.accept(password, about).await;
            Some(hash.map_err(|refused| refused_password("password", refused))?)
        }
        None => None,
    };
    // A disabled account keeps its sessions, so that it hears `403` rather than `401`; they are gone
    // when it is enabled again.
    let ends_sessions = password_hash.is_some() || patch.is_disabled == Some(false);
    let closes_connections = ends_sessions || patch.is_disabled == Some(true);
    let change = StaffChange {
        name: patch.name.map(String::from),
        is_admin: patch.is_admin,
        is_disabled: patch.is_disabled,
        password_hash,
    };
    let detail = changed(&[
        ("name", change.name.is_some()),
        ("password", change.password_hash.is_some()),
        ("departments", departments.is_some()),
        ("is_admin", change.is_admin.is_some()),
        ("disabled", change.is_disabled == Some(true)),
        ("enabled", change.is_disabled == Some(false)),
    ]);
    let actor = Actor::Staff(admitted.staff.id);
    let entry = Entry::new(property_id, actor, "updated", Subject::Staff(id)).with(detail);
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                let mut effects = Vec::new();
                // Two admins may do this to each other at the same time.
                let ends_admin = change.is_disabled == Some(true) || change.is_admin == Some(false);
                if ends_admin && staff::is_last_admin(writer, id).await? {
                    return Err(StaffError::LastAdmin);
                }
                staff::update(writer, (property_id, id), &change, now).await?;
                if let Some(name) = change.name {
                    effects.push(Effect::Renamed { property_id, staff_id: id, name });
                }
                if let Some(slugs) = &departments {
                    staff::set_departments(writer, property_id, id, slugs).await?;
                    effects.push(Effect::DepartmentsChanged(id));
                }
                if ends_sessions {
                    sessions::end_all(writer, (property_id, id), None).await?;
                }
                if closes_connections {
                    effects.push(Effect::EndStaff(id));
                }
                // Whoever becomes an admin may need a second factor from now on.
                let missing = second_factor::missing(writer, property_id, Some(id)).await?;
                effects.extend(missing.into_iter().map(Effect::DepartmentsChanged));
                Ok::<_, StaffError>(Written::logged((), [entry]).telling(effects))
            })
        })
        .await?;
    Ok(Json(shown(&app, property_id, id).await?.into()))
}

/// A department.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Department {
    /// Its name on wire and command line.
    slug: String,
    /// Its name on screens.
    name: String,
}

/// Departments of the property.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Departments {
    results: Vec<Department>,
}

/// Lists the departments of the property.
#[utoipa::path(get, path = "/departments/", tag = "staff",
    responses((status = 200, body = Departments), (status = 401, body = Problem)))]
async fn list_departments(
    State(app): State<App>,
    admitted: Admitted,
) -> Result<Json<Departments>, Problem> {
    let rows = departments::of_property(&app.store, admitted.staff.property.id).await?;
    let results = rows.into_iter().map(|(_, slug, name)| Department { slug, name }).collect();
    Ok(Json(Departments { results }))
}

/// A new department; its slug is made of its name.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export)]
pub(super) struct NewDepartment {
    #[garde(dive)]
    #[schema(value_type = String)]
    #[ts(as = "String")]
    name: DepartmentName,
}

/// Creates a department.
#[utoipa::path(post, path = "/departments/", tag = "staff", request_body = NewDepartment,
    responses((status = 201, body = Department), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create_department(
    State(app): State<App>,
    Admin(admitted): Admin,
    Body(new): Body<NewDepartment>,
) -> Result<(StatusCode, Json<Department>), Problem> {
    let name = String::from(new.name);
    let slug = slug::slugify(&name).replace('-', "_");
    if slug.is_empty() {
        return Err(Problem::invalid_field("name", "the name needs a letter or a digit"));
    }
    let department = Department { slug: slug.clone(), name: name.clone() };
    let property_id = admitted.staff.property.id;
    let actor = Actor::Staff(admitted.staff.id);
    let created = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let known = departments::slugs(writer, property_id).await?;
                if known.len() >= departments::DEPARTMENTS_MAX {
                    return Err(Problem::conflict(
                        "too_many_departments",
                        "The property has 100 departments, which is the most it can have",
                    ));
                }
                let id = departments::create(writer, property_id, &slug, &name).await?;
                let entry = |id| Entry::new(property_id, actor, "created", Subject::Department(id));
                Ok(Written::logged(id, id.map(entry)))
            })
        })
        .await?;
    match created {
        Some(_) => Ok((StatusCode::CREATED, Json(department))),
        None => Err(Problem::conflict(
            "department_exists",
            "The property has a department with this name",
        )),
    }
}
