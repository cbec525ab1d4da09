//! What the connection keeps while there is no server.

use std::{fs, path::Path};

use super::*;
use crate::address::Server;
use crate::{
    outbox::{Keeping, Kept, OutboxFile},
    sealed::{Key, Owner},
};

const KEY: Key = Key([7; 32]);

fn owner() -> Owner {
    Owner { server: "here".to_owned(), user_id: 1, username: "ana".to_owned() }
}

fn text(client_id: &str) -> Text {
    let now = Timestamp::from_millis(0);
    Text::new(client_id.to_owned(), 1, "Coming!".to_owned(), now)
}

/// A connection to a server that is away, with its outbox in a folder.
fn connect(folder: &Path) -> (Connection, mpsc::Receiver<News>) {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::on_loopback(nobody.local_addr().unwrap().port()).unwrap();
    drop(nobody);
    connect_to(server, folder)
}

fn connect_to(server: Server, folder: &Path) -> (Connection, mpsc::Receiver<News>) {
    let found = OutboxFile::open(folder, &owner(), &KEY).unwrap();
    let outbox = Outbox::new(found.texts, Keeping::Disk);
    let (news, told) = mpsc::channel(100);
    let store = Store::on(found.file);
    let api = Api::new(server).unwrap();
    let stop = CancellationToken::new();
    (Connection::start(api, Token::new("proof"), outbox, None, store, news, stop), told)
}

/// The one file of texts in a folder.
fn sealed(folder: &Path) -> Option<std::path::PathBuf> {
    let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.extension().is_some_and(|it| it == "sealed"))
}

/// What a computer finds that loses its power now.
fn after_a_power_cut(folder: &Path) -> Vec<String> {
    let elsewhere = tempfile::tempdir().unwrap();
    if let Some(file) = sealed(folder) {
        fs::copy(&file, elsewhere.path().join(file.file_name().unwrap())).unwrap();
    }
    let found = OutboxFile::open(elsewhere.path(), &owner(), &KEY).unwrap();
    assert_eq!(found.set_aside, None);
    found.texts.into_iter().map(|Kept { client_id, .. }| client_id).collect()
}

/// Waits until the window is told what becomes of the texts.
async fn kept(told: &mut mpsc::Receiver<News>, wanted: Keeping) {
    while let Some(news) = told.recv().await {
        if matches!(news, News::Push(Push::Outbox { kept, .. }) if kept == wanted) {
            return;
        }
    }
    panic!("never told");
}

#[tokio::test]
async fn a_text_is_on_disk_when_it_counts_as_queued_and_gone_when_it_is_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let (connection, _told) = connect(folder.path());
    connection.send_text(text("a")).await.unwrap();
    assert_eq!(after_a_power_cut(folder.path()), ["a"]);
    connection.send_text(text("b")).await.unwrap();
    assert_eq!(after_a_power_cut(folder.path()), ["a", "b"]);
    connection.withdraw("a".to_owned()).await.unwrap();
    assert_eq!(after_a_power_cut(folder.path()), ["b"]);
    connection.withdraw("b".to_owned()).await.unwrap();
    assert_eq!(sealed(folder.path()), None);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_told_and_brings_nothing_withdrawn_back() {
    let folder = tempfile::tempdir().unwrap();
    let (connection, mut told) = connect(folder.path());
    for id in ["a", "b"] {
        connection.send_text(text(id)).await.unwrap();
    }
    // Where the next file is to be written stands something else.
    fs::create_dir(sealed(folder.path()).unwrap().with_extension("new")).unwrap();
    connection.send_text(text("c")).await.unwrap();
    kept(&mut told, Keeping::Memory).await;
    assert_eq!(after_a_power_cut(folder.path()), ["a", "b"], "better than nothing");
    connection.withdraw("a".to_owned()).await.unwrap();
    assert!(after_a_power_cut(folder.path()).is_empty());
}

#[tokio::test]
async fn why_there_is_no_connection_is_said_in_words() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::on_loopback(listener.local_addr().unwrap().port()).unwrap();
    let other = axum::Router::new().fallback(|| async { "Something else lives here" });
    tokio::spawn(axum::serve(listener, other).into_future());
    let folder = tempfile::tempdir().unwrap();
    let (_connection, mut told) = connect_to(server, folder.path());
    let why = loop {
        let News::Push(Push::Connection { connection }) = told.recv().await.unwrap() else {
            continue;
        };
        if let ConnectionState::Reconnecting { reason: Some(reason), .. } = connection {
            break reason;
        }
    };
    assert!(why.contains("is not a Frontdesk server"), "{why}");
}
