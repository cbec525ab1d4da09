//! What the desktop says about the computer: whether its screen is locked, and that it has woken up.

use tokio::sync::mpsc;

/// Something that happened to the computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComputerEvent {
    /// Its screen was locked, or unlocked.
    Locked(bool),
    /// It was asleep until now.
    Woke,
}

/// Events that may wait; the newest is lost when there are more, and none comes that often.
const MAX_EVENTS: usize = 16;

/// How long the desktop may take to say whether it has a place for icons.
#[cfg(all(unix, not(target_os = "macos")))]
const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

/// Watches the computer for as long as the program runs.
pub(crate) fn watch() -> mpsc::Receiver<ComputerEvent> {
    let (events, watched) = mpsc::channel(MAX_EVENTS);
    #[cfg(all(unix, not(target_os = "macos")))]
    tauri::async_runtime::spawn(bus::watch(events));
    // Elsewhere nothing says so; a window that nobody uses for a minute counts as left alone.
    #[cfg(any(windows, target_os = "macos"))]
    drop(events);
    watched
}

#[cfg(all(unix, not(target_os = "macos")))]
mod bus {
    use std::{collections::HashMap, time::Duration};

    use futures_util::{Stream, StreamExt, future, stream};
    use tokio::sync::mpsc;
    use zbus::{
        Connection, MatchRule, Message, MessageStream, Proxy,
        proxy::CacheProperties,
        zvariant::{OwnedObjectPath, OwnedValue},
    };

    use super::ComputerEvent;

    const LOGIN: &str = "org.freedesktop.login1";
    const SESSION: &str = "org.freedesktop.login1.Session";

    /// Screen savers of different desktops have the same two members.
    const SCREEN_SAVERS: [(&str, &str); 2] = [
        ("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver"),
        ("org.gnome.ScreenSaver", "/org/gnome/ScreenSaver"),
    ];

    /// What one of the two sources says.
    #[derive(Clone, Copy, Debug)]
    enum Said {
        ScreenSaver(bool),
        LockedHint(bool),
        Woke,
    }

    /// How often a bus that is gone is looked for.
    const LOOK_EVERY: Duration = Duration::from_secs(10);

    pub(super) async fn watch(events: mpsc::Sender<ComputerEvent>) {
        let (sender, mut said) = mpsc::channel(super::MAX_EVENTS);
        tokio::spawn(follow(screen_saver, Said::ScreenSaver(false), sender.clone()));
        tokio::spawn(follow(login, Said::LockedHint(false), sender));
        let (mut is_saved, mut is_hinted, mut was_locked) = (false, false, false);
        while let Some(said) = said.recv().await {
            match said {
                Said::ScreenSaver(active) => is_saved = active,
                Said::LockedHint(locked) => is_hinted = locked,
                Said::Woke => {
                    let _ = events.try_send(ComputerEvent::Woke);
                    continue;
                }
            }
            let is_locked = is_saved || is_hinted;
            if is_locked != was_locked
                && events.send(ComputerEvent::Locked(is_locked)).await.is_err()
            {
                return;
            }
            was_locked = is_locked;
        }
    }

    /// Passes on what a source says, also after its bus was gone; `at_end` holds while it says nothing.
    async fn follow<S: Stream<Item = Said> + Unpin, O: Future<Output = zbus::Result<S>>>(
        open: impl Fn() -> O,
        at_end: Said,
        said: mpsc::Sender<Said>,
    ) {
        loop {
            match open().await {
                Ok(mut source) => {
                    while let Some(it) = source.next().await {
                        if said.send(it).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => tracing::debug!(%error, "the screen's lock is not watched"),
            }
            if said.send(at_end).await.is_err() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn screen_saver() -> zbus::Result<impl Stream<Item = Said> + Unpin> {
        let bus = Connection::session().await?;
        let rule =
            MatchRule::builder().msg_type(zbus::message::Type::Signal).member("ActiveChanged")?;
        let signals = MessageStream::for_match_rule(rule.build(), &bus, None).await?;
        let mut is_active = false;
        for (name, path) in SCREEN_SAVERS {
            let asked =
                async { Proxy::new(&bus, name, path, name).await?.call("GetActive", &()).await };
            is_active |= asked.await.unwrap_or(false);
        }
        let changes = signals.filter_map(|signal| {
            let active =
                signal.ok().filter(is_screen_saver).and_then(|it| it.body().deserialize().ok());
            future::ready(active)
        });
        Ok(stream::iter([is_active]).chain(changes).map(Said::ScreenSaver))
    }

    fn is_screen_saver(signal: &Message) -> bool {
        let header = signal.header();
        header.interface().is_some_and(|it| it.as_str().ends_with(".ScreenSaver"))
    }

    async fn login() -> zbus::Result<impl Stream<Item = Said> + Unpin> {
        let bus = Connection::system().await?;
        let manager =
            Proxy::new(&bus, LOGIN, "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
                .await?;
        let sleeps = manager.receive_signal("PrepareForSleep").await?;
        let woke = sleeps.filter_map(|signal| {
            let begins: Option<bool> = signal.body().deserialize().ok();
            future::ready((begins == Some(false)).then_some(Said::Woke))
        });
        let path: OwnedObjectPath = manager.call("GetSessionByPID", &(std::process::id(),)).await?;
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .interface("org.freedesktop.DBus.Properties")?
            .member("PropertiesChanged")?
            .path(path.clone())?;
        let signals = MessageStream::for_match_rule(rule.build(), &bus, None).await?;
        let session = proxy(&bus, LOGIN, path.as_str(), SESSION).await?;
        let is_locked = session.get_property("LockedHint").await.unwrap_or(false);
        let changes =
            signals.filter_map(|signal| future::ready(signal.ok().and_then(|it| hint(&it))));
        let hints = stream::iter([is_locked]).chain(changes).map(Said::LockedHint);
        Ok(stream::select(woke, hints))
    }

    fn hint(signal: &Message) -> Option<bool> {
        type Changed = (String, HashMap<String, OwnedValue>, Vec<String>);
        let (interface, changed, _) = signal.body().deserialize::<Changed>().ok()?;
        let hint = changed.get("LockedHint").filter(|_| interface == SESSION)?;
        bool::try_from(hint).ok()
    }

    /// Something that is asked once: its properties need not be followed.
    async fn proxy<'a>(
        bus: &Connection,
        name: &'a str,
        path: &'a str,
        interface: &'a str,
    ) -> zbus::Result<Proxy<'a>> {
        zbus::proxy::Builder::new(bus)
            .destination(name)?
            .path(path)?
            .interface(interface)?
            .cache_properties(CacheProperties::No)
            .build()
            .await
    }

    /// Whether the desktop has a place for the icon of a program that is hidden.
    pub(in crate::computer) async fn has_tray() -> zbus::Result<bool> {
        let bus = Connection::session().await?;
        let name = "org.kde.StatusNotifierWatcher";
        let watcher = proxy(&bus, name, "/StatusNotifierWatcher", name).await?;
        watcher.get_property("IsStatusNotifierHostRegistered").await
    }
}

/// Whether the desktop shows the icons of hidden programs. Where it does not, a hidden window could not be found.
pub(crate) async fn has_tray() -> bool {
    #[cfg(all(unix, not(target_os = "macos")))]
    return match tokio::time::timeout(ANSWER_WITHIN, bus::has_tray()).await {
        Ok(Ok(has_tray)) => has_tray,
        // A desktop that does not answer shows nothing either.
        _ => false,
    };
    #[cfg(any(windows, target_os = "macos"))]
    return true;
}
