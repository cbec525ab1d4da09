//! What the window may ask for: one command for each method of the interface's `Backend`.

use std::sync::Arc;

use frontdesk_server::{
    clock::Clock,
    protocol::{
        Acknowledgment, Command, CommandError, ErrorFrame, Id, User, check_characters,
        check_content,
    },
};
use reqwest::Method;
use serde_json::Value;
use tauri::{State, WebviewWindow, ipc::Channel};

use crate::{
    alerts::AlertTest,
    attention::{self, Input, Pause, Presence},
    connection::{Position, Push},
    desk::{Desk, ServerChoice, SetupBody, Sharing, Startup},
    error::{Error, Result},
    network::{self, Found},
    outbox::Text,
    settings::Preferences,
    window::zoom,
};

type Desks<'a> = State<'a, Arc<Desk>>;

/// The commands, for Tauri.
pub(crate) fn handler() -> impl Fn(tauri::ipc::Invoke) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        start,
        choose_server,
        setup_state,
        setup,
        sign_in,
        sign_out,
        connect,
        send_text,
        retry_text,
        withdraw_text,
        drafts,
        save_draft,
        command,
        request,
        settings,
        save_settings,
        alert_preferences,
        save_alert_preferences,
        set_pause,
        silence,
        play_sound,
        test_alert,
        set_presence,
        reconnect_now,
        zoom,
        set_open,
        sharing,
        share,
        trust_certificate,
        find_servers,
        quit,
    ]
}

#[tauri::command]
async fn start(desk: Desks<'_>, on_event: Channel<Push>) -> Result<Startup> {
    Ok(desk.start(on_event).await)
}

#[tauri::command]
async fn choose_server(desk: Desks<'_>, choice: ServerChoice) -> Result<Startup> {
    desk.choose(choice).await
}

#[tauri::command]
async fn setup_state(desk: Desks<'_>) -> Result<Value> {
    desk.setup_state().await
}

#[tauri::command]
async fn setup(desk: Desks<'_>, body: SetupBody) -> Result<User> {
    desk.set_up(body).await
}

#[tauri::command]
async fn sign_in(
    desk: Desks<'_>,
    username: String,
    password: String,
    code: Option<String>,
) -> Result<User> {
    desk.sign_in(&username, &password, code.as_deref()).await
}

#[tauri::command]
async fn sign_out(desk: Desks<'_>) -> Result<()> {
    desk.sign_out().await;
    Ok(())
}

#[tauri::command]
async fn connect(desk: Desks<'_>, from: Option<Position>) -> Result<()> {
    desk.connect(from).await
}

#[tauri::command]
async fn send_text(desk: Desks<'_>, conversation_id: Id, content: String) -> Result<String> {
    let content = check_content(Some(content.trim()))
        .and_then(|content| check_characters(&content, None).map(|()| content))
        .map_err(|error| refuse(error, conversation_id))?;
    let client_id = format!("{:032x}", rand::random::<u128>());
    let text = Text::new(client_id.clone(), conversation_id, content, Clock::System.now());
    desk.connection()?.send_text(text).await?;
    Ok(client_id)
}

#[tauri::command]
async fn retry_text(desk: Desks<'_>, client_id: String) -> Result<()> {
    desk.connection()?.retry(client_id).await;
    Ok(())
}

#[tauri::command]
async fn withdraw_text(desk: Desks<'_>, client_id: String) -> Result<()> {
    desk.connection()?.withdraw(client_id).await
}

/// Answers that are not finished, the oldest first: conversation and text.
#[tauri::command]
async fn drafts(desk: Desks<'_>) -> Result<Vec<(Id, String)>> {
    desk.drafts().await
}

/// Keeps a text that is not finished; an empty one is forgotten.
#[tauri::command]
async fn save_draft(desk: Desks<'_>, conversation_id: Id, text: String) -> Result<()> {
    desk.save_draft(conversation_id, text).await
}

#[tauri::command]
async fn command(desk: Desks<'_>, command: Command) -> Result<Option<Acknowledgment>> {
    desk.connection()?.command(command).await
}

#[tauri::command]
async fn request(
    desk: Desks<'_>,
    method: String,
    path: String,
    body: Option<Value>,
) -> Result<Value> {
    let method = match method.as_str() {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => return Err(Error::new("invalid_method", "The server does not support this method.")),
    };
    let (api, token) = desk.api()?;
    // Their answers hold tokens, which are none of the window's business.
    let path_of = api.server().url(&path)?;
    if ["/auth/login", "/setup"].contains(&path_of.path().trim_end_matches('/')) {
        return Err(Error::new(
            "invalid_path",
            "This path can only be used by signing in or setting up.",
        ));
    }
    let acted = own_action(&method, path_of.path(), body.as_ref());
    if let Some(Some(conversation_id)) = acted {
        desk.alerts.apply(Input::Own(conversation_id));
    }
    let answer = api.call(method, &path, body.as_ref(), Some(&token)).await?;
    if acted.is_some()
        && let Some(conversation_id) = answer.get("id").and_then(Value::as_i64)
    {
        desk.alerts.apply(Input::Own(conversation_id));
    }
    Ok(answer)
}

/// Whether a call is the person's own doing to a conversation, which causes them no alert; and to which, where the
/// call says so.
fn own_action(method: &Method, path: &str, body: Option<&Value>) -> Option<Option<Id>> {
    let action = path.trim_end_matches('/').rsplit_once("/chat/conversations/")?.1;
    let acts = *method == Method::POST && ["create", "reopen", "transfer"].contains(&action);
    acts.then(|| body.and_then(|body| body.get("conversation_id")).and_then(Value::as_i64))
}

#[tauri::command]
async fn settings(desk: Desks<'_>) -> Result<Preferences> {
    Ok(desk.preferences())
}

#[tauri::command]
async fn save_settings(desk: Desks<'_>, settings: Preferences) -> Result<()> {
    desk.save_preferences(settings).await
}

#[tauri::command]
async fn alert_preferences(desk: Desks<'_>) -> Result<attention::Preferences> {
    Ok(desk.alert_preferences())
}

#[tauri::command]
async fn save_alert_preferences(
    desk: Desks<'_>,
    preferences: attention::Preferences,
) -> Result<()> {
    desk.save_alert_preferences(preferences).await
}

#[tauri::command]
async fn set_pause(desk: Desks<'_>, pause: Option<Pause>) -> Result<()> {
    desk.set_pause(pause).await
}

#[tauri::command]
async fn silence(desk: Desks<'_>) -> Result<()> {
    desk.alerts.apply(Input::Silence);
    Ok(())
}

/// Plays a sound, for the person to choose.
#[tauri::command]
async fn play_sound(desk: Desks<'_>, sound: attention::Sound) -> Result<()> {
    desk.alerts.play(sound).await
}

/// Shows a test notification with sound.
#[tauri::command]
async fn test_alert(desk: Desks<'_>) -> Result<AlertTest> {
    Ok(desk.alerts.test().await)
}

#[tauri::command]
async fn set_presence(desk: Desks<'_>, presence: Presence) -> Result<()> {
    desk.alerts.set_page(presence);
    if let Ok(connection) = desk.connection() {
        connection.set_in_sight(presence.visible).await;
    }
    Ok(())
}

#[tauri::command]
async fn reconnect_now(desk: Desks<'_>) -> Result<()> {
    desk.reconnect_now().await;
    Ok(())
}

/// Ctrl with + − 0.
#[tauri::command]
async fn zoom(desk: Desks<'_>, window: WebviewWindow, change: zoom::Change) -> Result<()> {
    let percent = change.of(desk.zoom());
    zoom::apply(&window, percent);
    desk.save_zoom(percent).await
}

/// The conversation on the screen.
#[tauri::command]
async fn set_open(desk: Desks<'_>, conversation_id: Option<Id>) -> Result<()> {
    desk.set_open(conversation_id).await
}

#[tauri::command]
async fn sharing(desk: Desks<'_>) -> Result<Sharing> {
    desk.sharing()
}

#[tauri::command]
async fn share(desk: Desks<'_>, wanted: bool) -> Result<Sharing> {
    desk.share(wanted).await
}

/// Goes on with the certificate that the person has compared.
#[tauri::command]
async fn trust_certificate(desk: Desks<'_>, fingerprint: String) -> Result<()> {
    desk.trust_certificate(fingerprint).await
}

/// Servers of other desks on this network.
#[tauri::command]
async fn find_servers() -> Result<Vec<Found>> {
    Ok(network::find().await)
}

#[tauri::command]
async fn quit(desk: Desks<'_>) -> Result<()> {
    desk.quit();
    Ok(())
}

fn refuse(error: CommandError, conversation_id: Id) -> Error {
    Error::from(ErrorFrame {
        message: error.to_string(),
        code: Some(error.code().into()),
        conversation_id: Some(conversation_id),
        client_id: None,
    })
}
