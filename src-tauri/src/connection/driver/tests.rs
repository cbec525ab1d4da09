//! When the next attempt to connect comes.

use tokio::sync::oneshot;

use super::*;
use crate::{
    address::Server,
    outbox::{Keeping, Opened},
};

fn driver() -> (Driver, mpsc::Receiver<News>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Opened { outbox, store, .. } = Opened::in_memory(Keeping::Memory);
    let (news, received) = mpsc::channel(10);
    let link = Link::new(outbox, None, Instant::now());
    let api = Api::new(Server::on_loopback(9).unwrap()).unwrap();
    (Driver::new(api, Token::new("proof"), link, store, news), received)
}

#[tokio::test]
async fn somebody_who_wants_to_connect_now_does_not_wait_for_the_pause_or_an_attempt_that_hangs() {
    let (mut driver, _news) = driver();
    let (requests, mut requested) = mpsc::channel(1);
    requests.send(Request::ReconnectNow).await.unwrap();
    let waited = driver.meanwhile(&mut requested, std::future::pending::<()>()).await;
    assert_eq!(waited.ok(), Some(None));

    // Other requests end no pause.
    requests.send(Request::Retry("unknown".to_owned())).await.unwrap();
    let (end, ended) = oneshot::channel();
    end.send(()).unwrap();
    let ended = async {
        // The request is served first.
        tokio::task::yield_now().await;
        ended.await
    };
    let waited = driver.meanwhile(&mut requested, ended).await;
    assert!(matches!(waited, Ok(Some(Ok(())))));
}

#[tokio::test]
async fn a_lost_connection_is_passed_on_at_once() {
    let (mut driver, mut news) = driver();
    assert!(driver.lost(None).await.is_ok());
    assert!(matches!(news.recv().await, Some(News::Down)));
}
