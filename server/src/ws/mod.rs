//! The chat's WebSocket: `/ws/chat/`.

mod connection;
mod limits;

use std::sync::Arc;

use axum::{
    Router,
    extract::{
        State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection as Rejection},
    },
    http::{HeaderMap, header, request::Parts},
    response::Response,
    routing::get,
};
use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::{
    app::App,
    auth::{self, Admitted},
    http::Problem,
    hub::{Connection, NotJoined},
    protocol::{FRAME_MAX_BYTES, RESUME_MAX_CONVERSATIONS, UserType},
};

/// Read buffer of a connection, in bytes: one small command; the default of 128 KiB would be most of
/// what an idle connection costs.
pub(crate) const READ_BUFFER_BYTES: usize = 2 * 1024;

/// Bytes gathered before they are written to the socket.
pub(crate) const WRITE_BUFFER_BYTES: usize = 16 * 1024;

/// Bytes that may wait inside the socket; a frame of the server is far below the difference.
const WRITE_BUFFER_MAX_BYTES: usize = 1024 * 1024;

/// Length of the key of a handshake, in bytes, before it is Base64 (RFC 6455, 4.1).
const KEY_BYTES: usize = 16;

/// Conversations of `resume` commands that the writer checks at once, so that others do not wait for it: it checks
/// a million a second, and a `resume` names 5,000 at most.
pub(crate) const RESUMES_AT_ONCE: usize = RESUME_MAX_CONVERSATIONS + RESUME_WEIGHT;

/// What a `resume` counts beside the conversations that it names: so much else is to be done for it.
const RESUME_WEIGHT: usize = 20;

/// Pieces of replays that are read at once: half of the connections that read the database.
pub(crate) const REPLAYS_AT_ONCE: usize = 2;

/// How often a proof is checked again because accounts changed meanwhile.
const TRIES_TO_JOIN: u32 = 8;

/// The route of the chat's socket.
pub fn router() -> Router<App> {
    Router::new().route("/ws/chat/", get(upgrade))
}

/// Lets a staff member in, or says why not (contract 1.1).
async fn upgrade(
    State(app): State<App>,
    parts: Parts,
    upgrade: Result<WebSocketUpgrade, Rejection>,
) -> Result<Response, Problem> {
    let proven = Proven::check(&app, &parts).await?;
    let upgrade = upgrade.map_err(|rejection| match rejection {
        Rejection::WebSocketKeyHeaderMissing(_) => Problem::invalid_handshake(),
        _ => Problem::upgrade_required(),
    })?;
    if !has_key(&parts.headers) {
        return Err(Problem::invalid_handshake());
    }
    let joined = join(&app, &parts, proven).await?;
    Ok(upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_MAX_BYTES)
        .max_message_size(FRAME_MAX_BYTES)
        .max_frame_size(FRAME_MAX_BYTES)
        .on_upgrade(move |socket| {
            let sockets = app.sockets.clone();
            sockets.track_future(connection::run(socket, joined))
        }))
}

/// Whether there is one key, and it is 16 bytes in Base64 (RFC 6455, 4.2.1).
fn has_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else { return false };
    BASE64_STANDARD.decode(key.as_bytes().trim_ascii()).is_ok_and(|key| key.len() == KEY_BYTES)
}

/// A person who may connect, as of so many account changes.
struct Proven {
    admitted: Admitted,
    account_changes: u64,
}

impl Proven {
    async fn check(app: &App, parts: &Parts) -> Result<Self, Problem> {
        // Read before the proof is checked: an account change in between means checking again.
        let account_changes = app.hub.account_changes();
        let admitted = auth::require(app, parts).await?;
        let staff = &admitted.staff;
        if staff.user_type != UserType::DepartmentStaff || staff.departments.is_empty() {
            return Err(Problem::forbidden(
                "Only department_staff accounts that belong to a department can connect",
            ));
        }
        Ok(Self { admitted, account_changes })
    }
}

/// Puts the person's connection into its groups, before the answer: a client that has read the answer
/// misses nothing.
async fn join(app: &App, parts: &Parts, mut proven: Proven) -> Result<Joined, Problem> {
    for _ in 0..TRIES_TO_JOIN {
        let Proven { admitted, account_changes } = proven;
        let session = (admitted.session_id, admitted.expires_at);
        match app.hub.join(admitted.staff, session, account_changes) {
            Ok(connection) => return Ok(Joined { app: app.clone(), connection }),
            Err(NotJoined::TooMany) => {
                return Err(Problem::too_many_connections(app.config.connections_per_person));
            }
            Err(NotJoined::AccountsChanged) => {}
        }
        proven = Proven::check(app, parts).await?;
    }
    Err(Problem::unavailable())
}

/// A connection that is in its groups, until this is dropped.
struct Joined {
    app: App,
    connection: Arc<Connection>,
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.app.hub.leave(&self.connection);
    }
}
