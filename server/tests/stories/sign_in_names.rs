//! One account has one username and one password, however they are typed.

use serde_json::json;

use crate::{
    common::{House, house::PASSWORD},
    identity::execute,
};

#[tokio::test]
async fn an_account_has_one_username_however_it_is_typed() {
    let house = House::start().await;
    let account = |username: &str| json!({"username": username, "name": "Ü", "password": PASSWORD, "departments": ["reception"]});
    let made = house.admin.post("/staff/", account("U\u{308}nal")).await.expect(201);
    assert_eq!(made["username"], "Ünal");
    assert_eq!(made["shares_username"], false);
    for spelling in ["Ünal", "ünal", "u\u{308}nal", "ÜNAL", " ünal ", "Ｕ\u{308}nal"] {
        let signed_in = house.try_sign_in(spelling, PASSWORD).await.expect(200);
        assert_eq!(signed_in["user"]["id"], made["id"], "{spelling:?}");
        house.admin.post("/staff/", account(spelling)).await.problem(409, "username_taken");
        let line =
            ["staff", "create", "--username", spelling, "--name", "Ü", "--department", "reception"];
        house.cli(&line).await.failure(1);
    }
    house.cli(&["staff", "sign-out", "u\u{308}NAL"]).await.object();
    // Wrong passwords count for the account, however its name is typed.
    for spelling in ["Ünal", "ünal", "u\u{308}nal", "ÜNAL", "Ｕ\u{308}nal"] {
        house.try_sign_in(spelling, "a wrong password").await.problem(401, "invalid_credentials");
    }
    house.try_sign_in("ünal", PASSWORD).await.problem(429, "too_many_attempts");
    for (look_alike, reason) in [
        ("аna", "scripts"),
        ("an\u{200b}a", "invisible"),
        ("ana\u{3164}", "invisible"),
        ("田中мария", "scripts"),
    ] {
        let problem = house.admin.post("/staff/", account(look_alike)).await;
        let problem = problem.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], "username");
        assert!(problem["detail"].as_str().unwrap().contains(reason), "{problem}");
    }
    house.admin.post("/staff/", account("田中yuki")).await.expect(201);
}

#[tokio::test]
async fn a_password_is_accepted_composed_and_decomposed_and_older_hashes_are_renewed() {
    let house = House::start().await;
    let (composed, apart) = ("caf\u{e9} am meer 7", "cafe\u{301} am meer 7");
    for (username, password) in [("ben", composed), ("eve", apart)] {
        let body = json!({"username": username, "name": "N", "password": password, "departments": ["reception"]});
        house.admin.post("/staff/", body).await.expect(201);
        for typed in [composed, apart] {
            house.try_sign_in(username, typed).await.expect(200);
        }
    }
    // One that was hashed before passwords were composed: what was typed then is known, and renews the hash.
    let hash = {
        use argon2::PasswordHasher;
        let hash: argon2::PasswordHash =
            argon2::Argon2::default().hash_password(apart.as_bytes()).unwrap();
        hash.to_string()
    };
    execute(
        house.data_dir(),
        &format!("update staff set password_hash = '{hash}' where username = 'ben'"),
    )
    .await;
    house.try_sign_in("ben", composed).await.problem(401, "invalid_credentials");
    house.try_sign_in("ben", apart).await.expect(200);
    house.try_sign_in("ben", composed).await.expect(200);
}
