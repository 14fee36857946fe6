//! `heald serve`: the daemon.

use super::Failure;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Run the daemon: take alerts and repair what they name.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration file.
    #[arg(long = "config.file", value_name = "FILE", default_value = "/etc/heald/heald.yaml")]
    pub config_file: PathBuf,
    /// Where the webhook listens, instead of `web.listen` in the configuration.
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let _ = args.listen;
    Err(Failure::Refused(format!("{}: this build has no daemon in it", args.config_file.display())))
}
