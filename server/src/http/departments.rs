//! Departments: their list, new ones, and how requests name them.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    auth::{Admin, Admitted},
    journal::Written,
    protocol::{Id, OnlinePerson},
    store::departments,
    text::DepartmentName,
};

use super::{
    extract::{Body, Query},
    problem::Problem,
};

/// The error text for a name that no department has.
pub(super) const NOT_FOUND: &str = "there is no such department in this property";

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// The slug of the department that a request names by its slug or its name.
///
/// # Errors
/// `422` where the property has no department with that name.
pub(super) async fn slug(app: &App, property_id: Id, given: &str) -> Result<String, Problem> {
    departments::slug_of(app.store.pool(), property_id, given)
        .await?
        .ok_or_else(|| Problem::invalid_field("department", NOT_FOUND))
}

/// The same for the member `departments`; each is there once.
///
/// # Errors
/// `422` where the property has no department with one of the names.
pub(super) async fn slugs(
    app: &App,
    property_id: Id,
    given: &[String],
) -> Result<Vec<String>, Problem> {
    let mut slugs: Vec<String> = Vec::with_capacity(given.len());
    for each in given {
        let found = departments::slug_of(app.store.pool(), property_id, each).await?;
        let slug = found.ok_or_else(|| Problem::invalid_field("departments", NOT_FOUND))?;
        if !slugs.contains(&slug) {
            slugs.push(slug);
        }
    }
    Ok(slugs)
}

/// A department.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Department {
    /// Its name in the protocol and on the command line.
    slug: String,
    /// Its name on screens.
    name: String,
    /// Everyone online who is in it; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    online: Option<Vec<OnlinePerson>>,
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Also who is online in each.
    #[serde(default)]
    #[garde(skip)]
    online: bool,
}

/// Departments of the property.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Departments {
    results: Vec<Department>,
}

/// Lists the departments of the property.
#[utoipa::path(get, path = "/departments/", tag = "staff", params(ListParams),
    responses((status = 200, body = Departments), (status = 401, body = Problem)))]
async fn list(
    State(app): State<App>,
    admitted: Admitted,
    Query(params): Query<ListParams>,
) -> Result<Json<Departments>, Problem> {
    let property_id = admitted.staff.property.id;
    let rows = departments::of_property(&app.store, property_id).await?;
    let shown = |(id, slug, name)| {
        let online = params.online.then(|| app.hub.online_in(property_id, id));
        Department { slug, name, online }
    };
    let results = rows.into_iter().map(shown).collect();
    Ok(Json(Departments { results }))
}

/// A new department; its slug is derived from its name.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
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
async fn create(
    State(app): State<App>,
    Admin(admitted): Admin,
    Body(new): Body<NewDepartment>,
) -> Result<(StatusCode, Json<Department>), Problem> {
    let name = String::from(new.name);
    let slug = slug::slugify(&name).replace('-', "_");
    if slug.is_empty() {
        return Err(Problem::invalid_field("name", "must contain a letter or a digit"));
    }
    let department = Department { slug: slug.clone(), name: name.clone(), online: None };
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
                        "The hotel already has 100 departments, which is the maximum",
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
            "The hotel already has a department with this name; choose another name",
        )),
    }
}
