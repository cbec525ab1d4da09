//! What the command line does to a guest's data as a whole.

use crate::{
    app::App,
    audit::Actor,
    guestdata::{self, Format},
    protocol::Id,
    store::departments,
};

use super::{AdminError, Response, place::choose_property};

pub(super) async fn erase(app: &App, wanted: Option<Id>, id: Id) -> Result<Response, AdminError> {
    let known = departments::properties(app.store.pool()).await?;
    let property_id = choose_property(&known, wanted)?;
    let erased = guestdata::erase(app, property_id, id, Actor::CommandLine).await;
    let erased = erased.map_err(AdminError::from_store)?;
    let erased = erased.ok_or_else(|| {
        AdminError::failed(format!("there is no guest {id} in this property; check the ID"))
    })?;
    Ok(Response::GuestErased {
        guest_id: id,
        conversations: erased.conversations,
        messages: erased.messages,
        is_cleared: erased.is_cleared,
        older_copies: guestdata::older_copies(app.config.data_dir.clone()).await,
    })
}

pub(super) async fn export(
    app: &App,
    wanted: Option<Id>,
    id: Id,
    format: Format,
) -> Result<Response, AdminError> {
    let known = departments::properties(app.store.pool()).await?;
    let property_id = choose_property(&known, wanted)?;
    let noted = guestdata::note_export(app, (property_id, id), format, Actor::CommandLine).await;
    if noted.map_err(AdminError::from_store)? {
        Ok(Response::GuestExport { property_id, guest_id: id })
    } else {
        Err(AdminError::failed(format!("there is no guest {id} in this property; check the ID")))
    }
}
