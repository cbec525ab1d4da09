//! Notifications over D-Bus: one listener knows which notification is about which conversation.

use std::{collections::BTreeMap, time::Duration};

use frontdesk_server::protocol::Id;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use zbus::{Connection, Message, Proxy, names::MemberName, zvariant::Value};

use super::{Asked, Notification};

const SERVICE: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// How long the service may take to show or withdraw one.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// So many are remembered; some desktops do not say when one is gone.
const MAX_SHOWN: usize = 500;

/// Shows what is asked for, until nobody asks any more.
pub(super) async fn serve(
    _: String,
    mut asked: mpsc::Receiver<Asked>,
    on_click: impl Fn(Id) + Send + Sync + 'static,
) {
    while let Some(first) = asked.recv().await {
        // Nowhere to show it: the unread count on the tray and in the title still tells.
        let served = async {
            let bus = Connection::session().await?;
            Service::of(&bus).await?.serve(first, &mut asked, &on_click).await
        };
        if let Err(error) = served.await {
            tracing::warn!(%error, "the desktop shows no notifications");
        }
    }
}

/// The desktop's notification service, and what it shows of this program's.
struct Service<'a> {
    proxy: Proxy<'a>,
    /// Which conversation each is about.
    shown: BTreeMap<u32, Id>,
    /// Whether it takes what a guest wrote for markup; `None`: not asked yet.
    reads_markup: Option<bool>,
}

impl<'a> Service<'a> {
    async fn of(bus: &'a Connection) -> zbus::Result<Self> {
        let proxy = Proxy::new(bus, SERVICE, PATH, SERVICE).await?;
        Ok(Self { proxy, shown: BTreeMap::new(), reads_markup: None })
    }

    /// Returns when nobody asks any more, or the bus is gone.
    async fn serve(
        mut self,
        first: Asked,
        asked: &mut mpsc::Receiver<Asked>,
        on_click: &impl Fn(Id),
    ) -> zbus::Result<()> {
        // In one stream, so that a click comes before the end that follows it.
        let mut signals = self.proxy.receive_all_signals().await?;
        let mut owners = self.proxy.receive_owner_changed().await?;
        self.carry_out(first).await;
        loop {
            tokio::select! {
                biased;
                // Another service counts anew.
                owner = owners.next() => match owner {
                    Some(_) => (self.shown, self.reads_markup) = (BTreeMap::new(), None),
                    None => return Ok(()),
                },
                signal = signals.next() => match signal {
                    Some(signal) => self.hear(&signal, on_click),
                    None => return Ok(()),
                },
                next = asked.recv() => match next {
                    Some(next) => self.carry_out(next).await,
                    None => return Ok(()),
                },
            }
        }
    }

    fn hear(&mut self, signal: &Message, on_click: &impl Fn(Id)) {
        let header = signal.header();
        let member = header.member();
        match member.map(MemberName::as_str) {
            Some("ActionInvoked") => {
                let invoked = signal.body().deserialize::<(u32, String)>();
                if let Ok((id, action)) = invoked
                    && action == "default"
                    && let Some(conversation_id) = self.shown.get(&id)
                {
                    on_click(*conversation_id);
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

    async fn carry_out(&mut self, asked: Asked) {
        let done = match asked {
            Asked::Show(notification) => self.show(&notification).await,
            Asked::Withdraw => self.withdraw().await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, "the desktop shows no notifications");
        }
    }

    async fn show(&mut self, notification: &Notification) -> zbus::Result<()> {
        let about = notification.conversation_id;
        let older = self.shown.iter().find(|(_, conversation_id)| **conversation_id == about);
        let replaces = older.map_or(0, |(id, _)| *id);
        let body = self.body(&notification.body).await;
        let hints = BTreeMap::from([
            ("desktop-entry", Value::from("frontdesk")),
            ("category", Value::from("im.received")),
        ]);
        let (icon, title, actions) =
            ("frontdesk", notification.title.as_str(), ["default", "Open"]);
        let what =
            (crate::NAME, replaces, icon, title, body.as_str(), actions.as_slice(), hints, -1_i32);
        let id: u32 = soon(self.proxy.call("Notify", &what)).await?;
        self.shown.remove(&replaces);
        self.shown.insert(id, about);
        if self.shown.len() > MAX_SHOWN {
            self.shown.pop_first();
        }
        Ok(())
    }

    async fn withdraw(&mut self) -> zbus::Result<()> {
        for id in std::mem::take(&mut self.shown).into_keys() {
            let closed: zbus::Result<()> = soon(self.proxy.call("CloseNotification", &(id,))).await;
            closed?;
        }
        Ok(())
    }

    /// What a guest wrote is text; some desktops read it as markup.
    async fn body(&mut self, text: &str) -> String {
        if self.reads_markup.is_none() {
            let capabilities: zbus::Result<Vec<String>> =
                soon(self.proxy.call("GetCapabilities", &())).await;
            self.reads_markup =
                capabilities.ok().map(|they| they.iter().any(|it| it == "body-markup"));
        }
        if self.reads_markup == Some(false) { text.to_owned() } else { escape(text) }
    }
}

async fn soon<T>(call: impl Future<Output = zbus::Result<T>>) -> zbus::Result<T> {
    let called = tokio::time::timeout(ANSWER_WITHIN, call).await;
    called.unwrap_or_else(|_elapsed| Err(zbus::Error::Failure("no answer".to_owned())))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
