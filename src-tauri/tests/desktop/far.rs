//! A hotel server behind the company's proxy, with a certificate of the company's own authority.

use std::path::Path;

use frontdesk_server::Tls;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
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

/// An authority, and a certificate that it issued for a name.
fn certify(
    folder: &Path,
    name: &str,
    adjust: impl FnOnce(&mut CertificateParams),
) -> (String, Tls) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let ca = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "A server");
    adjust(&mut params);
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
        let (ca_file, tls) = certify(folder.path(), HOST, |_| {});
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
        app.read("does not know who issued it").await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_used_says_why_and_offers_nothing_to_compare() {
    story(async {
        let session = Session::start();
        let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2024, 3, 3);
        let unchanged = |_: &mut CertificateParams| {};
        type Adjust = fn(&mut CertificateParams);
        let cases: [(&str, Adjust, &[&str]); 2] = [
            ("127.0.0.1", expired, &["expired on 3 March 2024", "Is this computer’s clock right?"]),
            ("other.example", unchanged, &["is for other.example"]),
        ];
        for (name, adjust, words) in cases {
            let folder = tempfile::tempdir().unwrap();
            let (ca_file, tls) = certify(folder.path(), name, adjust);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let door = Door { listener, tls, host: "127.0.0.1" };
            let _server = Server::start_with(Some(door)).await;
            let app = App::start(&session, &[("FRONTDESK_CA_FILE", &ca_file)]).await;
            app.find("radio", "Hotel server").await.click().await.unwrap();
            app.fill("Server address", &format!("127.0.0.1:{port}")).await;
            app.press("Continue").await;
            for words in words {
                app.read(words).await;
            }
            app.screenshot(&format!("certificate-for-{name}"));
            let offer = "I compared the fingerprints, and they are the same";
            assert!(app.look("checkbox", offer).await.is_none());
            app.quit().await;
        }
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

        // Another certificate is shown as such. What waits stays, and is sent once the certificate is compared.
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        gateway.write("Amelia Hart", "204", "Could we have two more towels?").await;
        app.open("204 Amelia Hart").await;
        server.go_away().await;
        app.connection(&["Reconnecting", "Offline"]).await;
        app.fill("Message", "They are on their way.").await;
        app.press("Send").await;
        app.read_messages("They are on their way.").await;
        app.fill("Message", "And soap").await;
        let changed = own_door(port, second.path()).await;
        server.come_back_with(changed).await;
        app.read("is not the one that was compared").await;
        app.press("Compare certificates…").await;
        app.read("Compared before").await;
        app.screenshot("another-certificate");
        let compared = "That computer shows the new fingerprint";
        app.find("checkbox", compared).await.click().await.unwrap();
        app.press("Trust the new certificate").await;
        app.connection(&["Connected"]).await;
        assert_eq!(gateway.replies(1).await, ["They are on their way."]);
        let draft = "return document.querySelector('textarea')?.value";
        assert_eq!(app.client.execute(draft, Vec::new()).await.unwrap(), "And soap");
        app.quit().await;
    })
    .await;
}
