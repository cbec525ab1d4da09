//! Accounts of staff: admins' calls.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::SqliteConnection;
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject, changed},
    auth::Admin,
    hub::Effect,
    journal::Written,
    protocol::{Id, Timestamp, UserType},
    store::{
        second_factor, sessions,
        staff::{self, NewStaff, StaffChange, StaffError, StaffRow},
    },
    text::{PersonName, Username},
};

use super::{
    departments,
    extract::{Body, PathId},
    patch::{Member, unchanged},
    problem::Problem,
    sign_in::refused_password,
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(update))
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
    /// Another account on this server has this username in another spelling, from before usernames were compared
    /// without regard to case and composition: each of them signs in with exactly its own spelling.
    shares_username: bool,
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
            shares_username: row.shares_username,
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
#[serde(deny_unknown_fields)]
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
    /// Slugs or names; required for department staff.
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
        return Err(Problem::invalid_field(
            "departments",
            "must name at least one department for department_staff",
        ));
    }
    let hotel = admitted.staff.property.name.clone();
    let (username, name) = (String::from(new.username), String::from(new.name));
    let about = vec![hotel, username.clone(), name.clone()];
    let password_hash = app.passwords.accept(new.password, about).await;
    let password_hash = password_hash.map_err(|refused| refused_password("password", refused))?;
    let (property_id, now) = (admitted.staff.property.id, app.clock.now());
    let actor = Actor::Staff(admitted.staff.id);
    let departments = departments::slugs(&app, property_id, &new.departments).await?;
    let account = NewStaff {
        property_id,
        username,
        name,
        password_hash,
        user_type,
        is_admin: new.is_admin,
        departments,
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
        .ok_or_else(|| Problem::not_found("staff_not_found", "Staff member not found"))
}

/// What to change about an account; missing members stay. What the list shows and cannot be changed may
/// be sent as it is.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub(super) struct StaffPatch {
    /// Cannot be changed.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = i64, required = false, read_only)]
    #[ts(as = "Option<i64>", optional)]
    id: Member<Value>,
    /// Cannot be changed.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = String, required = false, read_only)]
    #[ts(as = "Option<String>", optional)]
    username: Member<Value>,
    /// Cannot be changed.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = UserType, required = false, read_only)]
    #[ts(as = "Option<UserType>", optional)]
    user_type: Member<Value>,
    /// Cannot be changed.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = bool, required = false, read_only)]
    #[ts(as = "Option<bool>", optional)]
    shares_username: Member<Value>,
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = String, required = false)]
    #[ts(as = "Option<String>", optional)]
    name: Member<PersonName>,
    /// A new password ends the person's sessions.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = String, required = false)]
    #[ts(as = "Option<String>", optional)]
    password: Member<String>,
    /// Slugs or names; a change closes the person's connections.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Vec<String>, required = false)]
    #[ts(as = "Option<Vec<String>>", optional)]
    departments: Member<Vec<String>>,
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = bool, required = false)]
    #[ts(as = "Option<bool>", optional)]
    is_admin: Member<bool>,
    /// `true` closes the person's connections at once.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = bool, required = false)]
    #[ts(as = "Option<bool>", optional)]
    is_disabled: Member<bool>,
}

/// What a body changes about an account: what it names and is not so already.
struct Changes {
    name: Option<String>,
    password: Option<String>,
    departments: Option<Vec<String>>,
    is_admin: Option<bool>,
    is_disabled: Option<bool>,
}

impl Changes {
    /// # Errors
    /// `422` for a member that cannot be changed, or not to that.
    async fn new(app: &App, patch: StaffPatch, before: &StaffRow) -> Result<Self, Problem> {
        let person = before.staff.to_user();
        unchanged("id", &patch.id, person.id)?;
        unchanged("username", &patch.username, &person.username)?;
        unchanged("user_type", &patch.user_type, person.user_type)?;
        unchanged("shares_username", &patch.shares_username, before.shares_username)?;
        let departments = match patch.departments.required("departments")? {
            Some(given) => Some(departments::slugs(app, person.property.id, &given).await?),
            None => None,
        };
        let name = patch.name.required("name")?.map(String::from);
        Ok(Self {
            name: name.filter(|name| *name != person.name),
            password: patch.password.required("password")?,
            departments: departments.filter(|slugs| *slugs != person.departments),
            is_admin: patch.is_admin.required("is_admin")?.filter(|is| *is != person.is_admin),
            is_disabled: patch
                .is_disabled
                .required("is_disabled")?
                .filter(|is| *is != before.is_disabled),
        })
    }

    const fn are_none(&self) -> bool {
        let Self { name, password, departments, is_admin, is_disabled } = self;
        name.is_none()
            && password.is_none()
            && departments.is_none()
            && is_admin.is_none()
            && is_disabled.is_none()
    }
}

/// Changes an account. Where nothing changes, nothing is logged and no session ends.
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
    let changes = Changes::new(&app, patch, &before).await?;
    if changes.are_none() {
        return Ok(Json(before.into()));
    }
    let is_self = id == admitted.staff.id;
    if is_self && (changes.is_disabled == Some(true) || changes.is_admin == Some(false)) {
        return Err(Problem::conflict(
            "own_account",
            "Only another admin can disable your account or remove your admin role",
        ));
    }
    if is_self && changes.password.is_some() {
        return Err(Problem::conflict(
            "own_account",
            "Change your own password with POST /auth/password/, which asks for the current one",
        ));
    }
    if changes.departments.as_ref().is_some_and(Vec::is_empty)
        && before.staff.user_type == UserType::DepartmentStaff
    {
        return Err(Problem::invalid_field(
            "departments",
            "must name at least one department for department_staff",
        ));
    }
    let password_hash = match changes.password {
        Some(password) => {
            let person = before.staff.to_user();
            let about = vec![person.property.name, person.username, person.name];
            let hash = app.passwords.accept(password, about).await;
            Some(hash.map_err(|refused| refused_password("password", refused))?)
        }
        None => None,
    };
    let change = StaffChange {
        name: changes.name,
        is_admin: changes.is_admin,
        is_disabled: changes.is_disabled,
        password_hash,
    };
    let written = Update { actor: Actor::Staff(admitted.staff.id), property_id, id, now };
    let departments = changes.departments;
    app.journal.write(move |writer| Box::pin(written.write(writer, change, departments))).await?;
    Ok(Json(shown(&app, property_id, id).await?.into()))
}

/// Which account is changed, by whom and when.
struct Update {
    actor: Actor,
    property_id: Id,
    id: Id,
    now: Timestamp,
}

impl Update {
    /// Writes what has changed, with what that means for the person's sessions and connections.
    async fn write(
        self,
        writer: &mut SqliteConnection,
        change: StaffChange,
        departments: Option<Vec<String>>,
    ) -> Result<Written<()>, StaffError> {
        let Self { actor, property_id, id, now } = self;
        let mut effects = Vec::new();
        // Two admins may do this to each other at the same time.
        let ends_admin = change.is_disabled == Some(true) || change.is_admin == Some(false);
        if ends_admin && staff::is_last_admin(writer, id).await? {
            return Err(StaffError::LastAdmin);
        }
        staff::update(writer, (property_id, id), &change, now).await?;
        let detail = changed(&[
            ("name", change.name.is_some()),
            ("password", change.password_hash.is_some()),
            ("departments", departments.is_some()),
            ("is_admin", change.is_admin.is_some()),
            ("disabled", change.is_disabled == Some(true)),
            ("enabled", change.is_disabled == Some(false)),
        ]);
        if let Some(name) = change.name {
            effects.push(Effect::Renamed { property_id, staff_id: id, name });
        }
        if let Some(slugs) = &departments {
            staff::set_departments(writer, property_id, id, slugs).await?;
            effects.push(Effect::DepartmentsChanged(id));
        }
        // A disabled account keeps its sessions, so that it gets `403` rather than `401`; they end when
        // it is enabled again.
        let ends_sessions = change.password_hash.is_some() || change.is_disabled == Some(false);
        if ends_sessions {
            sessions::end_all(writer, (property_id, id), None).await?;
        }
        if ends_sessions || change.is_disabled == Some(true) {
            effects.push(Effect::EndStaff(id));
        }
        // A new admin may need a second factor from now on.
        let missing = second_factor::missing(writer, property_id, Some(id)).await?;
        effects.extend(missing.into_iter().map(Effect::DepartmentsChanged));
        let entry = Entry::new(property_id, actor, "updated", Subject::Staff(id)).with(detail);
        Ok(Written::logged((), [entry]).telling(effects))
    }
}
