//! Measures Frontdesk beside references, on one machine in one run. See `docs/benchmarks.md`.

mod bare;
mod client;
mod desktop;
mod durable;
mod fairness;
mod lists;
mod load;
mod plot;
mod report;
mod screen;
mod sections;
mod servers;
mod settings;
mod slow;
mod versus;

use std::{fs, io::Write as _};

use anyhow::Result;
use clap::{Parser, Subcommand};

use bare::Writes;
use report::Report;
use settings::Settings;

/// Measures Frontdesk beside references.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    section: Option<Section>,
    /// One short run of each figure: to see whether a change helps
    #[arg(long, global = true)]
    quick: bool,
}

#[derive(Clone, PartialEq, Eq, Subcommand)]
enum Section {
    /// Everything
    All,
    /// One sender, 500 receivers
    Fanout,
    /// Acknowledged, durable messages
    Durable,
    /// Memory of idle connections, and handshakes
    Idle,
    /// Lists and pages at a million messages
    Lists,
    /// One hotel's acknowledgments while another one does as much as it may
    Fairness,
    /// The desktop app's start and memory (needs a display)
    Desktop,
    /// 5,500 connections, 200 messages a second, and a server that is killed under them; not part of
    /// everything
    Load {
        /// How long
        #[arg(long, default_value_t = 10)]
        minutes: u32,
    },
    /// A hundred connections that do not read, among a thousand; not part of everything
    Slow,
    /// This build beside another one, in turns: is it slower? Not part of everything
    Versus {
        /// The other build's `frontdesk-server`
        other: std::path::PathBuf,
        /// How often each build runs each load
        #[arg(long, default_value_t = 15)]
        pairs: usize,
    },
    /// The reference: a broadcast without storage
    #[command(hide = true)]
    Bare { writes: Writes },
}

#[tokio::main]
async fn main() -> Result<()> {
    // The first one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = Arguments::parse();
    let section = arguments.section.unwrap_or(Section::All);
    // Thousands of connections are thousands of open files, here too; the servers see to theirs.
    rlimit::increase_nofile_limit(32_768)?;
    if let Section::Bare { writes } = section {
        return bare::serve(writes).await;
    }
    if let Section::Load { minutes } = section {
        return load::run(minutes).await;
    }
    if section == Section::Slow {
        return slow::run().await;
    }
    if let Section::Versus { other, pairs } = section {
        let text = versus::table(&versus::run(&other, pairs).await?);
        return Ok(writeln!(std::io::stdout(), "{text}")?);
    }
    let settings = if arguments.quick { Settings::QUICK } else { Settings::THOROUGH };
    let mut report = Report::read();
    report.machine = machine();
    let wants = |one| section == Section::All || section == one;
    let mut keep = |name: &str, title: &str, rows: Vec<report::Row>| -> Result<()> {
        writeln!(std::io::stdout(), "\n{title}\n\n{}", report::table(&rows))?;
        report.sections.insert(name.to_owned(), (title.to_owned(), rows));
        // A quick run is for the eye only.
        if arguments.quick { Ok(()) } else { report.write() }
    };
    if wants(Section::Fanout) {
        let rows = sections::fanout(settings).await?;
        keep("fanout", "Fan-out: 500 connections of one department, all subscribed", rows)?;
    }
    if wants(Section::Durable) {
        keep("durable", "Acknowledged, durable messages", sections::durable(settings).await?)?;
    }
    if wants(Section::Idle) {
        keep("idle", "Idle connections", sections::idle(settings).await?)?;
    }
    if wants(Section::Lists) {
        let title = "Reads at 1,000,000 messages and 50,000 conversations, 50 a second";
        keep("lists", title, lists::lists(settings).await?)?;
    }
    if wants(Section::Fairness) {
        let title = "One hotel's acknowledgments while another hotel does as much as it may";
        keep("fairness", title, fairness::fairness(settings).await?)?;
    }
    if wants(Section::Desktop) {
        let title = "The desktop app with the demo hotel";
        keep("desktop", title, desktop::desktop(settings).await?)?;
    }
    Ok(())
}

/// The computer in a few words.
fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |name| name.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{model}, {cores} cores, {}", std::env::consts::OS)
}
