//! A hotel server behind the company's proxy, with a certificate of the company's own authority.

use std::path::Path;

use frontdesk_server::Tls;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    app::App,
    hotel::{Door, Gateway, PASSWORD, Server, USERNAME},
    session::Session,
    sign_in, story,
};

/// A name that only the proxy knows.
const HOST: &str = "desk.hotel.example";

/// What the proxy wants to hear: `desk:let me out`.
const PROOF: &str = "Basic ZGVzazpsZXQgbWUgb3V0";

/// An authority, and the certificate that it made for [`HOST`].
fn certify(folder: &Path) -> (String, Tls) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let ca = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let ca_file = file("ca.pem", ca.pem());
    let tls =
        Tls::from_files(file("cert.pem", certificate.pem()), file("key.pem", key.serialize_pem()));
    (ca_file.to_str().unwrap().to_owned(), tls.unwrap())
}

/// Passes on whoever has the proof to the one server that it knows, and counts them.
async fn proxy(listener: TcpListener, server: u16, passed: watch::Sender<usize>) {
    loop {
        let (caller, _) = listener.accept().await.unwrap();
        let passed = passed.clone();
        tokio::spawn(async move {
            let mut caller = BufReader::new(caller);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                caller.read_line(&mut head).await.unwrap();
            }
            let wanted = format!("CONNECT {HOST}:443 HTTP/1.1\r\n");
            let has_proof =
                head.to_lowercase().contains("proxy-authorization:") && head.contains(PROOF);
            if !head.starts_with(&wanted) || !has_proof {
                caller.write_all(b"HTTP/1.1 407 Who are you?\r\n\r\n").await.unwrap();
                return;
            }
            let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            caller.write_all(b"HTTP/1.1 200 Go on\r\n\r\n").await.unwrap();
            passed.send_modify(|passed| *passed += 1);
            // Either side may end it any way it likes.
            let _ = copy_bidirectional(&mut caller, &mut server).await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hotel_server_is_reached_through_the_companys_proxy_and_authority() {
    story(async {
        let session = Session::start();
        let folder = tempfile::tempdir().unwrap();
        let (ca_file, tls) = certify(folder.path());
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = door.local_addr().unwrap().port();
        let server = Server::start_with(Some(Door { listener: door, tls, host: HOST })).await;
        let gateway = Gateway::make(server.data_dir(), server.url()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy_address =
            format!("http://desk:let%20me%20out@{}", listener.local_addr().unwrap());
        let (passed, mut passing) = watch::channel(0);
        tokio::spawn(proxy(listener, port, passed));

        let url = format!("https://{HOST}");
        let data = tempfile::tempdir().unwrap();
        let variables = |ca_file| {
            [
                ("FRONTDESK_SERVER_URL", url.as_str()),
                ("FRONTDESK_DATA_DIR", data.path().to_str().unwrap()),
                ("HTTPS_PROXY", proxy_address.as_str()),
                ("FRONTDESK_CA_FILE", ca_file),
            ]
        };
        let app = App::start(&session, &variables(ca_file.as_str())).await;
        sign_in(&app).await;
        // The calls, and the socket.
        passing.wait_for(|passed| *passed >= 2).await.unwrap();
        gateway.write("Amelia Hart", "204", "Is somebody there?").await;
        app.read("Is somebody there?").await;
        app.quit().await;

        // Without the authority, the certificate of the server is not trusted.
        let app = App::start(&session, &variables("")).await;
        app.read("is not trusted").await;
        app.screenshot("no-authority");
        app.quit().await;

        let missing = folder.path().join("moved.pem");
        let app = App::start(&session, &variables(missing.to_str().unwrap())).await;
        app.read("moved.pem cannot be read").await;
        app.screenshot("no-ca-file");
        app.quit().await;
    })
    .await;
}

/// A door whose certificate the server of some folder made for itself.
async fn own_door(port: u16, folder: &Path) -> Door {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    Door { listener, tls: Tls::own(folder).unwrap(), host: "127.0.0.1" }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desks_own_certificate_is_compared_where_the_environment_names_the_server() {
    story(async {
        let session = Session::start();
        let port = crate::app::free_port();
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut server = Server::start_with(Some(own_door(port, first.path()).await)).await;
        // Not as it is written when it is kept.
        let url = format!("https://127.0.0.1:{port}/");
        let variables = [("FRONTDESK_SERVER_URL", url.as_str())];
        let app = App::start(&session, &variables).await;
        app.fill("Username", USERNAME).await;
        app.fill("Password", PASSWORD).await;
        app.press("Sign in").await;
        app.read("check that it shows this fingerprint").await;
        app.screenshot("given-fingerprint");
        let compared = "I compared the fingerprints, and they are the same";
        app.find("checkbox", compared).await.click().await.unwrap();
        app.press("Sign in").await;
        app.find("list", "Conversations").await;
        app.connection(&["Connected"]).await;
        app.quit().await;

        // It is not asked again, and the sign-in is still there.
        let app = App::start(&session, &variables).await;
        app.find("list", "Conversations").await;
        app.connection(&["Connected"]).await;

        // Another certificate is no mere loss of the connection.
        server.go_away().await;
        server.come_back_with(own_door(port, second.path()).await).await;
        app.read("is not trusted").await;
        app.screenshot("another-certificate");
        app.quit().await;
    })
    .await;
}
