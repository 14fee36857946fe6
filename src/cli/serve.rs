//! `heald serve`: the daemon.

use super::{Failure, check};
use crate::app;
use crate::telemetry::log;
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
    // Reads FAILPOINTS; its end would remove the crash points.
    #[cfg(feature = "failpoints")]
    let _crash_points = fail::FailScenario::setup();
    let (settings, books) = app::read(&args.config_file).map_err(|problems| check::failure(&problems))?;
    if let Some(listen) = args.listen
        && settings.web.auth.is_none()
        && !listen.ip().is_loopback()
    {
        let file = args.config_file.display();
        return Err(Failure::Usage(format!("{listen} is open to others: that needs `web.auth` in {file}")));
    }
    let format = match settings.log.format {
        crate::config::LogFormat::Text => log::Format::Text,
        crate::config::LogFormat::Json => log::Format::Json,
    };
    log::init(format, settings.log.level.label()).map_err(Failure::Refused)?;
    app::serve(settings, books, args.listen).await.map_err(Failure::Refused)
}
