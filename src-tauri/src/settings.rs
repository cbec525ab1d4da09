//! What a person has chosen, in one JSON file in the platform's configuration folder.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    attention::{self, Pause},
    error::{Error, Result},
    files,
};

/// Loopback port of the server inside.
pub(crate) const PORT: u16 = 8765;

/// Port on which the server inside is shared.
const SHARED_PORT: u16 = 8766;

/// Written into the file; another number is a file of another program.
const VERSION: u32 = 1;

/// Everything that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    version: u32,
    /// Which server; `None`: nobody has chosen yet.
    #[serde(default)]
    pub(crate) server: Option<KeptServer>,
    /// Loopback port of the server inside.
    #[serde(default = "port")]
    pub(crate) port: u16,
    /// Whether the server inside is shared with other desks.
    #[serde(default)]
    pub(crate) shared: bool,
    /// Port for that, on every address of this computer.
    #[serde(default = "shared_port")]
    pub(crate) shared_port: u16,
    /// PEM file of certificate authorities that are believed beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Zoom of the window in percent.
    #[serde(default = "zoom")]
    pub(crate) zoom: u16,
    /// What each person has chosen at this computer, by the hash of person and server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) people: BTreeMap<String, PersonSettings>,
    /// What the interface shows and changes.
    #[serde(default, flatten)]
    pub(crate) preferences: Preferences,
}

/// What one person has chosen at this computer, in one hotel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PersonSettings {
    /// `None`: as at the beginning.
    #[serde(default)]
    pub(crate) alerts: Option<attention::Preferences>,
    /// Notifications are paused.
    #[serde(default)]
    pub(crate) pause: Option<Pause>,
}

/// Which server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum KeptServer {
    /// The one inside.
    ThisComputer,
    /// One elsewhere.
    HotelServer {
        /// Its origin.
        address: String,
        /// The person knows that it is not encrypted.
        #[serde(default)]
        accept_plain_http: bool,
        /// Of its certificate, when a person has compared it.
        #[serde(default)]
        fingerprint: Option<String>,
    },
}

/// The interface's `Settings`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preferences {
    /// Light, dark, or as the system has it.
    #[serde(default)]
    pub(crate) theme: Theme,
}

/// See [`Preferences::theme`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: VERSION,
            server: None,
            port: PORT,
            shared: false,
            shared_port: SHARED_PORT,
            ca_file: None,
            zoom: zoom(),
            people: BTreeMap::new(),
            preferences: Preferences::default(),
        }
    }
}

fn port() -> u16 {
    PORT
}

fn shared_port() -> u16 {
    SHARED_PORT
}

fn zoom() -> u16 {
    100
}

/// The file, and what it says.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    settings: Mutex<Settings>,
    /// One change is written after the other.
    writing: tokio::sync::Mutex<()>,
}

impl SettingsFile {
    /// Reads the file. One that cannot be understood is kept aside, and said in a sentence.
    pub(crate) fn open(folder: &Path) -> (Self, Option<String>) {
        let path = folder.join("settings.json");
        let read = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Settings>(&bytes)
                .map_err(|error| error.to_string())
                .and_then(|settings| match settings.version {
                    VERSION => Ok(settings),
                    other => Err(format!("version {other} is unknown")),
                }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Settings::default()),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(settings) => (Self::new(path, settings), None),
            Err(why) => {
                let aside = path.with_extension("json.damaged");
                let kept = match fs::rename(&path, &aside) {
                    Ok(()) => format!("The file was kept as {}.", aside.display()),
                    Err(_) => String::new(),
                };
                let notice = format!(
                    "The settings in {} could not be read ({why}), so the default settings \
                     are used. {kept}",
                    path.display()
                );
                (Self::new(path, Settings::default()), Some(notice.trim_end().to_owned()))
            }
        }
    }

    fn new(path: PathBuf, settings: Settings) -> Self {
        Self { path, settings: Mutex::new(settings), writing: tokio::sync::Mutex::default() }
    }

    /// What holds now.
    pub(crate) fn get(&self) -> Settings {
        self.lock().clone()
    }

    /// Changes something, which holds at once, and writes it down.
    ///
    /// # Errors
    /// `settings_not_saved`; the change holds until the program ends.
    pub(crate) async fn change(&self, change: impl FnOnce(&mut Settings)) -> Result<()> {
        change(&mut self.lock());
        let _writing = self.writing.lock().await;
        let (path, settings) = (self.path.clone(), self.get());
        let writing = tokio::task::spawn_blocking(move || {
            files::replace(&path, &serde_json::to_vec_pretty(&settings)?)
        });
        writing.await.map_err(Error::internal)?.map_err(|error| {
            Error::new(
                "settings_not_saved",
                format!("The settings could not be saved to {}: {error}.", self.path.display()),
            )
        })
    }

    fn lock(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_changed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("not/there/yet");
        let (file, notice) = SettingsFile::open(&below);
        assert_eq!((file.get(), notice), (Settings::default(), None));
        let server = KeptServer::HotelServer {
            address: "https://desk.example.com".to_owned(),
            accept_plain_http: false,
            fingerprint: None,
        };
        file.change(|settings| {
            settings.server = Some(server.clone());
            settings.preferences.theme = Theme::Dark;
            let pause = Some(Pause { until: None });
            settings.people.insert("ana".to_owned(), PersonSettings { alerts: None, pause });
        })
        .await
        .unwrap();
        let (again, notice) = SettingsFile::open(&below);
        assert_eq!(notice, None);
        assert_eq!(again.get().server, Some(server));
        assert_eq!(again.get().preferences.theme, Theme::Dark);
        assert_eq!(again.get().people["ana"].pause, Some(Pause { until: None }));
        assert_eq!(again.get().port, PORT);
    }

    #[test]
    fn a_file_of_an_older_version_still_opens() {
        let folder = tempfile::tempdir().unwrap();
        let kept = r#"{"version":1,"port":8800,"theme":"dark","quiet":true}"#;
        fs::write(folder.path().join("settings.json"), kept).unwrap();
        let (file, notice) = SettingsFile::open(folder.path());
        assert_eq!(notice, None);
        let settings = file.get();
        assert_eq!((settings.port, settings.preferences.theme), (8800, Theme::Dark));
        // `quiet` applied to the computer and had no end, so it becomes no person's pause.
        assert_eq!((settings.people.len(), settings.zoom), (0, 100));
    }

    #[test]
    fn a_damaged_file_is_kept_aside_and_said() {
        for damaged in ["", "{", "[]", r#"{"version":2}"#, r#"{"version":1,"port":"no"}"#] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("settings.json"), damaged).unwrap();
            let (file, notice) = SettingsFile::open(folder.path());
            assert_eq!(file.get(), Settings::default());
            assert!(notice.unwrap().contains("settings.json.damaged"), "{damaged}");
            let aside = fs::read_to_string(folder.path().join("settings.json.damaged")).unwrap();
            assert_eq!(aside, damaged);
        }
    }
}
