//! Tauri's build step: capabilities, icons, and the built interface (or a page that says how to build it).

use std::{
    io,
    path::{Path, PathBuf},
};

/// Shown by a program that was compiled before the interface was built.
const NO_UI: &str = "<!doctype html><html lang=\"en\"><head><title>Frontdesk</title></head>\
    <body><p>This program was compiled without its interface. Run <code>make ui</code> and build again.\
    </p></body></html>";

fn main() {
    if let Err(error) = prepare() {
        println!("cargo::error={error}");
    }
}

fn prepare() -> Result<(), Box<dyn std::error::Error>> {
    // The interface is read while the crate compiles: a newer one has to compile it again.
    println!("cargo::rerun-if-changed=ui/dist");
    if !Path::new("ui/dist/index.html").exists() {
        let folder = placeholder()?;
        println!("cargo::warning=ui/dist is missing: the window will only say how to build it");
        // The one way of telling `generate_context!` another place than tauri.conf.json names.
        println!(
            "cargo::rustc-env=TAURI_CONFIG={{\"build\":{{\"frontendDist\":{:?}}}}}",
            folder.display().to_string()
        );
    }
    tauri_build::try_build(
        tauri_build::Attributes::new().capabilities_path_pattern("./src-tauri/capabilities/**/*"),
    )?;
    Ok(())
}

fn placeholder() -> io::Result<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "cargo tells a build script its folder this way")]
    let out = std::env::var_os("OUT_DIR").unwrap_or_default();
    let folder = PathBuf::from(out).join("no-ui");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("index.html"), NO_UI)?;
    Ok(folder)
}
