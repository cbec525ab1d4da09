//! A network that cannot be relied on: it delays, dribbles, cuts, and falls silent.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, watch},
    task::JoinHandle,
};

use crate::dice::Dice;

/// Passes connections on to a server, none of them for long.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    /// Connections that were ended so far.
    pub cuts: watch::Receiver<u64>,
    /// Told when a connection fell silent: the client's own patience is not what is tested.
    pub silent: Arc<Notify>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug)]
enum Manner {
    Cut,
    Delay,
    Dribble,
    Silence,
}

/// One connection, both ways.
struct Line {
    manner: Manner,
    bytes_left: AtomicU64,
}

impl Proxy {
    pub async fn start(server: String, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ended, cuts) = watch::channel(0);
        let silent = Arc::new(Notify::new());
        let told = Arc::clone(&silent);
        let task = tokio::spawn(async move {
            let mut dice = Dice::new(seed);
            // The far ends of lines that fell silent: nobody told the server that they are dead.
            let mut half_open = Vec::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(&server).await.unwrap();
                let manner = match dice.below(8) {
                    0 => Manner::Silence,
                    1 => Manner::Dribble,
                    2 => Manner::Delay,
                    _ => Manner::Cut,
                };
                let line = Arc::new(Line { manner, bytes_left: AtomicU64::new(dice.below(6_000)) });
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                let up = pass(near_read, far_write, Arc::clone(&line));
                let down = pass(far_read, near_write, Arc::clone(&line));
                let (mut up, mut down) = (Box::pin(up), Box::pin(down));
                // Whichever way ends first takes the other one with it.
                let halves = tokio::select! {
                    halves = &mut up => halves,
                    halves = &mut down => halves,
                };
                if matches!(manner, Manner::Silence) {
                    told.notify_one();
                    half_open.push((halves, up, down));
                }
                ended.send_modify(|count| *count += 1);
            }
        });
        Self { address, cuts, silent, task }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes bytes on until there have been enough.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    line: Arc<Line>,
) -> (OwnedReadHalf, OwnedWriteHalf) {
    let mut buffer = [0; 2048];
    let size = if matches!(line.manner, Manner::Dribble) { 1 } else { buffer.len() };
    loop {
        let Ok(count) = from.read(&mut buffer[..size]).await else { return (from, to) };
        if count == 0 {
            return (from, to);
        }
        if matches!(line.manner, Manner::Delay) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let wanted = count as u64;
        let take = |left: u64| Some(left.saturating_sub(wanted));
        let left = line.bytes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).unwrap();
        let passed = usize::try_from(left.min(wanted)).unwrap();
        if to.write_all(&buffer[..passed]).await.is_err() || left <= wanted {
            return (from, to);
        }
    }
}
