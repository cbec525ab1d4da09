//! One Frontdesk of the same data at a time: a second start shows the window of the first, and ends the first when that
//! does not answer and the person wants it.

/// What a start leads to.
#[derive(Debug)]
pub(crate) enum Start {
    /// This is the only one; the name that says so is held by the connection, where there is a session bus.
    First(Option<zbus::Connection>),
    /// The first one shows its window.
    Shown,
    /// The first one does not answer, and the person leaves it.
    Left,
    /// The first one did not answer and was ended: the program has to be started anew.
    Ended,
}

#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) use bus::{look, serve};

#[cfg(all(unix, not(target_os = "macos")))]
mod bus {
    use std::time::Duration;

    use tauri::AppHandle;
    use tokio::sync::oneshot;
    use zbus::{
        Connection,
        fdo::{DBusProxy, RequestNameFlags},
        interface,
        names::BusName,
    };

    use super::Start;
    use crate::{message, tray};

    const PATH: &str = "/org/frontdesk/desk/Instance";
    const INTERFACE: &str = "org.frontdesk.Instance";

    /// How long the first Frontdesk may take to show its window, and the session bus to answer.
    const ANSWER_WITHIN: Duration = Duration::from_secs(5);

    /// How long one that was ended may take to be gone.
    const GONE_WITHIN: Duration = Duration::from_secs(5);

    /// How often one that has just started is asked again.
    const ASK_EVERY: Duration = Duration::from_millis(100);

    /// How often a bus that is gone is looked for.
    const LOOK_EVERY: Duration = Duration::from_secs(1);

    /// Takes the name of this desk on the session bus. Where another Frontdesk has it, that one is asked to show its
    /// window. Without a session bus, this is the only one.
    pub(crate) async fn look(name: &str) -> Start {
        let (bus, pid) = match take(name).await {
            Ok((bus, None)) => return Start::First(Some(bus)),
            Ok((bus, Some(pid))) => (bus, pid),
            Err(error) => {
                tracing::info!(%error, "no other Frontdesk can be found");
                return Start::First(None);
            }
        };
        let asking = async {
            // One that has just started refuses.
            while let Err(error) =
                bus.call_method(Some(name), PATH, Some(INTERFACE), "Show", &()).await
            {
                tracing::debug!(%error, "the Frontdesk that is running is not ready");
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        if tokio::time::timeout(ANSWER_WITHIN, asking).await.is_ok() {
            return Start::Shown;
        }
        if matches!(pid_of(&bus, name).await, Ok(None)) {
            // It has ended meanwhile.
            return Start::Ended;
        }
        tracing::warn!(pid, "the Frontdesk that is running does not answer");
        let asked = format!("{name}.Question");
        let asking = bus.request_name_with_flags(&*asked, RequestNameFlags::DoNotQueue.into());
        if matches!(asking.await, Err(zbus::Error::NameTaken)) {
            // Another start asks the person already.
            return Start::Left;
        }
        let question = || {
            message::ask_alone(
                "Frontdesk is running but does not answer",
                "End it and start it again? Messages that wait to be sent and texts that are not finished are kept.",
                "End it and start again",
                "Cancel",
            )
        };
        let wants = tokio::task::spawn_blocking(question).await.unwrap_or(false);
        if !wants {
            return Start::Left;
        }
        end(pid);
        let gone = async {
            // The bus tells when a name has no owner any more; asking takes no longer.
            while matches!(pid_of(&bus, name).await, Ok(Some(owner)) if owner == pid) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(GONE_WITHIN, gone).await.is_err() {
            tracing::error!(pid, "the Frontdesk that does not answer cannot be ended");
            return Start::Left;
        }
        Start::Ended
    }

    /// Takes a name, or says which process has it.
    async fn take(name: &str) -> zbus::Result<(Connection, Option<u32>)> {
        let connecting = tokio::time::timeout(ANSWER_WITHIN, Connection::session());
        let silent = |_| zbus::Error::Failure("the session bus does not answer".to_owned());
        let bus = connecting.await.map_err(silent)??;
        // From now on a call is answered, if only by an error: a later start tries again.
        let _answering = bus.object_server();
        loop {
            match bus.request_name_with_flags(name, RequestNameFlags::DoNotQueue.into()).await {
                Ok(_) => return Ok((bus, None)),
                Err(zbus::Error::NameTaken) => {
                    // Without an owner, the other one has ended meanwhile.
                    if let Some(pid) = pid_of(&bus, name).await? {
                        return Ok((bus, Some(pid)));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The process that has a name; `None`: nobody has it.
    async fn pid_of(bus: &Connection, name: &str) -> zbus::Result<Option<u32>> {
        let bus = DBusProxy::new(bus).await?;
        let name = BusName::try_from(name)?;
        if !bus.name_has_owner(name.clone()).await? {
            return Ok(None);
        }
        Ok(Some(bus.get_connection_unix_process_id(name).await?))
    }

    fn end(pid: u32) {
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        let Some(pid) = pid else { return };
        // One that is stopped takes no other signal.
        if let Err(error) = rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
            tracing::error!(%error, "the other Frontdesk cannot be ended");
        }
    }

    /// Answers later starts, for as long as the program runs; also after the bus was gone.
    pub(crate) async fn serve(app: AppHandle, name: String, mut held: Option<Connection>) {
        loop {
            let bus = match held.take() {
                Some(bus) => Ok((bus, None)),
                None => take(&name).await,
            };
            match bus {
                Ok((bus, None)) => {
                    let first = First { app: app.clone() };
                    if let Err(error) = bus.object_server().at(PATH, first).await {
                        tracing::warn!(%error, "a second start will not find this Frontdesk");
                    }
                    bus.closed().await;
                    tracing::warn!("the session bus is gone; Frontdesk goes on without it");
                }
                Ok((_, Some(pid))) => {
                    tracing::debug!(pid, "another Frontdesk answers later starts");
                }
                Err(error) => tracing::debug!(%error, "there is no session bus"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What later starts call.
    struct First {
        app: AppHandle,
    }

    #[interface(name = "org.frontdesk.Instance")]
    impl First {
        /// Shows the window. Answers once the window's own thread has taken it, so that a window that hangs is one that
        /// does not answer.
        async fn show(&self) {
            let (shown, done) = oneshot::channel();
            let app = self.app.clone();
            let on_main = move || {
                tray::bring_forward(&app);
                let _ = shown.send(());
            };
            if self.app.run_on_main_thread(on_main).is_ok() {
                let _ = done.await;
            }
        }
    }
}
