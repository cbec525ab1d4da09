//! Reading what the server sends, also what a later version of it sends.

use frontdesk_server::protocol::Frame;
use serde::Deserialize;

/// A frame from the server.
#[derive(Debug)]
pub(super) enum Received {
    /// One that this version knows. Values in it that it does not know were kept as they came.
    Known(Box<Frame>),
    /// One of another type or shape. It means nothing to this program, but the window may know it, and the
    /// events after it can only be told apart from older ones when its `seq` counts.
    Unknown {
        /// Its position among the property's events, when it is one of them.
        seq: Option<i64>,
    },
}

/// Reads a frame. Returns `None` for what is not a frame at all.
pub(super) fn read(text: &str) -> Option<Received> {
    /// What every frame has, whatever its type.
    #[derive(Deserialize)]
    struct AnyFrame {
        #[expect(dead_code, reason = "what has no type is not a frame")]
        r#type: String,
        #[serde(default)]
        seq: Option<i64>,
    }
    let error = match serde_json::from_str(text) {
        Ok(frame) => return Some(Received::Known(Box::new(frame))),
        Err(error) => error,
    };
    let AnyFrame { seq, .. } = serde_json::from_str(text).ok()?;
    tracing::debug!(%error, "a frame that this version does not know");
    Some(Received::Unknown { seq })
}
