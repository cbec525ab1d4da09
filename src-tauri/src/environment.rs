//! What the program is told from outside: environment variables and the platform's folders.

use std::{env, ffi::OsString, path::PathBuf};

use sha2::{Digest, Sha256};

/// Read once at the start.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Where the server inside keeps everything.
    pub(crate) data_dir: PathBuf,
    /// Where this program keeps its settings.
    pub(crate) config_dir: PathBuf,
    /// `FRONTDESK_SERVER_URL`: the server, instead of the person's choice.
    pub(crate) server_url: Option<String>,
    /// `FRONTDESK_CA_FILE`: PEM file of certificate authorities that are believed beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// `FRONTDESK_DEMO=1`: show the demo hotel.
    pub(crate) demo: bool,
    /// Whether the variables make this another desk than the one that is usually started.
    pub(crate) is_special: bool,
}

impl Environment {
    /// Reads it all. `None` without a home directory.
    pub(crate) fn read() -> Option<Self> {
        let folders = directories::ProjectDirs::from("", "", "Frontdesk")?;
        let data_dir = variable("FRONTDESK_DATA_DIR").map(PathBuf::from);
        let server_url = variable("FRONTDESK_SERVER_URL").and_then(|url| url.into_string().ok());
        let demo = variable("FRONTDESK_DEMO").is_some_and(|it| it != "0");
        Some(Self {
            is_special: data_dir.is_some() || server_url.is_some() || demo,
            data_dir: data_dir.unwrap_or_else(|| folders.data_dir().to_owned()),
            config_dir: folders.config_dir().to_owned(),
            server_url,
            ca_file: variable("FRONTDESK_CA_FILE").map(PathBuf::from),
            demo,
        })
    }

    /// The demo hotel is kept apart from the real one.
    pub(crate) fn demo_dir(&self) -> PathBuf {
        self.data_dir.join("demo")
    }

    /// Name on the session bus by which a second start finds the first. Desks of different data may run
    /// side by side.
    pub(crate) fn instance_id(&self, identifier: &str) -> String {
        if !self.is_special {
            return identifier.to_owned();
        }
        let words = format!("{:?}", (&self.data_dir, &self.server_url, self.demo));
        let hash = Sha256::digest(words.as_bytes());
        let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{identifier}.d{name}")
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn desks_of_different_data_have_names_that_last() {
        let desk = |data_dir: &str, is_special| Environment {
            data_dir: data_dir.into(),
            config_dir: "/config".into(),
            server_url: None,
            ca_file: None,
            demo: false,
            is_special,
        };
        let name = |data_dir, is_special| desk(data_dir, is_special).instance_id("org.example");
        assert_eq!(name("/a", false), "org.example");
        // Another version of this program, built by another compiler, must find the same one.
        assert_eq!(name("/a", true), "org.example.d951c818dca286677");
        assert_ne!(name("/a", true), name("/b", true));
    }
}
