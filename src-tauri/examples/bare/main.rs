//! A window with an empty page and nothing else: what the benchmark compares the app with.

use tauri::{WebviewUrl, WebviewWindowBuilder, webview::PageLoadEvent};

fn main() -> tauri::Result<()> {
    tauri::Builder::default()
        .setup(|app| {
            WebviewWindowBuilder::new(app, "bare", WebviewUrl::default())
                .title("Bare")
                .inner_size(1280.0, 800.0)
                .on_page_load(|window, load| {
                    // Tells whoever measures.
                    if load.event() == PageLoadEvent::Finished
                        && let Err(error) = window.set_title("Bare: loaded")
                    {
                        eprintln!("{error}");
                    }
                })
                .build()?;
            Ok(())
        })
        .run(context())
}

#[expect(clippy::disallowed_methods, reason = "Tauri's macro writes a call that macOS needs")]
fn context() -> tauri::Context {
    tauri::generate_context!("src-tauri/examples/bare/tauri.conf.json")
}
