//! The proxies that `docs/operations.md` configures, as they are configured there: with TLS, with HTTP/2, on another
//! port, and below a path. The browser goes through them with `make attacks`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
};

use frontdesk_server::Config;
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, StatusCode};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::common::{House, house::PASSWORD, program, socket, soon, until};

const NAME: &str = "desk.hotel.example";

/// A proxy before a house, until it is dropped.
struct Proxy {
    process: Child,
    port: u16,
    certificate: CertificateDer<'static>,
    _house: House,
    /// Without its final slash.
    path: &'static str,
    _folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

impl Proxy {
    /// `None` where the program is not installed.
    #[expect(clippy::print_stdout, reason = "tells what was not tried")]
    async fn start(kind: &str, path: &'static str) -> Option<Self> {
        let is_there = |folder: &str| Path::new(folder).join(kind).exists();
        if !["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].into_iter().any(is_there)
        {
            println!("SKIPPED: {kind} is not installed; `.ci/setup test` does it");
            return None;
        }
        let house = House::start_with(|config: &mut Config| {
            config.public_hosts = vec![NAME.to_owned()];
            config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
            config.public_path = path.to_owned();
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port().await;
        let upstream = house.anyone.host().rsplit_once(':').unwrap().1.to_owned();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/proxy");
        let mut command = Command::new(script);
        command.arg(kind).arg(folder.path()).args([&port.to_string(), &upstream]);
        if !path.is_empty() {
            command.arg(format!("{path}/"));
        }
        let process = command.stdin(Stdio::null()).spawn().unwrap();
        until("the proxy to listen", || async {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        let file = folder.path().join("chain.pem");
        let certificate = CertificateDer::from_pem_file(file).unwrap();
        Some(Self { process, port, certificate, _house: house, path, _folder: folder })
    }

    /// A browser's client at this address of loopback.
    fn client(&self, from: u8) -> reqwest::Client {
        reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_der(&self.certificate).unwrap()])
            .resolve(NAME, SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
            .local_address(IpAddr::from([127, 0, 0, from]))
            .build()
            .unwrap()
    }

    fn origin(&self) -> String {
        format!("https://{NAME}:{}", self.port)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin(), self.path)
    }

    async fn post(
        &self,
        client: &reqwest::Client,
        path: &str,
        cookie: &str,
        body: Value,
    ) -> reqwest::Response {
        let call = client.request(Method::POST, self.url(path)).header("origin", self.origin());
        soon("an answer", call.header("cookie", cookie).json(&body).send()).await.unwrap()
    }
}

/// Whatever a desk in a browser does, through a proxy.
async fn goes_through(kind: &str, path: &'static str) {
    let Some(proxy) = Proxy::start(kind, path).await else { return };
    let client = proxy.client(1);
    let login = json!({"username": "admin", "password": PASSWORD, "cookie": true});
    // HAProxy asks first whether the server is ready.
    until("the proxy to reach the server", || async {
        let page = soon("the page", client.get(proxy.url("/setup/")).send()).await.unwrap();
        page.status() == StatusCode::OK
    })
    .await;
    let signed_in = proxy.post(&client, "/auth/login/", "", login).await;
    assert_eq!(signed_in.status(), 200, "{kind}");
    assert!(signed_in.headers().contains_key("strict-transport-security"), "{kind}");
    let set = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.contains("; Secure") && set.contains(&format!("Path={path}/;")), "{kind}: {set}");
    let cookie = set.split(';').next().unwrap();
    let made = proxy.post(&client, "/guests/", cookie, json!({"name": "Amelia Hart"})).await;
    assert_eq!(made.status(), 201, "{kind}");
    // The socket of the same page, and the code with which it closes.
    let mut roots = RootCertStore::empty();
    roots.add(proxy.certificate.clone()).unwrap();
    let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
    let connector = TlsConnector::from(std::sync::Arc::new(tls));
    let stream = connector.connect(ServerName::try_from(NAME).unwrap(), stream).await.unwrap();
    let host = format!("{NAME}:{}", proxy.port);
    let origin = proxy.origin();
    let headers = [("cookie", cookie), ("origin", origin.as_str())];
    let request = socket::request(&host, &format!("{path}/ws/chat/"), &headers);
    let (mut chat, _) = client_async(request, stream).await.unwrap();
    chat.send(Message::text("{\"type\":\"sing\"}")).await.unwrap();
    let answer = soon("an answer", chat.next()).await.unwrap().unwrap();
    assert!(answer.to_text().unwrap().contains("invalid_type"), "{kind}: {answer}");
    chat.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    let Some(Ok(Message::Close(Some(close)))) = soon("the end", chat.next()).await else {
        panic!("{kind}: no close frame");
    };
    assert_eq!(u16::from(close.code), 1003, "{kind}");
    // Nobody behind a proxy is this computer.
    let metrics = client.get(proxy.url("/metrics")).send();
    assert_eq!(soon("an answer", metrics).await.unwrap().status(), 403, "{kind}");
    // Wrong passwords count against the address that sent them.
    let wrong = json!({"username": "admin", "password": "a wrong one"});
    for (from, times, expected) in [(2, 5, 401), (2, 1, 429), (3, 1, 401)] {
        let client = proxy.client(from);
        for _ in 0..times {
            let answer = proxy.post(&client, "/auth/login/", "", wrong.clone()).await;
            assert_eq!(answer.status(), expected, "{kind}: 127.0.0.{from}");
        }
    }
    speaks_http2(&proxy, kind).await;
}

async fn speaks_http2(proxy: &Proxy, kind: &str) {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--insecure", "--http2", "--output", "/dev/null"])
        .args(["--write-out", "%{http_version} %{http_code}", "--resolve"])
        .arg(format!("{NAME}:{}:127.0.0.1", proxy.port))
        .arg(proxy.url("/healthz"));
    let output = program::run(curl, "").await;
    assert_eq!(output.stdout, "2 200", "{kind}: {output:?}");
}

#[tokio::test]
async fn nginx_as_it_is_documented() {
    goes_through("nginx", "").await;
}

#[tokio::test]
async fn nginx_below_a_path() {
    goes_through("nginx", "/desk").await;
}

#[tokio::test]
async fn haproxy_as_it_is_documented() {
    goes_through("haproxy", "").await;
}

#[tokio::test]
async fn haproxy_below_a_path() {
    goes_through("haproxy", "/desk").await;
}
