//! What notifications say.

use std::collections::BTreeMap;

use frontdesk_server::protocol::isolated;

use crate::{
    attention::{About, Signal, SignalKind},
    notify::{Notice, Topic},
};

/// The notification for a signal. `departments`: names by slug.
pub(super) fn notice(signal: &Signal, departments: &BTreeMap<String, String>, now: i64) -> Notice {
    let count = signal.count;
    let about = signal.about.as_ref();
    let who = about.map(who).unwrap_or_default();
    let id = about.map_or(0, |about| about.conversation_id);
    let department = about.map(|about| department(&about.department, departments));
    let department = department.unwrap_or_default();
    let wait = about.and_then(|about| waited(about, now)).unwrap_or_default();
    let first_line = about.map(|about| about.preview.as_str()).unwrap_or_default();
    let (topic, title, body) = match signal.kind {
        SignalKind::Message => {
            let (text, late) = (first_line, if signal.urgent { wait.as_str() } else { "" });
            let line = joined(&[&department, late], " · ");
            (Topic::Conversation(id), who, joined(&[text, &line], "\n"))
        }
        SignalKind::Started => {
            let text = if first_line.is_empty() { "New conversation" } else { first_line };
            (Topic::Conversation(id), who, joined(&[text, &department], "\n"))
        }
        SignalKind::Many if about.is_none() => {
            (Topic::Waiting, format!("{count} new conversations"), String::new())
        }
        SignalKind::Repeat if count == 1 => {
            let line = joined(&[&department, &wait], " · ");
            (Topic::Waiting, format!("Still waiting: {who}"), joined(&[first_line, &line], "\n"))
        }
        SignalKind::Many | SignalKind::Repeat => {
            let still = if signal.kind == SignalKind::Repeat { "still " } else { "" };
            let body = format!("Longest wait: {}", joined(&[&who, &department, &wait], " · "));
            (Topic::Waiting, format!("{} {still}waiting", guests(count)), body)
        }
        SignalKind::Undelivered if count == 1 => {
            let body = joined(&["Your answer did not reach the guest.", &department], "\n");
            (Topic::Undelivered(id), format!("Not delivered: {who}"), body)
        }
        SignalKind::Undelivered => {
            let body = format!("One of them was for {who}");
            (Topic::Undelivered(id), format!("{count} of your answers were not delivered"), body)
        }
        SignalKind::Offline => (
            Topic::Connection,
            "Offline".to_owned(),
            "Frontdesk cannot reach the hotel's server. You will not be alerted to guest messages here."
                .to_owned(),
        ),
        SignalKind::SignedOut => (
            Topic::Connection,
            "Signed out".to_owned(),
            "The hotel's server signed you out. You will not be alerted to guest messages here."
                .to_owned(),
        ),
        SignalKind::Back => {
            let body = match count {
                0 => "Nobody is waiting.".to_owned(),
                _ => format!(
                    "{} waiting. Longest wait: {}",
                    guests(count),
                    joined(&[&who, &department, &wait], " · ")
                ),
            };
            (Topic::Connection, "Connected again".to_owned(), body)
        }
    };
    let waits = matches!(signal.kind, SignalKind::Message | SignalKind::Many | SignalKind::Repeat);
    Notice {
        topic,
        title,
        body,
        is_urgent: signal.urgent,
        plays_sound: false,
        offers_silence: waits || signal.kind == SignalKind::Undelivered,
    }
}

/// The test from the account menu.
pub(super) fn test(plays_sound: bool) -> Notice {
    Notice {
        topic: Topic::Test,
        title: "Test notification".to_owned(),
        body: "Frontdesk can show notifications on this computer.".to_owned(),
        is_urgent: false,
        plays_sound,
        offers_silence: false,
    }
}

/// Room and guest.
fn who(about: &About) -> String {
    let name = isolated(&about.guest_name);
    match &about.room_number {
        Some(room) => format!("{} · {name}", isolated(room)),
        None => name.into_owned(),
    }
}

/// `12 guests are`
fn guests(count: usize) -> String {
    if count == 1 { "1 guest is".to_owned() } else { format!("{count} guests are") }
}

fn department(slug: &str, names: &BTreeMap<String, String>) -> String {
    names.get(slug).map_or_else(|| slug.replace('_', " "), |name| isolated(name).into_owned())
}

/// `waiting for 12 min`
fn waited(about: &About, now: i64) -> Option<String> {
    let minutes = (now - about.waiting_since?) / 60_000;
    Some(match minutes {
        i64::MIN..=0 => "waiting".to_owned(),
        1..=99 => format!("waiting for {minutes} min"),
        _ => format!("waiting for {} h", minutes / 60),
    })
}

fn joined(parts: &[&str], separator: &str) -> String {
    let parts: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(name: &str, room: Option<&str>) -> About {
        About {
            conversation_id: 7,
            guest_name: name.to_owned(),
            room_number: room.map(str::to_owned),
            department: "room_service".to_owned(),
            preview: "Two towels, please".to_owned(),
            waiting_since: Some(0),
        }
    }

    fn said(kind: SignalKind, count: usize, about: Option<About>) -> (String, String) {
        let urgent = kind == SignalKind::Repeat;
        let signal = Signal { kind, about, count, urgent, notify: true, sound: true };
        let names = BTreeMap::from([("room_service".to_owned(), "Room service".to_owned())]);
        let notice = notice(&signal, &names, 17 * 60_000);
        assert_eq!(notice.is_urgent, urgent);
        (notice.title, notice.body)
    }

    #[test]
    fn each_signal_names_guest_department_and_wait() {
        let amelia = || Some(about("Amelia Hart", Some("204")));
        let pairs = [
            (SignalKind::Message, 1, "204 · Amelia Hart", "Two towels, please\nRoom service"),
            (
                SignalKind::Many,
                12,
                "12 guests are waiting",
                "Longest wait: 204 · Amelia Hart · Room service · waiting for 17 min",
            ),
            (
                SignalKind::Repeat,
                1,
                "Still waiting: 204 · Amelia Hart",
                "Two towels, please\nRoom service · waiting for 17 min",
            ),
            (
                SignalKind::Repeat,
                2,
                "2 guests are still waiting",
                "Longest wait: 204 · Amelia Hart · Room service · waiting for 17 min",
            ),
            (
                SignalKind::Undelivered,
                1,
                "Not delivered: 204 · Amelia Hart",
                "Your answer did not reach the guest.\nRoom service",
            ),
            (
                SignalKind::Back,
                1,
                "Connected again",
                "1 guest is waiting. Longest wait: 204 · Amelia Hart · Room service · waiting for 17 min",
            ),
        ];
        for (kind, count, title, body) in pairs {
            assert_eq!(said(kind, count, amelia()), (title.to_owned(), body.to_owned()));
        }
        assert_eq!(said(SignalKind::Back, 0, None).1, "Nobody is waiting.");
        assert_eq!(said(SignalKind::Many, 5, None).0, "5 new conversations");
        assert!(said(SignalKind::Offline, 0, None).1.starts_with("Frontdesk cannot reach"));
    }

    #[test]
    fn a_name_does_not_turn_the_sentence_around() {
        let (title, _) =
            said(SignalKind::Repeat, 1, Some(about("Evil \u{202e}live\u{2069}", None)));
        assert_eq!(title, "Still waiting: \u{2068}Evil \u{202e}live\u{2069}");
        let (title, _) = said(SignalKind::Message, 1, Some(about("נועה", Some("7"))));
        assert_eq!(title, "7 · \u{2068}נועה\u{2069}");
        // As in the browser's notifications.
        let (title, _) =
            said(SignalKind::Message, 1, Some(about("\u{2067}נועה\u{2069} Noa", None)));
        assert_eq!(title, "\u{2068}\u{2067}נועה\u{2069} Noa\u{2069}");
    }
}
