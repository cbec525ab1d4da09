//! Reads the settings value by value, so that one which cannot be used costs no other.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{PersonSettings, Settings, VERSION};

/// What Windows programs may write at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Files of settings that could not be read and are kept; later ones are not.
const MAX_DAMAGED: u32 = 100;

/// The settings, and the names of the values that cannot be used.
///
/// # Errors
/// Why nothing can be used.
pub(super) fn read(bytes: &[u8]) -> Result<(Settings, Vec<String>), String> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let members: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match members.get("version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => return Err(format!("version {version} is unknown")),
        None => return Err("it has no version".to_owned()),
    }
    let mut members = Members { members, replaced: Vec::new() };
    let mut settings = Settings::default();
    members.take("server", &mut settings.server);
    members.take("port", &mut settings.port);
    members.take("shared", &mut settings.shared);
    members.take("shared_port", &mut settings.shared_port);
    members.take("ca_file", &mut settings.ca_file);
    members.take("zoom", &mut settings.zoom);
    members.take("theme", &mut settings.preferences.theme);
    let mut people: Map<String, Value> = Map::new();
    members.take("people", &mut people);
    for (person, chosen) in people {
        match serde_json::from_value::<PersonSettings>(chosen) {
            Ok(chosen) => {
                settings.people.insert(person, chosen);
            }
            Err(_) => members.replaced.push("how one person is alerted".to_owned()),
        }
    }
    Ok((settings, members.replaced))
}

struct Members {
    members: Map<String, Value>,
    replaced: Vec<String>,
}

impl Members {
    /// Takes over a value that is there and can be used.
    fn take<T: DeserializeOwned>(&mut self, name: &str, into: &mut T) {
        match self.members.remove(name).map(serde_json::from_value) {
            Some(Ok(value)) => *into = value,
            Some(Err(_)) => self.replaced.push(name.to_owned()),
            None => {}
        }
    }
}

/// Keeps a file aside under a name that nothing has yet. `None`: that is not possible.
pub(super) fn keep_aside(
    path: &Path,
    keep: impl FnOnce(&Path) -> io::Result<()>,
) -> Option<PathBuf> {
    let names = (1..=MAX_DAMAGED).map(|number| match number {
        1 => path.with_extension("json.damaged"),
        number => path.with_extension(format!("json.damaged.{number}")),
    });
    let free = names.into_iter().find(|name| name.symlink_metadata().is_err())?;
    keep(&free).ok()?;
    Some(free)
}
