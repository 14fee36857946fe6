//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, clap::Parser)]
#[command(name = "heald-victim", about = "A service with fault switches, for drills")]
pub struct Args {
    #[arg(long, default_value = "127.0.0.1:9700")]
    pub listen: SocketAddr,
    /// A second door for the switches alone, open also when the first one is closed.
    #[arg(long)]
    pub control: Option<SocketAddr>,
    #[arg(long, value_enum, default_value_t = Api::Plain)]
    pub api: Api,
    /// What the model server has.
    #[arg(long, value_delimiter = ',', default_value = "llama3.2:latest")]
    pub models: Vec<String>,
    /// Where the port in use is written.
    #[arg(long)]
    pub port_file: Option<PathBuf>,
    /// A folder: its log, its flags, and the faults that outlive it.
    #[arg(long)]
    pub state: Option<PathBuf>,
    #[arg(long, default_value = "0s", value_parser = duration)]
    pub boot_delay: Duration,
    /// Must be there and parse, or it does not start.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// A SQLite database that it reads and locks twice a second. It must be there.
    #[arg(long)]
    pub database: Option<PathBuf>,
    /// A file that it touches while it works.
    #[arg(long)]
    pub heartbeat: Option<PathBuf>,
    #[arg(long)]
    pub pidfile: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Api {
    Plain,
    Ollama,
    Comfyui,
    Chroma,
    Gitea,
    Worker,
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string()).map(|span| span.unsigned_abs())
}
