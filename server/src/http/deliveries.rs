//! How far replies have come: what gateways report, and sending a failed reply again.

use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    auth::Admitted,
    chat::{Answer, Change, DeliveryNews, DeliveryReport, Retry},
    gateway_traffic::Call,
    protocol::{Channel, DeliveryReason, DeliveryState, Message, Timestamp},
    store::{gateways::KnownGateway, messages},
};

use super::{
    extract::{Body, PathId},
    problem::Problem,
};

/// Most reports in one call.
const REPORTS_MAX: usize = 100;

/// Longest reason that is kept, in characters.
const REASON_MAX_CHARS: usize = 300;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(report)).routes(routes!(retry))
}

/// The delivery states that a gateway can report.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReportedState {
    /// It reached the guest's device.
    Delivered,
    /// The guest read it.
    Read,
    /// It did not, and will not.
    Failed,
}

impl From<ReportedState> for DeliveryState {
    fn from(state: ReportedState) -> Self {
        match state {
            ReportedState::Delivered => Self::Delivered,
            ReportedState::Read => Self::Read,
            ReportedState::Failed => Self::Failed,
        }
    }
}

/// How far one reply has come.
#[derive(Deserialize, Validate, ToSchema)]
struct StatusReport {
    /// The `delivery_id` of the reply.
    #[garde(length(chars, max = 255))]
    delivery_id: String,
    /// How far it has come.
    #[garde(skip)]
    #[schema(inline)]
    state: ReportedState,
    /// Why it failed, in English.
    #[garde(skip)]
    reason: Option<String>,
    /// The same for programs: one of the server's own codes, or the gateway's.
    #[garde(skip)]
    reason_code: Option<String>,
    /// When it happened; a time in the future counts as now. Absent: now.
    #[garde(skip)]
    at: Option<Timestamp>,
}

/// Reports of a gateway.
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct StatusReports {
    /// At most 100, in the order in which it happened.
    #[garde(length(max = REPORTS_MAX), dive)]
    statuses: Vec<StatusReport>,
}

/// The reports that could not be stored.
#[derive(Serialize, ToSchema)]
struct Reported {
    /// Each `delivery_id` that is not a reply of this gateway.
    unknown: Vec<String>,
}

impl From<StatusReport> for DeliveryReport {
    fn from(report: StatusReport) -> Self {
        let code: Option<DeliveryReason> =
            report.reason_code.clone().and_then(|code| serde_json::from_value(code.into()).ok());
        // A code of the gateway's own is better than no reason.
        let own_code = report.reason_code.filter(|_| code.is_none());
        let reason = report.reason.or(own_code).as_deref().map(clean).filter(|it| !it.is_empty());
        let news =
            DeliveryNews::Reported { state: report.state.into(), code, reason, at: report.at };
        Self { delivery_id: report.delivery_id, news }
    }
}

/// A reason on one line, short enough to be kept.
fn clean(reason: &str) -> String {
    let words: Vec<_> =
        reason.split(|char: char| char.is_whitespace() || char.is_control()).collect();
    words.join(" ").trim().chars().take(REASON_MAX_CHARS).collect()
}

/// Stores the delivery states of replies that the gateway has accepted. States only move forward; a report
/// of an earlier state changes nothing.
#[utoipa::path(post, path = "/gateway/statuses/", tag = "gateway", request_body = StatusReports,
    security(("gateway" = [])),
    responses((status = 200, body = Reported), (status = 401, body = Problem),
    (status = 422, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)))]
async fn report(
    State(app): State<App>,
    gateway: KnownGateway,
    Body(StatusReports { statuses }): Body<StatusReports>,
) -> Result<Json<Reported>, Problem> {
    app.gateway_traffic
        .admit(gateway.id, Call::Reports(statuses.len()))
        .map_err(Problem::gateway_too_fast)?;
    let reports = statuses.into_iter().map(DeliveryReport::from).collect();
    let change = Change::Reports { gateway_id: gateway.id, reports };
    match app.journal.submit(change).await? {
        Answer::Reports { unknown } => Ok(Json(Reported { unknown })),
        _ => Err(Problem::unavailable()),
    }
}

/// How a reply is to be sent again.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export, optional_fields)]
pub(super) struct RetryBody {
    /// The channel to send it through; absent: the channel that reaches the guest now. With it, a reply
    /// that still waits can be moved to that channel, too.
    #[garde(skip)]
    #[ts(as = "Option<Channel>")]
    channel: Option<Channel>,
}

/// Sends a failed reply again, under the same `delivery_id`.
#[utoipa::path(post, path = "/chat/messages/{id}/retry/", tag = "chat", params(("id" = i64, Path)),
    request_body = Option<RetryBody>, responses((status = 200, body = Message), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn retry(
    State(app): State<App>,
    admitted: Admitted,
    PathId(message_id): PathId,
    body: Option<Body<RetryBody>>,
) -> Result<Json<Message>, Problem> {
    let channel = body.and_then(|Body(RetryBody { channel })| channel);
    let (staff, property_id) = (admitted.staff.id, admitted.staff.property.id);
    let change = Change::Retry(Retry { staff, property_id, message_id, channel });
    app.journal.submit(change).await?;
    let message = messages::one(&app.store, property_id, message_id).await?;
    let gone = || Problem::not_found("message_not_found", "Message not found");
    Ok(Json(message.ok_or_else(gone)?))
}
