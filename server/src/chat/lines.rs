//! Lines: what happened to a conversation, recorded in it.

use crate::protocol::{
    CommandError, Extensible, Id, Line, LineDetail, LineKind, Timestamp, TransferDetail,
};

use super::{
    LineRow, Moment, TransferredState, Working,
    rules::{conversation, person, take},
};

/// Records that a staff member closed or reopened a conversation.
pub(super) fn record(
    working: &mut Working,
    moment: &mut Moment,
    (staff, conversation_id): (Id, Id),
    kind: LineKind,
) -> Result<Line, CommandError> {
    add(working, moment, (staff, conversation_id), kind, None)
}

/// Records that a staff member transfers a conversation, which is still as it was before that, to the
/// department with this id.
pub(super) fn record_transfer(
    working: &mut Working,
    moment: &mut Moment,
    (staff, conversation_id): (Id, Id),
    detail: TransferDetail,
    to_department_id: Id,
) -> Result<Line, CommandError> {
    let state = conversation(working, conversation_id)?;
    let transferred = TransferredState {
        from_department_id: state.department_id,
        to_department_id,
        waiting_since: state.waiting_since.map(Timestamp::as_millis),
        staff_read_id: state.staff_read_id,
        guest_read_id: state.guest_read_id,
        active_at: state.active_at.as_millis(),
    };
    let about = (staff, conversation_id);
    add(working, moment, about, LineKind::Transferred, Some((detail, transferred)))
}

fn add(
    working: &mut Working,
    moment: &mut Moment,
    (staff, conversation_id): (Id, Id),
    kind: LineKind,
    transfer: Option<(TransferDetail, TransferredState)>,
) -> Result<Line, CommandError> {
    let staff_name = person(working, staff)?.name.clone();
    let state = conversation(working, conversation_id)?;
    let (detail, transferred) = transfer.unzip();
    let line = Line {
        id: take(&mut moment.next_line_id),
        conversation_id,
        kind: kind.into(),
        at: moment.now,
        after_message_id: (state.last_message_id > 0).then_some(state.last_message_id),
        staff_id: Some(staff),
        staff_name: Some(staff_name),
        detail: detail.map(|detail| Extensible::Known(LineDetail::Transferred(detail))),
    };
    let property_id = state.property_id;
    working.writes.lines.push(LineRow { property_id, kind, line: line.clone(), transferred });
    Ok(line)
}
