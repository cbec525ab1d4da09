//! Keeps the computer awake while somebody is signed in and it has mains power: a computer that sleeps alerts nobody.

use std::time::Duration;

use tokio::sync::watch;

/// Mains power is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Whether the computer is to be kept awake.
#[derive(Debug)]
pub(crate) struct KeepAwake {
    wanted: watch::Sender<bool>,
}

impl Default for KeepAwake {
    fn default() -> Self {
        let (wanted, changes) = watch::channel(false);
        tauri::async_runtime::spawn(run(changes));
        Self { wanted }
    }
}

impl KeepAwake {
    pub(crate) fn set(&self, wanted: bool) {
        self.wanted.send_replace(wanted);
    }
}

async fn run(mut wanted: watch::Receiver<bool>) {
    let mut inhibitor = None;
    let mut has_failed = false;
    loop {
        let is_wanted = *wanted.borrow_and_update();
        if !is_wanted || !power::has_mains() {
            inhibitor = None;
        } else if inhibitor.is_none() {
            match system::inhibit().await {
                Ok(held) => inhibitor = Some(held),
                // It is tried again, but not logged every time.
                Err(error) if !has_failed => {
                    tracing::info!(error, "the computer may go to sleep");
                    has_failed = true;
                }
                Err(_) => {}
            }
        }
        let changed = if is_wanted {
            tokio::time::timeout(LOOK_EVERY, wanted.changed()).await.unwrap_or(Ok(()))
        } else {
            wanted.changed().await
        };
        if changed.is_err() {
            return;
        }
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
mod system {
    use zbus::{Connection, Proxy, zvariant::OwnedFd};

    /// The computer stays awake until this is dropped.
    pub(super) struct Inhibitor {
        _held: OwnedFd,
    }

    /// # Errors
    /// Why the system does not allow it.
    pub(super) async fn inhibit() -> Result<Inhibitor, String> {
        let asked = async {
            let bus = Connection::system().await?;
            let path = "/org/freedesktop/login1";
            let interface = "org.freedesktop.login1.Manager";
            let login = Proxy::new(&bus, "org.freedesktop.login1", path, interface).await?;
            let why = "Staff are alerted to guest messages here";
            login.call("Inhibit", &("idle:sleep", crate::NAME, why, "block")).await
        };
        let held: zbus::Result<OwnedFd> = asked.await;
        held.map(|held| Inhibitor { _held: held }).map_err(|error| error.to_string())
    }
}

#[cfg(any(windows, target_os = "macos"))]
mod system {
    use std::sync::mpsc::{Sender, channel};

    use tokio::sync::oneshot;

    /// The computer stays awake until this is dropped.
    pub(super) struct Inhibitor {
        _ends: Sender<()>,
    }

    /// # Errors
    /// Why the system does not allow it.
    pub(super) async fn inhibit() -> Result<Inhibitor, String> {
        let (ends, ended) = channel::<()>();
        let (answer, answered) = oneshot::channel();
        // Windows keeps awake what a thread asks for, for as long as that thread lives.
        let spawned = std::thread::Builder::new().name("keep awake".to_owned()).spawn(move || {
            let kept = keepawake::Builder::default()
                .idle(true)
                .sleep(true)
                .reason("Staff are alerted to guest messages here")
                .app_name(crate::NAME)
                .create();
            match kept {
                Ok(_kept) => {
                    let _ = answer.send(Ok(()));
                    let _ = ended.recv();
                }
                Err(error) => {
                    let _ = answer.send(Err(error.to_string()));
                }
            }
        });
        spawned.map_err(|error| error.to_string())?;
        let gone = || Err("the system did not answer".to_owned());
        answered.await.unwrap_or_else(|_| gone())?;
        Ok(Inhibitor { _ends: ends })
    }
}

#[cfg(target_os = "linux")]
mod power {
    use std::{fs, path::Path};

    /// Whether the computer has mains power; one without a battery always has.
    pub(super) fn has_mains() -> bool {
        has_mains_in(Path::new("/sys/class/power_supply"))
    }

    fn has_mains_in(folder: &Path) -> bool {
        let mut has_battery = false;
        let supplies = fs::read_dir(folder).into_iter().flatten().flatten();
        for supply in supplies {
            let read = |name| fs::read_to_string(supply.path().join(name)).unwrap_or_default();
            let (kind, scope, online) = (read("type"), read("scope"), read("online"));
            match kind.trim() {
                // A mouse has a battery, too.
                "Battery" if scope.trim() != "Device" => has_battery = true,
                "Mains" | "USB" if online.trim() == "1" => return true,
                _ => {}
            }
        }
        !has_battery
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn mains_power_is_read_from_the_system() {
            type Supply = &'static [(&'static str, &'static str)];
            let cases: [(&[Supply], bool); 6] = [
                (&[], true),
                (&[&[("type", "Battery")]], false),
                (&[&[("type", "Battery"), ("scope", "Device")]], true),
                (&[&[("type", "Battery")], &[("type", "Mains"), ("online", "0")]], false),
                (&[&[("type", "Battery")], &[("type", "Mains"), ("online", "1")]], true),
                (&[&[("type", "Battery")], &[("type", "USB"), ("online", "1")]], true),
            ];
            for (supplies, expected) in cases {
                let folder = tempfile::tempdir().unwrap();
                for (number, files) in supplies.iter().enumerate() {
                    let supply = folder.path().join(number.to_string());
                    fs::create_dir(&supply).unwrap();
                    for (name, content) in *files {
                        fs::write(supply.join(name), format!("{content}\n")).unwrap();
                    }
                }
                assert_eq!(has_mains_in(folder.path()), expected, "{supplies:?}");
            }
            assert!(has_mains_in(Path::new("/not/there")));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod power {
    use starship_battery::{Manager, State};

    /// Whether the computer has mains power; one without a battery always has.
    pub(super) fn has_mains() -> bool {
        let Ok(batteries) = Manager::new().and_then(|manager| manager.batteries()) else {
            return true;
        };
        !batteries.flatten().any(|battery| battery.state() == State::Discharging)
    }
}
