//! What the program is told from outside: environment variables and the platform's folders.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

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
    /// Reads it all. `None` without a home directory and `FRONTDESK_DATA_DIR`.
    pub(crate) fn read() -> Option<Self> {
        let usual = directories::ProjectDirs::from("", "", "Frontdesk");
        let usual = usual.as_ref().map(|it| (it.data_dir(), it.config_dir()));
        let data_dir = variable("FRONTDESK_DATA_DIR").map(PathBuf::from);
        let (data_dir, config_dir) = folders(data_dir.as_deref(), usual)?;
        let server_url = variable("FRONTDESK_SERVER_URL").and_then(|url| url.into_string().ok());
        let demo = variable("FRONTDESK_DEMO").is_some_and(|it| it != "0");
        Some(Self {
            is_special: variable("FRONTDESK_DATA_DIR").is_some() || server_url.is_some() || demo,
            data_dir,
            config_dir,
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
            return format!("{identifier}.Instance");
        }
        let words = format!("{:?}", (&self.data_dir, &self.server_url, self.demo));
        let hash = Sha256::digest(words.as_bytes());
        let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{identifier}.d{name}.Instance")
    }
}

/// The folders for data and for settings: those that are `usual` for the person, with the data where it is wanted. Without
/// a home directory, the settings are kept with the data.
fn folders(wanted: Option<&Path>, usual: Option<(&Path, &Path)>) -> Option<(PathBuf, PathBuf)> {
    let data_dir = wanted.or(usual.map(|(data_dir, _)| data_dir))?;
    let config_dir = usual.map_or_else(|| data_dir.join("settings"), |(_, it)| it.to_owned());
    Some((data_dir.to_owned(), config_dir))
}

/// Whether there is a screen on which a message can be shown.
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) fn has_screen() -> bool {
    variable("DISPLAY").is_some() || variable("WAYLAND_DISPLAY").is_some()
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
        assert_eq!(name("/a", false), "org.example.Instance");
        // Another version of this program, built by another compiler, must find the same one.
        assert_eq!(name("/a", true), "org.example.d951c818dca286677.Instance");
        assert_ne!(name("/a", true), name("/b", true));
    }

    #[test]
    fn without_a_home_directory_the_settings_are_kept_with_the_data() {
        let path = Path::new;
        let pair = |data_dir: &str, config_dir: &str| Some((data_dir.into(), config_dir.into()));
        let usual = Some((path("/home/data"), path("/home/settings")));
        assert_eq!(folders(None, usual), pair("/home/data", "/home/settings"));
        assert_eq!(folders(Some(path("/data")), usual), pair("/data", "/home/settings"));
        assert_eq!(folders(Some(path("/data")), None), pair("/data", "/data/settings"));
        assert_eq!(folders(None, None), None);
    }
}
