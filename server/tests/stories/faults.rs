//! What the surroundings get wrong: one sentence, exit code 1, and the data untouched.

use std::path::Path;

use sqlx::{Connection, Executor};

use crate::common::{
    Output, Program,
    program::{self, cli},
};

async fn serve(data_dir: &Path, listen: &str) -> Output {
    let mut command = program::command();
    command.arg("--data-dir").arg(data_dir).args(["serve", "--listen", listen]);
    program::run(command, "").await
}

/// The sentence of a program that failed: one line, and no more.
fn sentence(output: &Output) -> &str {
    let text = output.failure(1).trim();
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0]
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let one = Program::serve(&folder.path().join("one"), &[]).await;
    let output = serve(&folder.path().join("two"), &one.address).await;
    let sentence = sentence(&output);
    assert!(sentence.contains(&one.address) && sentence.contains("--listen"), "{sentence}");
    one.kill().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("chain.pem");
    let missing = missing.to_str().unwrap();
    let line = ["serve", "--listen", "127.0.0.1:0", "--tls-cert", missing, "--tls-key", missing];
    let output = cli(&folder.path().join("data"), &line).await;
    let sentence = sentence(&output);
    assert!(sentence.contains(missing) && sentence.contains("certificate"), "{sentence}");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the directory should be is in the way of everyone, root too.
    let file = folder.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    for place in [file.clone(), file.join("below")] {
        let output = serve(&place, "127.0.0.1:0").await;
        let sentence = sentence(&output);
        assert!(sentence.contains(place.to_str().unwrap()), "{sentence}");
        cli(&place, &["staff", "list"]).await.failure(1);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a directory");
}

#[tokio::test]
async fn a_file_that_is_not_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    std::fs::create_dir(&data_dir).unwrap();
    let file = data_dir.join("frontdesk.db");
    let text = "Dear diary, this is certainly no database. ".repeat(40);
    std::fs::write(&file, &text).unwrap();
    let output = serve(&data_dir, "127.0.0.1:0").await;
    assert!(sentence(&output).contains("frontdesk.db"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_a_newer_version() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let account =
        ["staff", "create", "--username", "ana", "--name", "A", "--department", "reception"];
    cli(&data_dir, &account).await.object();
    let url = format!("sqlite://{}", data_dir.join("frontdesk.db").display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let newer =
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (99990101000000, 'from the future', true, x'00', 1)";
    other.execute(newer).await.unwrap();
    other.close().await.unwrap();
    let output = serve(&data_dir, "127.0.0.1:0").await;
    let sentence = sentence(&output);
    assert!(sentence.contains("newer version"), "{sentence}");
    cli(&data_dir, &["staff", "list"]).await.failure(1);
    // Without it everything is as it was.
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    other.execute("delete from _sqlx_migrations where version = 99990101000000").await.unwrap();
    other.close().await.unwrap();
    assert_eq!(cli(&data_dir, &["staff", "list"]).await.objects().len(), 1);
}
