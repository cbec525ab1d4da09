//! Notifications over D-Bus: one listener knows what each notification is about.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use futures_util::StreamExt;
use tokio::sync::mpsc;
use zbus::{Connection, Message, Proxy, names::MemberName, zvariant::Value};

use super::{Click, Notice, Request, Topic, Which};

const SERVICE: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// How long the service may take to show or withdraw one.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// So many are remembered; some desktops do not say when one is gone.
const MAX_SHOWN: usize = 500;

/// The most notifications that could not be shown and are kept; the oldest are dropped first.
const MAX_UNSHOWN: usize = 32;

/// How often a bus is looked for while there is something to show.
const RETRY_EVERY: Duration = Duration::from_secs(10);

/// The action of a click on the notification itself.
const OPEN: &str = "default";

/// The action of the button *Silence*.
const SILENCE: &str = "silence";

/// Stays on the screen until it is dismissed.
const CRITICAL: u8 = 2;

/// Carries requests out until there are no more. What cannot be shown is kept until there is a bus and a service.
pub(super) async fn serve(
    _: String,
    mut requests: mpsc::Receiver<Request>,
    on_click: impl Fn(Click) + Send + Sync + 'static,
) {
    let mut unshown = Unshown::default();
    loop {
        let next = requests.recv();
        // The outer `None`: it is time to try again.
        let received = if unshown.is_empty() {
            Some(next.await)
        } else {
            tokio::time::timeout(RETRY_EVERY, next).await.ok()
        };
        if matches!(received, Some(None)) {
            return;
        }
        let mut first = received.flatten();
        // Where there is no service, the tray and the title show the count all the same.
        let served = async {
            let bus = with_timeout(Connection::session()).await?;
            let service = with_timeout(Service::of(&bus)).await?;
            service.serve(&mut first, &mut requests, &mut unshown, &on_click).await
        };
        if let Err(error) = served.await {
            tracing::warn!(%error, "the desktop shows no notifications");
            match first {
                Some(Request::Show(notice, answer)) => {
                    unshown.keep(notice);
                    let _ = answer.send(Err(error.to_string()));
                }
                Some(Request::Withdraw(which)) => unshown.withdraw(&which),
                None => {}
            }
        }
    }
}

/// Notices that no service has shown yet, the oldest first, one about each topic.
#[derive(Debug, Default)]
pub(super) struct Unshown(VecDeque<Notice>);

impl Unshown {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn keep(&mut self, notice: Notice) {
        self.0.retain(|it| it.topic != notice.topic);
        self.0.push_back(notice);
        if self.0.len() > MAX_UNSHOWN {
            self.0.pop_front();
        }
    }

    fn withdraw(&mut self, which: &Which) {
        self.0.retain(|notice| !which.includes(notice.topic));
    }
}

/// The desktop's notification service, and what it shows of this program's.
struct Service<'a> {
    proxy: Proxy<'a>,
    shown: BTreeMap<u32, Topic>,
    /// Whether it reads the body as markup; `None`: not asked yet.
    reads_markup: Option<bool>,
}

impl<'a> Service<'a> {
    async fn of(bus: &'a Connection) -> zbus::Result<Self> {
        let proxy = Proxy::new(bus, SERVICE, PATH, SERVICE).await?;
        Ok(Self { proxy, shown: BTreeMap::new(), reads_markup: None })
    }

    /// Returns when there are no more requests, or the bus is gone.
    async fn serve(
        mut self,
        first: &mut Option<Request>,
        requests: &mut mpsc::Receiver<Request>,
        unshown: &mut Unshown,
        on_click: &impl Fn(Click),
    ) -> zbus::Result<()> {
        // In one stream, so that a click comes before the end that follows it.
        let mut signals = with_timeout(self.proxy.receive_all_signals()).await?;
        let mut owners = with_timeout(self.proxy.receive_owner_changed()).await?;
        if let Some(first) = first.take() {
            self.carry_out(first, unshown).await;
        }
        self.show_again(unshown).await;
        loop {
            tokio::select! {
                biased;
                // Another service counts from the beginning.
                owner = owners.next() => match owner {
                    Some(owner) => {
                        (self.shown, self.reads_markup) = (BTreeMap::new(), None);
                        if owner.is_some() {
                            self.show_again(unshown).await;
                        }
                    }
                    None => return Ok(()),
                },
                signal = signals.next() => match signal {
                    Some(signal) => self.on_signal(&signal, on_click),
                    None => return Ok(()),
                },
                next = requests.recv() => match next {
                    Some(next) => self.carry_out(next, unshown).await,
                    None => return Ok(()),
                },
            }
        }
    }

    fn on_signal(&mut self, signal: &Message, on_click: &impl Fn(Click)) {
        let header = signal.header();
        let member = header.member();
        match member.map(MemberName::as_str) {
            Some("ActionInvoked") => {
                let invoked = signal.body().deserialize::<(u32, String)>();
                if let Ok((id, action)) = invoked
                    && let Some(topic) = self.shown.get(&id)
                {
                    match action.as_str() {
                        OPEN => on_click(Click::Open(*topic)),
                        SILENCE => on_click(Click::Silence),
                        _ => {}
                    }
                }
            }
            Some("NotificationClosed") => {
                if let Ok((id, _reason)) = signal.body().deserialize::<(u32, u32)>() {
                    self.shown.remove(&id);
                }
            }
            _ => {}
        }
    }

    /// Shows what could not be shown before, until that fails again.
    async fn show_again(&mut self, unshown: &mut Unshown) {
        while let Some(notice) = unshown.0.pop_front() {
            if self.show(&notice).await.is_err() {
                unshown.0.push_front(notice);
                return;
            }
        }
    }

    async fn carry_out(&mut self, request: Request, unshown: &mut Unshown) {
        match request {
            Request::Show(notice, answer) => {
                let shown = self.show(&notice).await;
                if let Err(error) = &shown {
                    tracing::warn!(%error, "the desktop shows no notifications");
                    unshown.keep(notice);
                }
                let _ = answer.send(shown.map_err(|error| error.to_string()));
            }
            Request::Withdraw(which) => {
                unshown.withdraw(&which);
                if let Err(error) = self.withdraw(&which).await {
                    tracing::warn!(%error, "a notification stays on the screen");
                }
            }
        }
    }

    async fn show(&mut self, notice: &Notice) -> zbus::Result<()> {
        let older = self.shown.iter().find(|(_, topic)| **topic == notice.topic);
        let replaces = older.map_or(0, |(id, _)| *id);
        let body = self.body(&notice.body).await;
        let mut hints = BTreeMap::from([
            ("desktop-entry", Value::from("frontdesk")),
            ("category", Value::from("im.received")),
        ]);
        if notice.plays_sound {
            hints.insert("sound-name", Value::from("message-new-instant"));
        } else {
            hints.insert("suppress-sound", Value::from(true));
        }
        if notice.is_urgent {
            hints.insert("urgency", Value::from(CRITICAL));
        }
        let mut actions = vec![OPEN, "Open"];
        if notice.offers_silence {
            actions.extend([SILENCE, "Silence"]);
        }
        let (icon, title) = ("frontdesk", notice.title.as_str());
        let what =
            (crate::NAME, replaces, icon, title, body.as_str(), actions.as_slice(), hints, -1_i32);
        let id: u32 = with_timeout(self.proxy.call("Notify", &what)).await?;
        self.shown.remove(&replaces);
        self.shown.insert(id, notice.topic);
        if self.shown.len() > MAX_SHOWN {
            self.shown.pop_first();
        }
        Ok(())
    }

    async fn withdraw(&mut self, which: &Which) -> zbus::Result<()> {
        let ids: Vec<_> = self.shown.extract_if(.., |_, topic| which.includes(*topic)).collect();
        for (id, _) in ids {
            let what = (id,);
            with_timeout::<()>(self.proxy.call("CloseNotification", &what)).await?;
        }
        Ok(())
    }

    /// What a guest wrote is plain text; some desktops read it as markup.
    async fn body(&mut self, text: &str) -> String {
        if self.reads_markup.is_none() {
            let capabilities: zbus::Result<Vec<String>> =
                with_timeout(self.proxy.call("GetCapabilities", &())).await;
            self.reads_markup =
                capabilities.ok().map(|they| they.iter().any(|it| it == "body-markup"));
        }
        if self.reads_markup == Some(false) { text.to_owned() } else { escape(text) }
    }
}

async fn with_timeout<T>(call: impl Future<Output = zbus::Result<T>>) -> zbus::Result<T> {
    let called = tokio::time::timeout(ANSWER_WITHIN, call).await;
    called.unwrap_or_else(|_elapsed| Err(zbus::Error::Failure("no answer".to_owned())))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
