//! What commands print: a line of text for people, or one JSON object per line for programs.

use std::{
    io::{self, Write as _},
    path::Path,
};

use frontdesk_server::{
    admin::{
        Account, GatewayLine, Password, PropertyLine, Response, RetentionKind, SecondFactorRule,
    },
    audit::{Chain, Stored},
    backup::{Backup, Restored},
    check::Finding,
    protocol::{Id, UserType},
};
use serde_json::{Value, json};

use super::Failure;

fn print(lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}").map_err(|error| {
            Failure::Failed(format!(
                "the command was carried out, but its result could not be printed: {error}"
            ))
        })?;
    }
    Ok(())
}

/// Prints what a request came to.
pub(super) fn response(response: &Response, json: bool) -> Result<(), Failure> {
    if json { print(objects(response).iter().map(Value::to_string)) } else { print(text(response)) }
}

fn objects(response: &Response) -> Vec<Value> {
    match response {
        Response::Property { id, name } => vec![json!({ "id": id, "name": name })],
        Response::Properties { properties } => {
            properties.iter().map(|property| json!(property)).collect()
        }
        Response::GuestErased { guest_id, conversations, messages, is_cleared, older_copies } => {
            vec![json!({
                "guest_id": guest_id, "conversations": conversations, "messages": messages,
                "cleared": is_cleared, "older_copies": older_copies,
            })]
        }
        Response::StaffCreated { id, username, password }
        | Response::PasswordSet { id, username, password } => {
            let mut object = json!({ "id": id, "username": username });
            if let (Some(password), Some(members)) = (password, object.as_object_mut()) {
                members.insert("password".to_owned(), json!(password));
            }
            vec![object]
        }
        Response::Staff { accounts } => accounts.iter().map(|account| json!(account)).collect(),
        Response::StaffDisabled { id, username }
        | Response::SignedOut { id, username }
        | Response::SecondFactorRemoved { id, username } => {
            vec![json!({ "id": id, "username": username })]
        }
        Response::CheckedIn { guest_id, stay_id, room_number }
        | Response::CheckedOut { guest_id, stay_id, room_number } => {
            vec![json!({ "guest_id": guest_id, "stay_id": stay_id, "room_number": room_number })]
        }
        Response::Rooms { rooms } => rooms.iter().map(|room| json!(room)).collect(),
        Response::Gateway { id, name, key, signing_secret } => {
            vec![json!({ "id": id, "name": name, "key": key, "signing_secret": signing_secret })]
        }
        Response::Gateways { gateways } => gateways.iter().map(|gateway| json!(gateway)).collect(),
        Response::BackupNoted | Response::GuestExport { .. } => Vec::new(),
        Response::ClockConfirmed { had_jumped } => vec![json!({ "had_jumped": had_jumped })],
        Response::Demo { property_id, name, username, password } => {
            vec![json!({
                "property_id": property_id, "name": name, "username": username, "password": password,
            })]
        }
    }
}

fn text(response: &Response) -> Vec<String> {
    match response {
        Response::Property { id, name } => vec![format!("Property {id}: {name}")],
        Response::Properties { properties } => properties.iter().map(property).collect(),
        Response::GuestErased { guest_id, conversations, messages, is_cleared, older_copies } => {
            let mut lines = vec![format!(
                "Guest {guest_id} was erased (conversations: {conversations}, messages: \
                 {messages})."
            )];
            if !is_cleared {
                lines.push(
                    "The database files are still being cleared; until that is done, traces may \
                     remain in them."
                        .to_owned(),
                );
            }
            lines.extend(older_copies.iter().map(|file| {
                format!(
                    "{file} is an older copy that may still contain the guest's data; delete \
                     it when you no longer need it."
                )
            }));
            lines.push("Backups made before now still contain the guest's data.".to_owned());
            lines
        }
        Response::StaffCreated { username, password, .. } => {
            with_password(format!("Account {username} was created."), password.as_ref())
        }
        Response::PasswordSet { username, password, .. } => with_password(
            format!("{username} has a new password and was signed out on all devices."),
            password.as_ref(),
        ),
        Response::Staff { accounts } if accounts.is_empty() => {
            vec!["There are no accounts yet; create one with `staff create`.".to_owned()]
        }
        Response::Staff { accounts } => table(accounts),
        Response::StaffDisabled { username, .. } => {
            vec![format!("{username} was signed out and can no longer sign in.")]
        }
        Response::SignedOut { username, .. } => {
            vec![format!("{username} was signed out on all devices.")]
        }
        Response::SecondFactorRemoved { username, .. } => {
            vec![format!(
                "{username} no longer uses two-step sign-in and was signed out on all devices."
            )]
        }
        Response::CheckedIn { guest_id, room_number, .. } => {
            vec![format!("Guest {guest_id} is checked in to room {room_number}.")]
        }
        Response::CheckedOut { guest_id, room_number, .. } => {
            vec![format!("Guest {guest_id} was checked out of room {room_number}.")]
        }
        Response::Rooms { rooms } => {
            let numbers: Vec<_> = rooms.iter().map(|room| room.number.as_str()).collect();
            vec![format!("Rooms: {}", numbers.join(", "))]
        }
        Response::Gateway { id, name, key, signing_secret } => vec![
            format!(
                "Gateway {id}: {name}. Save the key and the signing secret; they are not \
                 shown again."
            ),
            format!("Key:            {key}"),
            format!("Signing secret: {signing_secret}"),
        ],
        Response::Gateways { gateways } if gateways.is_empty() => {
            vec!["There are no gateways yet; create one with `gateway create`.".to_owned()]
        }
        Response::Gateways { gateways } => gateways.iter().map(gateway).collect(),
        Response::BackupNoted | Response::GuestExport { .. } => Vec::new(),
        Response::ClockConfirmed { had_jumped: true } => {
            vec!["The date is confirmed, so retention works again.".to_owned()]
        }
        Response::ClockConfirmed { had_jumped: false } => {
            vec!["The clock has not jumped; there was nothing to confirm.".to_owned()]
        }
        Response::Demo { name, username, password, .. } => {
            vec![format!(
                "The demo hotel {name} was loaded. Sign in as {username} with the password {}",
                password.0
            )]
        }
    }
}

fn property(line: &PropertyLine) -> String {
    let PropertyLine { id, name, time_zone, country, retention_days, retention, second_factor } =
        line;
    let country = country.as_deref().unwrap_or("no country");
    let kept = match (retention_days, retention) {
        (None, _) => "closed conversations are kept".to_owned(),
        (Some(days), RetentionKind::Delete) => {
            format!("closed conversations are deleted after {days} days")
        }
        (Some(days), RetentionKind::Anonymise) => {
            format!("closed conversations are anonymised after {days} days")
        }
    };
    let asked = match second_factor {
        SecondFactorRule::Optional => "",
        SecondFactorRule::Admins => "; admins need two-step sign-in",
    };
    format!("Property {id}: {name}; {time_zone}, {country}; {kept}{asked}")
}

fn gateway(line: &GatewayLine) -> String {
    let GatewayLine { id, name, callback_url, pending, failed, .. } = line;
    let mut text = format!("Gateway {id}: {name}");
    text.push_str(if line.is_disabled { " (disabled)" } else { "" });
    match (line.replies_through, callback_url) {
        (Some(other), _) => text.push_str(&format!("; replies leave through gateway {other}")),
        (None, Some(url)) => text.push_str(&format!("; replies go to {url}")),
        (None, None) => text.push_str("; no replies leave through it"),
    }
    text.push_str(&format!("; {pending} waiting, {failed} failed"));
    if let Some(error) = &line.last_error {
        text.push_str(&format!("; last problem at {}: {}", error.at, error.reason));
    }
    text
}

fn with_password(sentence: String, password: Option<&Password>) -> Vec<String> {
    let password = password.map(|password| format!("Password: {}   (not shown again)", password.0));
    std::iter::once(sentence).chain(password).collect()
}

/// Accounts in columns.
fn table(accounts: &[Account]) -> Vec<String> {
    let row = |account: &Account| {
        let role = match (account.user_type, account.is_admin) {
            (UserType::HotelAdmin, _) => "hotel admin",
            (UserType::DepartmentStaff, true) => "staff, admin",
            (UserType::DepartmentStaff, false) => "staff",
        };
        let role = if account.disabled { format!("{role} (disabled)") } else { role.to_owned() };
        [
            account.property_id.to_string(),
            account.username.clone(),
            account.name.clone(),
            role,
            account.departments.join(", "),
        ]
    };
    let heading = ["PROPERTY", "USERNAME", "NAME", "ROLE", "DEPARTMENTS"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(heading).chain(accounts.iter().map(row)).collect();
    let mut widths = [0; 5];
    for cells in &rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.chars().count().max(*width);
        }
    }
    rows.iter()
        .map(|cells| {
            let line: String =
                cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
            line.trim_end().to_owned()
        })
        .collect()
}

/// Prints where a guest's data is.
pub(super) fn exported(guest_id: Id, file: &Path, as_json: bool) -> Result<(), Failure> {
    let file = file.display().to_string();
    print([if as_json {
        json!({ "guest_id": guest_id, "file": file }).to_string()
    } else {
        format!("{file}: all data of guest {guest_id}")
    }])
}

/// Prints where a backup is.
pub(super) fn backup(backup: &Backup, as_json: bool) -> Result<(), Failure> {
    let file = backup.file.display();
    print([if as_json {
        json!({ "file": file.to_string(), "size_bytes": backup.size_bytes }).to_string()
    } else {
        format!("{file}: {} bytes", backup.size_bytes)
    }])
}

/// Prints what became of a restored database's predecessor.
pub(super) fn restored(restored: &Restored, as_json: bool) -> Result<(), Failure> {
    let kept = restored.kept.as_ref().map(|file| file.display().to_string());
    if as_json {
        return print([json!({ "restored": true, "kept": kept }).to_string()]);
    }
    let kept = kept.map(|file| format!("The previous database was kept as {file}."));
    let far = restored.was_unreadable.then(|| {
        "It could not be read, so the ids that it used are unknown. New ids continue from \
         the current time in milliseconds since 1970, which is above all of them."
            .to_owned()
    });
    let told = "The backup was restored. Accounts, passwords and gateway keys are those of the \
        backup; sessions that have ended since then remain ended."
        .to_owned();
    print(std::iter::once(told).chain(kept).chain(far))
}

/// Prints what following the audit log came to.
///
/// # Errors
/// When a chain is broken, or does not hold the entry that was noted earlier.
pub(super) fn chains(chains: &[Chain], known: Option<&str>, as_json: bool) -> Result<(), Failure> {
    print(chains.iter().map(|chain| {
        let broken = chain.broken.map(|(entry, why)| json!({ "entry": entry, "why": why }));
        if as_json {
            return json!({
                "property_id": chain.property_id, "ok": broken.is_none(),
                "entries": chain.entries, "hash": chain.hash, "backups": chain.backups,
                "broken": broken,
            })
            .to_string();
        }
        match chain.broken {
            None => format!(
                "ok      property {}: {} entries, last hash {}; compared with {} backups",
                chain.property_id, chain.entries, chain.hash, chain.backups
            ),
            Some((entry, why)) => {
                format!("BROKEN  property {}, entry {entry}: {why}", chain.property_id)
            }
        }
    }))?;
    if chains.iter().any(|chain| chain.broken.is_some()) {
        return Err(Failure::Failed(
            "the audit log was changed; keep a copy of the data directory, and compare \
             it with your backups"
                .to_owned(),
        ));
    }
    if known.is_some() && !chains.iter().any(|chain| chain.has_known) {
        return Err(Failure::Failed(
            "the audit log has no entry with that hash; it was changed or replaced after the \
             hash was noted"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Prints entries of the audit log.
pub(super) fn entries(entries: &[Stored], as_json: bool) -> Result<(), Failure> {
    print(entries.iter().map(|entry| {
        if as_json {
            return json!({
                "property_id": entry.property_id, "seq": entry.seq, "at": entry.at,
                "actor": entry.actor, "actor_id": entry.actor_id, "action": entry.action,
                "subject": entry.subject, "subject_id": entry.subject_id,
                "detail": entry.detail, "hash": entry.hash,
            })
            .to_string();
        }
        let actor_id = entry.actor_id.map_or_else(String::new, |id| format!(" {id}"));
        let detail = entry.detail.as_deref().unwrap_or_default();
        let line = format!(
            "{}/{}  {}  {}{actor_id}  {}  {} {}  {detail}",
            entry.property_id,
            entry.seq,
            entry.at,
            entry.actor,
            entry.action,
            entry.subject,
            entry.subject_id,
        );
        line.trim_end().to_owned()
    }))
}

/// Prints what was found.
///
/// # Errors
/// When something is not as it must be.
pub(super) fn check(findings: &[Finding], as_json: bool) -> Result<(), Failure> {
    print(findings.iter().map(|finding| {
        if as_json {
            json!(finding).to_string()
        } else if finding.ok && finding.problems.is_empty() {
            format!("ok      {}", finding.check)
        } else if finding.ok {
            format!("NOTE    {}, except: {}", finding.check, finding.problems.join("; "))
        } else {
            format!("BROKEN  {}: {}", finding.check, finding.problems.join(", "))
        }
    }))?;
    if findings.iter().all(|finding| finding.ok) {
        return Ok(());
    }
    Err(Failure::Failed(
        "the database did not pass the check; stop the server, keep a copy of the data directory, \
         and restore the last good backup"
            .to_owned(),
    ))
}
