//! Carries requests out, through the one writer.

use crate::{app::App, audit::Actor, demo, journal::Written, keeping, store::audit};

use super::{
    AdminError, Request, Response, gateways, guests,
    properties::{self, Choices},
    staff, stays,
};

/// Carries out one request.
///
/// # Errors
/// [`AdminError`]: a sentence that says what to do. Nothing was changed.
pub(super) async fn execute(app: &App, request: Request) -> Result<Response, AdminError> {
    match request {
        Request::PropertyCreate { name } => properties::create(app, &name).await,
        Request::StaffCreate {
            property,
            username,
            name,
            departments,
            user_type,
            is_admin,
            password,
        } => {
            let wanted =
                staff::Wanted { username, name, departments, user_type, is_admin, password };
            staff::create(app, property, wanted).await
        }
        Request::StaffList { property } => staff::list(app, property).await,
        Request::StaffDisable { property, username } => {
            staff::disable(app, property, &username).await
        }
        Request::StaffSetPassword { property, username, password } => {
            staff::set_password(app, property, &username, password).await
        }
        Request::StaffSignOut { property, username } => {
            staff::sign_out(app, property, &username).await
        }
        Request::StaffRemoveSecondFactor { property, username } => {
            staff::remove_second_factor(app, property, &username).await
        }
        Request::GuestCheckIn { property, name, room, whatsapp, language, arrives } => {
            let guest = stays::Arriving { name, room, whatsapp, language, arrives };
            stays::check_in(app, property, &guest).await
        }
        Request::GuestCheckOut { property, guest } => stays::check_out(app, property, guest).await,
        Request::RoomAdd { property, numbers } => stays::add_rooms(app, property, &numbers).await,
        Request::GatewayCreate { property, name, callback_url, stays } => {
            gateways::create(app, property, (&name, stays), callback_url).await
        }
        Request::GatewayList { property } => gateways::list(app, property).await,
        Request::GatewaySet { property, id, name, callback_url, is_disabled, replies_through } => {
            let wanted = gateways::Wanted { id, name, callback_url, is_disabled, replies_through };
            gateways::set(app, property, wanted).await
        }
        Request::GatewayRenewKey { property, id } => gateways::renew_key(app, property, id).await,
        Request::PropertyList { property } => properties::list(app, property).await,
        Request::PropertySet {
            property,
            name,
            time_zone,
            country,
            retention_days,
            retention,
            second_factor,
        } => {
            let choices =
                Choices { name, time_zone, country, retention_days, retention, second_factor };
            properties::set(app, property, choices).await
        }
        Request::GuestExport { property, id, format } => {
            guests::export(app, property, id, format).await
        }
        Request::GuestErase { property, id } => guests::erase(app, property, id).await,
        Request::DemoLoad => demo::load(app).await,
        Request::NoteBackup => note_backup(app).await,
        Request::ClockConfirm => {
            let confirmed = keeping::confirm_clock(app, Actor::CommandLine).await;
            let had_jumped = confirmed.map_err(AdminError::from_store)?;
            Ok(Response::ClockConfirmed { had_jumped })
        }
    }
}

/// Logs that the whole database was copied, in every property.
async fn note_backup(app: &App) -> Result<Response, AdminError> {
    let noted = app.journal.write(move |writer| {
        Box::pin(async move {
            let entries = audit::everywhere(writer, Actor::CommandLine, "backed_up").await?;
            Ok::<_, AdminError>(Written::logged(Response::BackupNoted, entries))
        })
    });
    Ok(noted.await?)
}
