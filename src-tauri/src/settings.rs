//! What a person has chosen, in one JSON file in the platform's configuration folder.

mod read;

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

/// Zoom of the window in percent.
const ZOOM: u16 = 100;

/// Written into the file; another number is a file of another program.
const VERSION: u32 = 1;

/// Everything that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Settings {
    version: u32,
    /// Which server; `None`: nobody has chosen yet.
    pub(crate) server: Option<KeptServer>,
    /// Loopback port of the server inside.
    pub(crate) port: u16,
    /// Whether the server inside is shared with other desks.
    pub(crate) shared: bool,
    /// Port for that, on every address of this computer.
    pub(crate) shared_port: u16,
    /// PEM file of certificate authorities that are believed beside the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Zoom of the window in percent.
    pub(crate) zoom: u16,
    /// What each person has chosen at this computer, by the hash of person and server.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) people: BTreeMap<String, PersonSettings>,
    /// What the interface shows and changes.
    #[serde(flatten)]
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
            zoom: ZOOM,
            people: BTreeMap::new(),
            preferences: Preferences::default(),
        }
    }
}

fn unreadable(path: &Path, why: &str, aside: Option<PathBuf>) -> String {
    let kept = aside.map(|aside| format!(" The file was kept as {}.", aside.display()));
    format!(
        "The settings in {} could not be read ({why}), so the default settings are used.{}",
        path.display(),
        kept.unwrap_or_default()
    )
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
    /// Reads the file. A value that cannot be used is replaced by that of the first start; a file of which nothing can be
    /// used is kept aside. Both are said in a sentence.
    pub(crate) fn open(folder: &Path) -> (Self, Option<String>) {
        let path = folder.join("settings.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return (Self::new(path, Settings::default()), None);
            }
            Err(error) => {
                let notice = unreadable(&path, &error.to_string(), None);
                return (Self::new(path, Settings::default()), Some(notice));
            }
        };
        match read::read(&bytes) {
            Ok((settings, replaced)) if replaced.is_empty() => (Self::new(path, settings), None),
            Ok((settings, replaced)) => {
                // What it said is lost at the next change.
                let kept = read::keep_aside(&path, |aside| fs::copy(&path, aside).map(drop));
                let kept = kept.map(|aside| format!(" The file was kept as {}.", aside.display()));
                let notice = format!(
                    "In the settings in {}, these values cannot be used, so their defaults are used: {}.{}",
                    path.display(),
                    replaced.join(", "),
                    kept.unwrap_or_default()
                );
                (Self::new(path, settings), Some(notice))
            }
            Err(why) => {
                let aside = read::keep_aside(&path, |aside| fs::rename(&path, aside));
                let notice = unreadable(&path, &why, aside);
                (Self::new(path, Settings::default()), Some(notice))
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
    fn a_damaged_file_is_kept_aside_and_said_each_time_under_another_number() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = ["", "{", "[]", r#"{"version":2}"#];
        for (count, content) in damaged.into_iter().enumerate() {
            fs::write(folder.path().join("settings.json"), content).unwrap();
            let (file, notice) = SettingsFile::open(folder.path());
            assert_eq!(file.get(), Settings::default());
            let name = match count {
                0 => "settings.json.damaged".to_owned(),
                count => format!("settings.json.damaged.{}", count + 1),
            };
            assert!(notice.unwrap().contains(&format!("{name}.")), "{content}");
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), content);
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let kept = "\u{feff}{\"version\":1,\"port\":8800}";
        fs::write(folder.path().join("settings.json"), kept).unwrap();
        let (file, notice) = SettingsFile::open(folder.path());
        assert_eq!((file.get().port, notice), (8800, None));
    }

    #[test]
    fn a_value_that_cannot_be_used_is_replaced_alone() {
        let whole = serde_json::json!({
            "version": 1, "server": { "kind": "this_computer" }, "port": 8800, "shared": true, "shared_port": 8801,
            "ca_file": "/ca.pem", "zoom": 110, "theme": "dark",
            "people": { "ana": { "alerts": null, "pause": { "until": null } } },
        });
        let (settings, replaced) = read::read(whole.to_string().as_bytes()).unwrap();
        assert_eq!((settings.port, settings.zoom, replaced.len()), (8800, 110, 0));
        let wrong = serde_json::json!(["of a later version"]);
        for member in
            ["server", "port", "shared", "shared_port", "ca_file", "zoom", "theme", "people"]
        {
            let mut one = whole.clone();
            one[member] = wrong.clone();
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("settings.json"), one.to_string()).unwrap();
            let (file, notice) = SettingsFile::open(folder.path());
            let notice = notice.unwrap();
            assert!(notice.contains(&format!(": {member}")), "{notice}");
            assert!(notice.contains("settings.json.damaged"), "{notice}");
            let read = serde_json::to_value(file.get()).unwrap();
            for (name, value) in whole.as_object().unwrap() {
                assert_eq!(&read[name] == value, name != member, "{name}, without {member}");
            }
        }
    }
}
