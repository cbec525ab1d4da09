//! Notices that the page in the window has stopped, and loads it again: its process ended, or it hangs.
//!
//! A page is asked for an answer every second. Everything that the person typed is kept by the program
//! (`drafts`, `outbox`), so loading the page again loses nothing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tauri::WebviewWindow;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

use crate::{desk::Desk, message};

/// How often the page is asked for an answer.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// A page that nobody sees is asked at one in this number of times, so that a computer with an idle desk can rest.
const HIDDEN_EVERY: u32 = 5;

/// After this number of questions without an answer, what is in the window no longer counts as read by the person.
const SILENT_AFTER: u32 = 3;

/// After this number of questions without an answer, the page is loaded again. A page on a slow computer answers within two seconds.
const HUNG_AFTER: u32 = 6;

/// A page that has not answered once by then hangs while it loads.
const LOADED_AFTER: u32 = 60;

/// Ends of the page that may wait to be handled; more are not needed to load it again.
const MAX_ENDS: usize = 8;

/// Stops within this time are counted together.
const COUNTED_WITHIN: Duration = Duration::from_secs(60);

/// At this many stops, a message says what to do.
const TELL_AT: usize = 3;

/// Pause before a page that stops again and again is loaded again: it must not use up the computer.
const PAUSE: Duration = Duration::from_secs(5);

/// What the page is asked, and what it answers.
const QUESTION: &str = "1";

/// Title of that message.
const TITLE: &str = "Frontdesk has a problem with its window";

/// Shown at the third stop within a minute.
const MESSAGE: &str = "The window of Frontdesk has stopped three times within a minute. It is being loaded \
    again without graphics acceleration. Guests' messages still arrive and cause notifications, and what you \
    typed is kept.\n\nIf the window stays empty: install the updates of this computer, above all those of its \
    graphics driver, and restart it.";

/// Whether the page answers.
#[derive(Debug, Default)]
struct Health {
    /// Questions since the last answer.
    unanswered: u32,
    /// The page has answered once, so that a silence means something.
    has_answered: bool,
}

/// What a question without an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    /// Nothing yet.
    Short,
    /// What is in the window no longer counts as read by the person. Returned once.
    Silent,
    /// The page hangs. Returned once.
    Hung,
}

impl Health {
    /// The page is asked. Counted by questions and not by time: a computer that sleeps asks nothing.
    fn asked(&mut self) -> Silence {
        self.unanswered = self.unanswered.saturating_add(1);
        if !self.has_answered {
            let hangs = self.unanswered == LOADED_AFTER + 1;
            return if hangs { Silence::Hung } else { Silence::Short };
        }
        match self.unanswered {
            // The one that is asked now has not had its time.
            count if count == SILENT_AFTER + 1 => Silence::Silent,
            count if count == HUNG_AFTER + 1 => Silence::Hung,
            _ => Silence::Short,
        }
    }

    fn answered(&mut self) {
        *self = Self { unanswered: 0, has_answered: true };
    }
}

/// When the page stopped.
#[derive(Debug, Default)]
struct Stops(VecDeque<Instant>);

impl Stops {
    /// Counts a stop. Returns how many there were within the last minute.
    fn add(&mut self, now: Instant) -> usize {
        self.0.push_back(now);
        self.0.retain(|at| now.duration_since(*at) < COUNTED_WITHIN);
        self.0.len()
    }
}

/// Why the page has to be loaded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its process ended by itself, or was ended from outside.
    Died(&'static str),
    /// It did not answer.
    Hung,
}

/// Watches the page of the window for as long as the program runs.
pub(super) fn watch(window: &WebviewWindow, desk: Arc<Desk>) {
    let (ends, ended) = mpsc::channel(MAX_ENDS);
    platform::on_end(window, ends);
    tauri::async_runtime::spawn(run(window.clone(), desk, ended));
}

async fn run(window: WebviewWindow, desk: Arc<Desk>, mut ended: mpsc::Receiver<End>) {
    let health = Arc::new(Mutex::new(Health::default()));
    let mut stops = Stops::default();
    let mut questions = tokio::time::interval(ASK_EVERY);
    questions.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_listening = true;
    let mut ticks = 0;
    loop {
        let end = tokio::select! {
            end = ended.recv(), if is_listening => {
                is_listening = end.is_some();
                end
            }
            _ = questions.tick() => match ask_unless_hidden(&window, &desk, &health, &mut ticks).await {
                Silence::Short => None,
                Silence::Silent => {
                    desk.alerts.page_stopped(ASK_EVERY * (SILENT_AFTER + 1));
                    None
                }
                Silence::Hung => Some(End::Hung),
            },
        };
        let Some(end) = end else { continue };
        tracing::error!(?end, "the page in the window has stopped and is loaded again");
        if matches!(end, End::Died(_)) {
            desk.alerts.page_stopped(ASK_EVERY * (SILENT_AFTER + 1));
        }
        *lock(&health) = Health::default();
        let count = stops.add(Instant::now());
        if count >= TELL_AT {
            platform::without_acceleration(&window);
            if count == TELL_AT {
                message::show(TITLE, MESSAGE);
            }
            tokio::time::sleep(PAUSE).await;
        }
        platform::load_again(&window);
        // Ending a page that hangs is one more end of its process.
        while ended.try_recv().is_ok() {}
    }
}

async fn ask_unless_hidden(
    window: &WebviewWindow,
    desk: &Desk,
    health: &Arc<Mutex<Health>>,
    ticks: &mut u32,
) -> Silence {
    *ticks = ticks.wrapping_add(1);
    if desk.alerts.is_hidden() && !ticks.is_multiple_of(HIDDEN_EVERY) {
        return Silence::Short;
    }
    ask(window, health).await
}

/// Asks the page, and says what its silence up to now means.
async fn ask(window: &WebviewWindow, health: &Arc<Mutex<Health>>) -> Silence {
    let (asked, silence) = tokio::sync::oneshot::channel();
    let (page, of) = (window.clone(), Arc::clone(health));
    // On the window's own thread: while that is busy, the page cannot answer and is not at fault.
    let on_main = move || {
        let _ = asked.send(lock(&of).asked());
        let answered = move |answer: String| {
            if answer == QUESTION {
                lock(&of).answered();
            }
        };
        if let Err(error) = page.eval_with_callback(QUESTION, answered) {
            tracing::debug!(%error, "the page cannot be asked");
        }
    };
    if window.run_on_main_thread(on_main).is_err() {
        return Silence::Short;
    }
    silence.await.unwrap_or(Silence::Short)
}

fn lock(health: &Mutex<Health>) -> MutexGuard<'_, Health> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(unix, not(target_os = "macos")))]
mod platform {
    use tauri::WebviewWindow;
    use tokio::sync::mpsc;
    use webkit2gtk::{
        HardwareAccelerationPolicy, SettingsExt, WebProcessTerminationReason, WebViewExt,
    };

    use super::End;

    /// Sends each end of the page's process.
    pub(super) fn on_end(window: &WebviewWindow, ends: mpsc::Sender<End>) {
        let watched = window.with_webview(move |view| {
            view.inner().connect_web_process_terminated(move |_, reason| {
                let end = match reason {
                    WebProcessTerminationReason::Crashed => End::Died("it crashed"),
                    WebProcessTerminationReason::ExceededMemoryLimit => End::Died("out of memory"),
                    // By `load_again`.
                    WebProcessTerminationReason::TerminatedByApi => return,
                    _ => End::Died("unknown"),
                };
                // With as many ends waiting, the page is loaded again in any case.
                let _ = ends.try_send(end);
            });
        });
        if let Err(error) = watched {
            tracing::warn!(%error, "the end of the page's process is noticed late");
        }
    }

    /// Loads the page again in a new process.
    pub(super) fn load_again(window: &WebviewWindow) {
        let loaded = window.with_webview(|view| {
            let view = view.inner();
            // One that hangs would not even take the request.
            view.terminate_web_process();
            view.reload();
        });
        if let Err(error) = loaded {
            tracing::error!(%error, "the page cannot be loaded again");
        }
    }

    /// Draws the page without the graphics driver from now on.
    pub(super) fn without_acceleration(window: &WebviewWindow) {
        let _ = window.with_webview(|view| {
            if let Some(settings) = WebViewExt::settings(&view.inner()) {
                settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
            }
        });
    }
}

/// Elsewhere a process that ended is one that does not answer, and the web view starts another for the page.
#[cfg(any(windows, target_os = "macos"))]
mod platform {
    use tauri::WebviewWindow;
    use tokio::sync::mpsc;

    use super::End;

    pub(super) fn on_end(_: &WebviewWindow, _: mpsc::Sender<End>) {}

    pub(super) fn load_again(window: &WebviewWindow) {
        if let Err(error) = window.reload() {
            tracing::error!(%error, "the page cannot be loaded again");
        }
    }

    pub(super) fn without_acceleration(_: &WebviewWindow) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_silent_after_three_questions_and_hangs_after_six() {
        let mut health = Health::default();
        // Before the first answer it is still loading.
        assert!((0..60).all(|_| health.asked() == Silence::Short));
        assert_eq!(health.asked(), Silence::Hung);
        health.answered();
        let silences: Vec<_> = (0..9).map(|_| health.asked()).collect();
        let short = [Silence::Short; 3];
        assert_eq!(silences[..3], short);
        assert_eq!(silences[3], Silence::Silent);
        assert_eq!(silences[4..6], short[..2]);
        assert_eq!(silences[6..], [Silence::Hung, Silence::Short, Silence::Short]);
        health.answered();
        assert_eq!(health.asked(), Silence::Short);
    }

    #[test]
    fn only_stops_within_a_minute_are_counted_together() {
        let mut stops = Stops::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let counts = [0, 20, 59, 61, 200].map(|seconds| stops.add(at(seconds)));
        assert_eq!(counts, [1, 2, 3, 3, 1]);
    }
}
