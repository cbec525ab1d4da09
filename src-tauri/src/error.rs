//! Errors that are sent to the page.

use std::borrow::Cow;

use frontdesk_server::protocol::ErrorFrame;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// One sentence for the screen, and a code for the interface to act on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Stable; either one of this program's or the server's own (`invalid_credentials`, …).
    pub code: Cow<'static, str>,
    /// What happened and what to do, in one sentence.
    pub message: String,
    /// The cause in a few words, where there is one.
    reason: Option<Box<str>>,
    /// The server's problem, unchanged.
    said: Option<Box<Value>>,
}

impl Error {
    /// An error of this program.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into(), reason: None, said: None }
    }

    /// An answer of the server that says why not.
    pub(crate) fn problem(problem: Value) -> Self {
        let text = |member| problem.get(member).and_then(Value::as_str).map(str::to_owned);
        Self {
            code: text("code").map_or(Cow::Borrowed("refused"), Cow::Owned),
            message: text("detail").or_else(|| text("title")).unwrap_or_default(),
            reason: None,
            said: Some(Box::new(problem)),
        }
    }

    /// The HTTP status, when the server answered with a problem.
    pub(crate) fn status(&self) -> Option<u64> {
        self.said.as_ref()?.get("status")?.as_u64()
    }

    /// An error of this program with one more member for the interface.
    pub(crate) fn with(self, member: &str, value: impl Into<Value>) -> Self {
        let mut said = match self.said {
            Some(said) => *said,
            None => json!({
                "status": 0,
                "code": self.code,
                "title": self.message,
                "detail": self.message,
                "message": self.message,
            }),
        };
        if let Some(members) = said.as_object_mut() {
            members.insert(member.to_owned(), value.into());
        }
        Self { said: Some(Box::new(said)), ..self }
    }

    /// The same, with its cause in a few words.
    pub(crate) fn because(self, reason: impl Into<Box<str>>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// The cause in a few words.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether the server's certificate is not trusted, for whatever reason.
    pub(crate) fn is_about_certificate(&self) -> bool {
        matches!(
            &*self.code,
            "untrusted_certificate" | "certificate_changed" | "invalid_certificate"
        )
    }

    /// Nobody is signed in, or the session has ended.
    pub(crate) fn signed_out() -> Self {
        Self::new("signed_out", "Please sign in again.")
    }

    /// Something that should not happen; the cause is in the log.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "unexpected");
        Self::new("internal", "Something went wrong in Frontdesk. Restart it and try again.")
    }
}

impl From<ErrorFrame> for Error {
    fn from(frame: ErrorFrame) -> Self {
        let said = serde_json::to_value(&frame).ok();
        let code = said.as_ref().and_then(|frame| frame.get("code")).and_then(Value::as_str);
        Self {
            code: code.map_or(Cow::Borrowed("refused"), |code| Cow::Owned(code.to_owned())),
            message: frame.message,
            reason: None,
            said: said.map(Box::new),
        }
    }
}

/// The interface's `Failure`: what the server said, or the same shape with a `status` of 0.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match &self.said {
            Some(said) => said.serialize(serializer),
            None => json!({
                "status": 0,
                "code": self.code,
                "title": self.message,
                "detail": self.message,
                "message": self.message,
            })
            .serialize(serializer),
        }
    }
}

/// The result of everything that a person may be told about.
pub type Result<T> = std::result::Result<T, Error>;
