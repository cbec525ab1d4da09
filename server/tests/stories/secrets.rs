//! What must not be written down is not: neither in the log nor, readable, in the database.

use serde_json::json;

use totp_rs::{Builder, Secret};

use crate::common::{
    Callback, Client, Program, Socket, authenticator::recovery_codes, program, socket,
};

#[tokio::test]
async fn no_token_no_password_and_no_guests_text_reaches_a_log_a_metric_or_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let line =
        ["staff", "create", "--username", "ana", "--name", "Ana", "--department", "reception"];
    let account = program::cli(&data_dir, &line).await.object();
    let password = account["password"].as_str().unwrap();
    let mut callback = Callback::start().await;
    let line = ["gateway", "create", "--name", "sms", "--callback-url", &callback.url];
    let gateway = program::cli(&data_dir, &line).await.object();
    let key = gateway["key"].as_str().unwrap();

    let filter = "debug,frontdesk_server=trace";
    let server = Program::serve(&data_dir, &["--log", filter]).await;
    let address = std::sync::Arc::new(std::sync::RwLock::new(server.address.clone()));
    let anyone = Client::new(address);
    let body = json!({"username": "ana", "password": password});
    let signed_in = anyone.post("/auth/login/", body).await.expect(200);
    let token = signed_in["token"].as_str().unwrap();
    let wrong = json!({"username": "ana", "password": "wrongsecretpassword"});
    anyone.post("/auth/login/", wrong).await.problem(401, "invalid_credentials");
    let message = json!({
        "external_id": "1", "whatsapp_number": "+47 1", "name": "Verysecret Guestname",
        "content": "guestsecrettext",
    });
    let stored = anyone.with_token(key).post("/gateway/messages/", message).await.expect(201);
    let conversation = stored["conversation_id"].as_i64().unwrap();

    // The way of the original's clients, and one that is wrong.
    let path = format!("/ws/chat/?token={token}");
    let mut socket = Socket::open(socket::request(&server.address, &path, &[])).await.unwrap();
    let wrong = socket::request(&server.address, "/ws/chat/?token=wrongsecrettoken", &[]);
    assert_eq!(Socket::open(wrong).await.unwrap_err(), 401);
    socket.send_text(conversation, "staffsecrettext").await;
    socket
        .send(json!({"type": "text", "conversation_id": 777, "content": "refusedsecrettext"}))
        .await;
    socket.everything().await;
    assert_eq!(callback.next().await.content(), "staffsecrettext");
    // Last: it ends the other sessions.
    let again = json!({"password": password});
    let own = anyone.with_token(token);
    let begun = own.post("/auth/second-factor/", again).await.expect(200);
    let second = begun["secret"].as_str().unwrap();
    let totp = Builder::new().with_secret(Secret::try_from_base32(second).unwrap());
    let totp = totp.with_account_name("ana").build().unwrap();
    let now = frontdesk_server::clock::Clock::System.now().as_millis();
    let code = totp.generate(u64::try_from(now).unwrap() / 1000).to_string();
    let confirmed = json!({"code": code});
    let confirmed = own.post("/auth/second-factor/confirm/", confirmed).await.expect(200);
    let recovery = recovery_codes(&confirmed).remove(0);
    let body = json!({"username": "ana", "password": password, "code": recovery});
    anyone.post("/auth/login/", body).await.expect(200);
    let unused = recovery_codes(&confirmed).remove(1);
    let metrics = anyone.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    server.terminate().await;

    let log = std::fs::read_to_string(data_dir.with_extension("log")).unwrap();
    assert!(log.contains("frontdesk_server"), "{log}");
    let secrets = [
        token,
        password,
        key,
        gateway["signing_secret"].as_str().unwrap(),
        second,
        &recovery,
        &recovery.replace('-', ""),
        &unused,
        "wrongsecrettoken",
        "wrongsecretpassword",
        "guestsecrettext",
        "staffsecrettext",
        "refusedsecrettext",
        "Verysecret",
    ];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
        assert!(!metrics.text.contains(secret), "{secret} is in the metrics");
    }
    let database = std::fs::read(data_dir.join("frontdesk.db")).unwrap();
    let holds =
        |secret: &str| database.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
    assert!(holds("guestsecrettext"));
    for secret in [token, password, key, &unused, &unused.replace('-', "")] {
        assert!(!holds(secret), "{secret} can be read in the database");
    }
}
