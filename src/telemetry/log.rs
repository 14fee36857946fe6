//! Sets the log up: one line per event on standard error, for people or for machines.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Json,
}

// === impl Format ===

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("{text:?} is no log format: write text or json")),
        }
    }
}

/// Call once. `level`: `error`, `warn`, `info`, `debug`, `trace`, or tracing's filters such as `heald=debug,warn`.
///
/// A string given as a field is printed quoted and escaped, so that an alert's
/// text can't forge a line; never put it into the message itself.
///
/// # Errors
/// The level can't be read, or the log is set up already.
pub fn init(format: Format, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| format!("log level {level:?}: {error} (write error, warn, info, debug or trace)"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        Format::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        // Without the module's name: it would be a second "target" beside the one that is repaired.
        Format::Json => log.json().flatten_event(true).with_target(false).try_init(),
    }
    .map_err(|error| format!("the log can't be set up: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_name_what_would_be_right() {
        assert!("xml".parse::<Format>().unwrap_err().contains("text or json"));
        assert!(init(Format::Text, "heald=loud").unwrap_err().contains("heald=loud"));
    }
}
