//! `heald init`: a first configuration for what this host runs.

use super::Failure;
use super::check::count;
use super::print::{clean, out};
use crate::starter::{self, BUS, ENGINE, Expected, Findings};
use base64::Engine as _;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Write a first configuration for what runs on this host: heald.yaml, inventory.yaml, alert rules, a token.
///
/// Asks systemd and Docker what there is and changes nothing of it. As written, heald only observes. No file is ever
/// overwritten: if one is there already, nothing is written.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder; it is made where it is missing.
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The D-Bus that systemd is asked on.
    #[arg(long = "systemd.bus", value_name = "ADDRESS", default_value = BUS)]
    pub bus: String,
    /// The Docker engine.
    #[arg(long = "docker.host", value_name = "ADDRESS", default_value = ENGINE)]
    pub engine: String,
}

const TOKEN: &str = "webhook-token";

pub async fn run(args: Args) -> Result<(), Failure> {
    let refused = |what: String| Failure::Refused(what);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").map_err(|error| refused(format!("the host's name: {error}")))?;
    let program = std::env::current_exe().ok();
    let findings = starter::look(host.trim().to_owned(), args.bus, args.engine, program.as_deref()).await;
    let expected = starter::expected(&findings);
    let files = starter::files(&findings, &expected).map_err(refused)?;

    let paths = files.iter().map(|file| file.path.as_path()).chain([Path::new(TOKEN)]);
    // A dangling link is something, too.
    let there: Vec<String> = paths
        .map(|path| args.dir.join(path))
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("  {}", path.display()))
        .collect();
    if !there.is_empty() {
        let what = format!("nothing is written, because this is there already:\n{}", there.join("\n"));
        return Err(refused(format!("{what}\nMove it away, or name another folder: heald init DIR")));
    }
    fs::create_dir_all(args.dir.join("playbooks")).map_err(|error| refused(format!("{}: {error}", args.dir.display())))?;
    for file in &files {
        write(&args.dir.join(&file.path), &file.text, 0o644)?;
    }
    let token = token().map_err(|error| refused(format!("no random number: {error}")))?;
    write(&args.dir.join(TOKEN), &token, 0o600)?;
    out(&report(&args.dir, &findings, &expected))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let written = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    written().map_err(|error| Failure::Refused(format!("{}: {error}", path.display())))
}

/// As `make install` makes it.
fn token() -> io::Result<String> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes) + "\n")
}

fn report(dir: &Path, findings: &Findings, expected: &Expected) -> String {
    let mut text = format!(
        "{}: {} and {} that must run\n",
        clean(&findings.host),
        count(expected.units.len(), "unit"),
        count(expected.containers.len(), "container")
    );
    if !expected.failed.is_empty() {
        let _ = writeln!(text, "failed now: {}", clean(&expected.failed.join(", ")));
    }
    for (name, answer) in [("systemd", findings.units.as_ref().err()), ("Docker", findings.containers.as_ref().err())] {
        if let Some(why) = answer {
            let _ = writeln!(text, "{name} could not be asked: {}", clean(why));
        }
    }
    let ports = [
        ("node exporter", 9100, findings.node_exporter),
        ("Prometheus", 9090, findings.prometheus),
        ("Alertmanager", 9093, findings.alertmanager),
    ];
    for (name, port, _) in ports.iter().filter(|(_, _, answers)| !answers) {
        let _ = writeln!(text, "no {name} answers on 127.0.0.1:{port}");
    }
    if !expected.left.is_empty() {
        let _ = writeln!(text, "left out: {}, see the end of inventory.yaml", count(expected.left.len(), "thing"));
    }
    let at = |file: &str| dir.join(file).display().to_string();
    let (config, rules) = (at("heald.yaml"), at("alert-rules/expected.yml"));
    let _ = write!(
        text,
        "\nWritten to {}, and nothing else was changed. Read heald.yaml and inventory.yaml, then:\n\n  \
         heald check --config.file {config}\n  \
         promtool check rules {rules}    # and give it to Prometheus, beside the shipped alert-rules/\n  \
         heald serve --config.file {config}    # it only observes until you raise a playbook's mode\n",
        dir.display()
    );
    text
}
