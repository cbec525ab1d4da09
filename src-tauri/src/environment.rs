//! What the program is told from outside: environment variables and the platform's folders.

use std::{
    env,
    ffi::OsString,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

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
        let mut hasher = DefaultHasher::new();
        (&self.data_dir, &self.server_url, self.demo).hash(&mut hasher);
        format!("{identifier}.d{:x}", hasher.finish())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
