//! TLS at the server's own door, beside a door on loopback without it.

use std::{net::SocketAddr, sync::Arc};

use frontdesk_server::{Config, Server, Tls, auth::SetupToken};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::header::{SET_COOKIE, STRICT_TRANSPORT_SECURITY};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::common::{house::PASSWORD, socket, soon};

/// A server with two doors.
struct House {
    plain: SocketAddr,
    encrypted: SocketAddr,
    certificate: CertificateDer<'static>,
    http: reqwest::Client,
    token: String,
    _stop: oneshot::Sender<()>,
    _folder: TempDir,
}

impl House {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let setup = SetupToken::generate();
        let mut config = Config::new(folder.path());
        config.setup_token = Some(setup.clone());
        let (inner, outer) = (loopback().await, loopback().await);
        let (plain, encrypted) = (inner.local_addr().unwrap(), outer.local_addr().unwrap());
        let tls = Tls::own(folder.path()).unwrap();
        let server = Server::open(config).await.unwrap().and_listen(outer, tls);
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(server.run(inner, async {
            let _ = stopped.await;
        }));
        let certificate = CertificateDer::from_pem_file(folder.path().join("network.pem")).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_der(&certificate).unwrap()])
            .resolve("localhost", encrypted)
            .build()
            .unwrap();
        let first = json!({
            "setup_token": setup.reveal(), "property_name": "Hotel Aurora",
            "username": "ada", "name": "Ada Min", "password": PASSWORD,
        });
        let mut house = Self {
            plain,
            encrypted,
            certificate,
            http,
            token: String::new(),
            _stop: stop,
            _folder: folder,
        };
        let signed_in = house.http.post(house.https("/setup/")).json(&first);
        let signed_in: Value = soon("setup", signed_in.send()).await.unwrap().json().await.unwrap();
        house.token = signed_in["token"].as_str().unwrap().to_owned();
        house
    }

    fn https(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.encrypted.port())
    }

    async fn sign_in(&self, address: &str) -> (String, bool) {
        let body = json!({"username": "ada", "password": PASSWORD, "cookie": true});
        let answer = self.http.post(address).json(&body).send();
        let answer = soon("an answer", answer).await.unwrap();
        let hsts = answer.headers().contains_key(STRICT_TRANSPORT_SECURITY);
        let cookie = answer.headers().get(SET_COOKIE).unwrap().to_str().unwrap().to_owned();
        (cookie, hsts)
    }
}

async fn loopback() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

#[tokio::test]
async fn what_tls_carries_is_marked_as_such() {
    let house = House::start().await;
    let (cookie, hsts) = house.sign_in(&house.https("/auth/login/")).await;
    assert!(cookie.contains("; Secure") && hsts, "{cookie}");
    // On loopback a browser would not give a secure cookie back.
    let (cookie, hsts) = house.sign_in(&format!("http://{}/auth/login/", house.plain)).await;
    assert!(!cookie.contains("; Secure") && !hsts, "{cookie}");
}

#[tokio::test]
async fn the_chat_goes_through_tls() {
    let house = House::start().await;
    let mut roots = RootCertStore::empty();
    roots.add(house.certificate.clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(house.encrypted).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = soon("a TLS handshake", stream).await.unwrap();
    let proof = format!("Bearer {}", house.token);
    let request = socket::request("localhost", "/ws/chat/", &[("authorization", &proof)]);
    let (mut chat, _) = soon("a handshake", client_async(request, stream)).await.unwrap();
    let resume = json!({"type": "resume", "epoch": null, "last_seq": null, "conversation_ids": []});
    chat.send(Message::text(resume.to_string())).await.unwrap();
    let answer = soon("an answer", chat.next()).await.unwrap().unwrap();
    let answer: Value = serde_json::from_str(answer.to_text().unwrap()).unwrap();
    assert_eq!(answer["type"], "acknowledgment", "{answer}");
}

#[tokio::test]
async fn whoever_speaks_no_tls_is_told_nothing_and_holds_nobody_up() {
    let house = House::start().await;
    // More silent callers than there are threads.
    let mut silent = Vec::new();
    for _ in 0..32 {
        silent.push(TcpStream::connect(house.encrypted).await.unwrap());
    }
    let mut plain = TcpStream::connect(house.encrypted).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    // However the connection ends, nothing in it was HTTP.
    let _ = soon("the end", plain.read_to_end(&mut said)).await;
    assert!(!said.starts_with(b"HTTP"), "{:?}", String::from_utf8_lossy(&said));
    let answer = soon("an answer", house.http.get(house.https("/healthz")).send()).await.unwrap();
    assert_eq!(answer.status(), 200);
}
