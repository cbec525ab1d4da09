//! Starts on computers that are not as they should be: folders, screens, databases, other people.

use std::path::{Path, PathBuf};

use frontdesk_server::backup;

use crate::{
    app::{self, App, eventually, signal},
    hotel::{Gateway, PASSWORD, Server, USERNAME},
    notifications::Notifications,
    page,
    session::Session,
    set_up, settings, sign_in, story,
};

/// The colour of the button *Sign in*: red, green, blue.
const BUTTON: [u8; 3] = [18, 100, 107];

/// A folder that nobody can make, not even root.
fn impossible_folder(folder: &Path) -> String {
    let file = folder.join("file");
    std::fs::write(&file, "").unwrap();
    file.join("home").to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_usable_data_home_the_window_opens_and_says_what_is_wrong() {
    story(async {
        let session = Session::start();
        let folder = tempfile::tempdir().unwrap();
        let nowhere = impossible_folder(folder.path());
        settings(&session, &format!(r#"{{"version":1,"port":{}}}"#, app::free_port()));
        let variables = [("XDG_DATA_HOME", nowhere.as_str())];
        let app = App::start(&session, &variables).await;
        app.press("Continue").await;
        app.read("cannot be used").await;
        app.screenshot("no-data-home");
        app.quit().await;

        // Where the data directory is elsewhere, everything works.
        let data = folder.path().join("data");
        let variables = [variables[0], ("FRONTDESK_DATA_DIR", data.to_str().unwrap())];
        let app = App::start(&session, &variables).await;
        set_up(&app).await;
        app.quit().await;
        let log = std::fs::read_to_string(data.join("log/frontdesk.log")).unwrap();
        assert!(!log.contains("panicked"), "{log}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_home_directory_the_desk_works_with_a_hotel_server() {
    story(async {
        let session = Session::start();
        let mut notifications = Notifications::serve(session.bus()).await;
        let folder = tempfile::tempdir().unwrap();
        let nowhere = impossible_folder(folder.path());
        let server = Server::start().await;
        let gateway = Gateway::make(server.data_dir(), server.url()).await;
        let url = server.url();
        let mut variables =
            ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"]
                .map(|name| (name, ""))
                .to_vec();
        variables.extend([("HOME", nowhere.as_str()), ("FRONTDESK_SERVER_URL", &url)]);
        // WebDriver cannot drive a page that is not kept.
        let mut app = session.command(env!("CARGO_BIN_EXE_frontdesk"));
        let mut app = app.envs(variables.iter().copied()).spawn().unwrap();
        let window = eventually("window", async || session.windows("Frontdesk").pop()).await;
        session.act(&["windowactivate", "--sync", &window]);
        // What is typed before the page is drawn arrives in part.
        eventually("the sign-in page", async || (session.pixel(500, 627) == BUTTON).then_some(()))
            .await;
        // Into the field for the username.
        session.act(&["mousemove", "640", "494", "click", "1", "key", "ctrl+a"]);
        session.act(&["type", "--delay", "20", &format!("{USERNAME}\t{PASSWORD}")]);
        session.screenshot("no-home");
        session.act(&["key", "Return"]);
        eventually("the inbox", async || (session.pixel(500, 627) != BUTTON).then_some(())).await;
        app::close_window(&session).await;
        page::announce(&mut notifications, &gateway, &mut 0).await;
        signal("TERM", app.id());
        assert!(app.wait().unwrap().success());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_the_window_opens_and_says_so() {
    story(async {
        let session = Session::start();
        let folder = tempfile::tempdir().unwrap();
        let full = folder.path().join("full");
        std::fs::create_dir(&full).unwrap();
        // A disk of its own, which only the app sees.
        let script = format!(
            "#!/bin/sh\nexec unshare --map-current-user --keep-caps --mount sh -c '\
             mount -t tmpfs -o size=64k none \"$0\" && ! dd if=/dev/zero of=\"$0/other\" bs=4k 2>/dev/null && \
             exec \"$@\"' {} {} \"$@\"\n",
            full.display(),
            env!("CARGO_BIN_EXE_frontdesk")
        );
        let program = folder.path().join("frontdesk");
        std::fs::write(&program, script).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, executable).unwrap();
        settings(&session, &format!(r#"{{"version":1,"port":{}}}"#, app::free_port()));
        let variables = [("XDG_DATA_HOME", full.to_str().unwrap())];
        let app = App::start_by(&session, &variables, program.to_str().unwrap()).await;
        app.press("Continue").await;
        app.read("cannot be used").await;
        app.screenshot("full-disk");
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_with_a_byte_order_mark_and_an_unknown_value_keep_every_other_value() {
    story(async {
        let session = Session::start();
        let data = tempfile::tempdir().unwrap();
        let port = app::free_port();
        let kept = format!(
            "\u{feff}{{\"version\":1,\"port\":{port},\"theme\":\"sepia\",\"server\":{{\"kind\":\"this_computer\"}}}}"
        );
        settings(&session, &kept);
        let variables = [("FRONTDESK_DATA_DIR", data.path().to_str().unwrap())];
        let app = App::start(&session, &variables).await;
        // The server that was chosen before, on the port that was chosen before.
        app.read("Set up your hotel").await;
        app.read("these values cannot be used, so their defaults are used: theme.").await;
        app.screenshot("settings-unknown-value");
        assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok());
        app.quit().await;
        let folder = Path::new(&session.environment["XDG_CONFIG_HOME"]).join("frontdesk");
        let aside = std::fs::read_to_string(folder.join("settings.json.damaged")).unwrap();
        assert_eq!(aside, kept);
    })
    .await;
}

/// The place of the window's content, and its width and height.
fn geometry(session: &Session, window: &str) -> (i64, i64, i64, i64) {
    let mut asking = session.command("xwininfo");
    let said = asking.args(["-id", window]).output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    let value = |name: &str| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap().trim().parse().unwrap()
    };
    let (x, y) = (value("Absolute upper-left X:"), value("Absolute upper-left Y:"));
    (x, y, value("Width:"), value("Height:"))
}

fn is_maximised(session: &Session, window: &str) -> bool {
    let mut asking = session.command("xprop");
    let said = asking.args(["-id", window, "_NET_WM_STATE"]).output().unwrap().stdout;
    String::from_utf8(said).unwrap().contains("MAXIMIZED")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_fits_on_the_screen_that_is_there() {
    story(async {
        let server = Server::start().await;
        let url = server.url();
        let variables = [("FRONTDESK_SERVER_URL", url.as_str())];
        for (screen, kept, maximised) in [
            ("800x600", None, false),
            ("911x512", None, false),
            ("1280x1024", Some((0, 0, 3400, 1900)), false),
            ("1280x1024", Some((200, -400, 1000, 700)), false),
            ("1280x1024", Some((200, -400, 1000, 1900)), true),
        ] {
            let session = Session::start_with(&[("SCREEN", screen)]);
            if let Some((x, y, width, height)) = kept {
                let folder = PathBuf::from(&session.environment["XDG_CONFIG_HOME"]).join("org.frontdesk.desk");
                std::fs::create_dir_all(&folder).unwrap();
                let state = serde_json::json!({ "main": {
                    "width": width, "height": height, "x": x, "y": y, "prev_x": x, "prev_y": y,
                    "maximized": maximised, "visible": true, "decorated": true, "fullscreen": false,
                }});
                std::fs::write(folder.join(".window-state.json"), state.to_string()).unwrap();
            }
            let (wide, high) = screen.split_once('x').unwrap();
            let (wide, high): (i64, i64) = (wide.parse().unwrap(), high.parse().unwrap());
            let app = App::start(&session, &variables).await;
            sign_in(&app).await;
            let window = app.window("Frontdesk").await;
            if maximised {
                eventually("a maximised window", async || {
                    is_maximised(&session, &window).then_some(())
                })
                .await;
                // A double click on its title bar.
                session.act(&["mousemove", "640", "8", "click", "--repeat", "2", "--delay", "50", "1"]);
                eventually("its former size", async || {
                    (!is_maximised(&session, &window)).then_some(())
                })
                .await;
                app.screenshot("no-longer-maximised");
            }
            eventually("a window on the screen", async || {
                let (x, y, width, height) = geometry(&session, &window);
                // The title bar is above the content.
                let fits = x >= 0 && y >= 1 && x + width <= wide && y + height <= high;
                fits.then_some(())
            })
            .await;
            // The bottom row, with the connection, can be seen.
            let bottom = "const row = document.querySelector('.connection').getBoundingClientRect();
                return row.height > 0 && row.bottom <= innerHeight + 1 && row.right <= innerWidth + 1";
            assert_eq!(app.client.execute(bottom, Vec::new()).await.unwrap(), true, "{screen}");
            app.screenshot(&format!("screen-{screen}-{}", kept.map_or(0, |(_, y, width, _)| width + y)));
            app.quit().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lost_its_data_is_restored_from_a_backup_or_begun_anew() {
    story(async {
        let session = Session::start();
        let data = tempfile::tempdir().unwrap();
        settings(&session, &format!(r#"{{"version":1,"port":{}}}"#, app::free_port()));
        let variables = [("FRONTDESK_DATA_DIR", data.path().to_str().unwrap())];
        let app = App::start(&session, &variables).await;
        set_up(&app).await;
        // The server inside makes one, now that there is an account.
        let backups = data.path().join(backup::daily::FOLDER);
        let backup = eventually("a backup", async || {
            let files = std::fs::read_dir(&backups).ok()?.map(|entry| entry.unwrap().path());
            files.into_iter().find(|file| file.extension().is_some_and(|it| it == "db"))
        })
        .await;
        app.quit().await;

        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(data.path().join(format!("frontdesk.db{suffix}")));
        }
        std::fs::write(data.path().join("frontdesk.db"), "").unwrap();
        let app = App::start(&session, &variables).await;
        app.read("The database is empty, but there are backups up to").await;
        app.find("button", "Start without this data").await;
        app.screenshot("database-lost");
        let log = std::fs::read_to_string(data.path().join("log/frontdesk.log")).unwrap();
        assert!(log.contains("the server that was chosen does not open"), "{log}");
        app.press("Restore this backup").await;
        // Nobody knows which sign-ins have ended since.
        app.read("Sign in").await;
        sign_in(&app).await;
        app.quit().await;

        // The other choice, after another loss.
        std::fs::remove_file(data.path().join("frontdesk.db")).unwrap();
        let app = App::start(&session, &variables).await;
        app.read("The database is missing, but there are backups up to").await;
        app.press("Start without this data").await;
        app.read("Set up your hotel").await;
        assert!(backup.exists(), "it is still there");
        app.quit().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_person_connects_to_the_frontdesk_that_is_running() {
    story(async {
        let session = Session::start();
        let server = Server::start().await;
        let url = server.url();
        let port = url.rsplit_once(':').unwrap().1;
        let data = tempfile::tempdir().unwrap();
        settings(&session, &format!(r#"{{"version":1,"port":{port}}}"#));
        let variables = [("FRONTDESK_DATA_DIR", data.path().to_str().unwrap())];
        let app = App::start(&session, &variables).await;
        app.press("Continue").await;
        app.read("is used by another Frontdesk on this computer").await;
        app.find("button", "Start my own Frontdesk on another port").await;
        app.screenshot("second-person");
        app.press("Connect to the Frontdesk that is running").await;
        sign_in(&app).await;
        app.quit().await;

        // The same data in another session of the same account.
        settings(
            &session,
            &format!(r#"{{"version":1,"port":{port},"server":{{"kind":"this_computer"}}}}"#),
        );
        let variables = [("FRONTDESK_DATA_DIR", server.data_dir().to_str().unwrap())];
        let app = App::start(&session, &variables).await;
        app.read("is running on this computer already with the same data").await;
        app.press("Connect to the Frontdesk that is running").await;
        // The sign-in there is known.
        app.find("list", "Conversations").await;
        app.quit().await;
    })
    .await;
}

/// Waits until a window of another process than the app's can be seen.
async fn native_message(session: &Session, title: &str) -> String {
    eventually(title, async || {
        let mut search = session.command("xdotool");
        let found = search.args(["search", "--onlyvisible", "--name", title]).output().unwrap();
        String::from_utf8(found.stdout).unwrap().lines().next().map(str::to_owned)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_instance_that_hangs_is_ended_by_the_second_start_and_nothing_is_lost() {
    story(async {
        let session = Session::start();
        let mut server = Server::start().await;
        let mut gateway = Gateway::make(server.data_dir(), server.url()).await;
        let url = server.url();
        let variables = [("FRONTDESK_SERVER_URL", url.as_str())];
        let app = App::start(&session, &variables).await;
        sign_in(&app).await;
        gateway.write("Amelia Hart", "204", "Could we have two more towels?").await;
        app.open("204 Amelia Hart").await;
        server.go_away().await;
        app.connection(&["Reconnecting", "Offline"]).await;
        app.fill("Message", "They are on their way.").await;
        app.press("Send").await;
        app.read_messages("They are on their way.").await;
        let first = app.pid();
        signal("STOP", first);

        let mut second = session.command(env!("CARGO_BIN_EXE_frontdesk"));
        let began = std::time::Instant::now();
        let mut second = second.envs(variables).spawn().unwrap();
        let window = native_message(&session, "Frontdesk is running but does not answer").await;
        println!("asked after {} ms", began.elapsed().as_millis());
        app.screenshot("first-instance-hangs");
        // One more start leaves the question to that one.
        let mut third = session.command(env!("CARGO_BIN_EXE_frontdesk"));
        let mut third = third.envs(variables).spawn().unwrap();
        eventually("end of the third", async || third.try_wait().unwrap()).await;
        let asked = session.windows("Frontdesk is running but does not answer");
        assert_eq!(asked, [window.as_str()]);
        // The button that has the focus ends it.
        let mut keys = session.command("xdotool");
        let keys = keys.args(["windowactivate", "--sync", &window, "key", "Return"]);
        assert!(keys.status().unwrap().success());
        eventually("end of the first", async || {
            (!session.processes(Path::new(env!("CARGO_BIN_EXE_frontdesk"))).contains(&first))
                .then_some(())
        })
        .await;
        app.window("Frontdesk").await;

        // What waited is sent once by the second, and guests are heard.
        server.come_back().await;
        assert_eq!(gateway.replies(1).await, ["They are on their way."]);
        signal("TERM", second.id());
        second.wait().unwrap();
        assert_eq!(gateway.replies(1).await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_found_without_scheme_and_port_and_what_was_tried_is_said() {
    story(async {
        let session = Session::start();
        let server = Server::start().await;
        let port = server.url().rsplit_once(':').unwrap().1.to_owned();
        let app = App::start(&session, &[]).await;
        app.find("radio", "Hotel server").await.click().await.unwrap();
        let closed = app::free_port();
        app.fill("Server address", &format!("127.0.0.1:{closed}")).await;
        app.press("Continue").await;
        app.read(&format!(
            "https://127.0.0.1:{closed} (connection refused), http://127.0.0.1:{closed}"
        ))
        .await;
        app.screenshot("no-server-found");
        app.fill("Server address", &format!("localhost.:{port}/chat/conversations/?status=all"))
            .await;
        app.press("Continue").await;
        app.fill("Username", USERNAME).await;
        app.fill("Password", PASSWORD).await;
        app.press("Sign in").await;
        app.connection(&["Connected"]).await;
        app.quit().await;
    })
    .await;
}
