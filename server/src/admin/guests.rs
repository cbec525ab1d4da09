//! What the command line does to guests' data as a whole.

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    guestdata::{self, Format},
    journal::Written,
    protocol::Id,
    store::{
        audit, departments,
        erasure::{self, Retention},
    },
};

use super::{AdminError, PropertyLine, Response, RetentionKind, execute::choose_property};

fn line((id, name, retention): (Id, String, Retention)) -> PropertyLine {
    let kind = if retention.anonymises { RetentionKind::Anonymise } else { RetentionKind::Delete };
    PropertyLine { id, name, retention_days: retention.days, retention: kind }
}

async fn lines(app: &App) -> Result<Vec<PropertyLine>, AdminError> {
    let properties = erasure::properties(&app.store).await?;
    Ok(properties.into_iter().map(line).collect())
}

pub(super) async fn list_properties(app: &App, wanted: Option<Id>) -> Result<Response, AdminError> {
    let mut properties = lines(app).await?;
    if wanted.is_some() {
        let known = departments::properties(&app.store).await?;
        let chosen = choose_property(&known, wanted)?;
        properties.retain(|property| property.id == chosen);
    }
    Ok(Response::Properties { properties })
}

pub(super) async fn set_property(
    app: &App,
    wanted: Option<Id>,
    days: Option<i64>,
    kind: Option<RetentionKind>,
) -> Result<Response, AdminError> {
    let now = app.clock.now();
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let known = departments::properties_in(writer).await?;
            let id = choose_property(&known, wanted)?;
            let before = erasure::retention(writer).await?;
            let before = before.into_iter().find(|(known, ..)| *known == id);
            let (_, name, mut retention) =
                before.ok_or_else(|| AdminError::failed("the property is gone"))?;
            if let Some(days) = days {
                retention.days = Some(days).filter(|days| *days > 0);
            }
            if let Some(kind) = kind {
                retention.anonymises = kind == RetentionKind::Anonymise;
            }
            erasure::set_retention(writer, id, retention).await?;
            let detail = format!(
                "retention_days={}, retention={}",
                retention.days.unwrap_or(0),
                if retention.anonymises { "anonymise" } else { "delete" }
            );
            let entry = Entry::new(id, Actor::CommandLine, "updated", Subject::Property(id));
            audit::append(writer, &[entry.with(detail)], now).await?;
            Ok::<_, AdminError>(Written::quiet(line((id, name, retention))))
        })
    });
    Ok(Response::Properties { properties: vec![written.await?] })
}

pub(super) async fn erase(app: &App, wanted: Option<Id>, id: Id) -> Result<Response, AdminError> {
    let known = departments::properties(&app.store).await?;
    let property_id = choose_property(&known, wanted)?;
    let erased = guestdata::erase(app, property_id, id, Actor::CommandLine).await;
    let erased = erased.map_err(AdminError::from_store)?;
    let erased = erased.ok_or_else(|| AdminError::failed(format!("there is no guest {id}")))?;
    Ok(Response::GuestErased {
        guest_id: id,
        conversations: erased.conversations,
        messages: erased.messages,
        is_cleared: erased.is_cleared,
        older_copies: guestdata::older_copies(&app.config.data_dir),
    })
}

pub(super) async fn export(
    app: &App,
    wanted: Option<Id>,
    id: Id,
    format: Format,
) -> Result<Response, AdminError> {
    let known = departments::properties(&app.store).await?;
    let property_id = choose_property(&known, wanted)?;
    let noted = guestdata::note_export(app, (property_id, id), format, Actor::CommandLine).await;
    if noted.map_err(AdminError::from_store)? {
        Ok(Response::GuestExport { property_id, guest_id: id })
    } else {
        Err(AdminError::failed(format!("there is no guest {id}")))
    }
}
