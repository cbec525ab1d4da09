//! A stream that holds a connection permit, gives up on a peer that reads nothing, and delivers its last bytes.
//!
//! A system answers bytes that nobody reads with a reset, and a reset discards what the other side has not read
//! yet: an answer, or a close frame. So a stream that the server closes is first closed for writing only, and what
//! still comes is read and discarded for a moment.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    time::Sleep,
};

use super::places::Place;

/// How long a stream that the server has closed is read.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// How many bytes are read meanwhile: some of the largest bodies (256 KiB) and frames (64 KiB) that are refused.
const DISCARD_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A stream with its place: both last as long as its WebSocket, which outlives the request.
pub(super) struct Held {
    /// Both are there until this is dropped.
    stream_and_place: Option<(TcpStream, Place)>,
    /// The other side has closed, or the connection is broken.
    has_ended: bool,
    /// How long it may stand still.
    patience: Duration,
    /// Runs while bytes wait that the other side does not take.
    standing_still: Option<Pin<Box<Sleep>>>,
}

impl Held {
    pub(super) const fn new(stream: TcpStream, place: Place, patience: Duration) -> Self {
        Self {
            stream_and_place: Some((stream, place)),
            has_ended: false,
            patience,
            standing_still: None,
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let there = self.stream_and_place.as_mut().map(|(stream, _)| Pin::new(stream));
        there.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Gives a write up that has waited too long.
    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        write: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(written) = write {
            self.standing_still = None;
            self.has_ended |= written.is_err();
            return Poll::Ready(written);
        }
        let patience = self.patience;
        let timer =
            self.standing_still.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        timer.as_mut().poll(context).map(|()| {
            self.has_ended = true;
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some((stream, place)) = self.stream_and_place.take() else { return };
        if self.has_ended {
            return;
        }
        // Without a runtime the program is ending.
        let Ok(runtime) = Handle::try_current() else { return };
        let closing = place.closing().clone();
        closing.spawn_on(
            async move {
                // Whether the other side took it or not, the connection is over.
                let _ = tokio::time::timeout(DISCARD_TIMEOUT, discard(stream)).await;
                drop(place);
            },
            &runtime,
        );
    }
}

/// Closes a stream for writing, and reads and discards what still comes.
async fn discard(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = stream.take(DISCARD_MAX_BYTES);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map(drop)
}

impl AsyncRead for Held {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let room = buffer.remaining();
        let read = this.stream()?.poll_read(context, buffer);
        if let Poll::Ready(read) = &read {
            this.has_ended |= read.is_err() || (room > 0 && buffer.remaining() == room);
        }
        read
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = this.stream()?.poll_write(context, bytes);
        this.bounded(context, write)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = this.stream()?.poll_write_vectored(context, slices);
        this.bounded(context, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream_and_place.as_ref().is_some_and(|(stream, _)| stream.is_write_vectored())
    }
}
