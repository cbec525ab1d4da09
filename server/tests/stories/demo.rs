//! The demo hotel, as it introduces itself to those who look at its sign-in screen.

use serde_json::{Value, json};

use crate::common::{Client, Program};

async fn shown(options: &[&str]) -> (tempfile::TempDir, Program, Client, Value) {
    let folder = tempfile::tempdir().unwrap();
    let server = Program::serve(&folder.path().join("data"), options).await;
    let address = std::sync::RwLock::new(server.address.clone());
    let anyone = Client::new(std::sync::Arc::new(address));
    let setup = anyone.get("/setup/").await.expect(200);
    (folder, server, anyone, setup)
}

#[tokio::test]
async fn the_setup_call_lists_the_accounts_of_the_demo() {
    let (_folder, server, anyone, setup) = shown(&["--demo"]).await;
    assert_eq!(
        (&setup["open"], &setup["property"]["name"]),
        (&json!(false), &json!("Hotel Seeblick"))
    );
    assert_eq!(setup["demo"]["repeat_minutes"], 0);
    let accounts = setup["demo"]["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 12);
    assert_eq!(
        (&accounts[0]["username"], &accounts[0]["name"]),
        (&json!("ana"), &json!("Ana Silva"))
    );
    for account in [&accounts[0], &accounts[11]] {
        let login = json!({"username": account["username"], "password": account["password"]});
        let signed_in = anyone.post("/auth/login/", login).await.expect(200);
        assert_eq!(signed_in["user"]["name"], account["name"]);
        let property = &signed_in["user"]["property"];
        assert_eq!(
            (&property["time_zone"], &property["country"]),
            (&json!("Europe/Zurich"), &json!("CH"))
        );
    }
    server.terminate().await;
}

#[tokio::test]
async fn alerts_of_a_demo_with_its_own_pace_repeat() {
    let (_folder, server, _, setup) = shown(&["--demo", "--demo-pace", "20"]).await;
    assert_eq!(setup["demo"]["repeat_minutes"], 5);
    server.terminate().await;
}
