//! `heald notify test`: whether people can be reached, asked before it matters.

use super::Failure;
use super::check;
use super::print::{Output, clean, out, table};
use crate::app;
use crate::domain::notice::{Again, Delivery, Notice, NoticeKind, Post};
use crate::domain::time::{Span, Time};
use crate::notify::{Notifier, sample};
use crate::run::clock::Clock;
use clap::Subcommand;
use serde_json::json;
use std::path::PathBuf;

/// Try the channels by which heald tells people.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a test message through one channel, or through all of them, and say what came back.
    ///
    /// The configuration is read, not the running daemon asked. Each channel is tried once. Exit code 1: a channel failed.
    Test {
        /// A name in `notify: { channels: … }`; all without it.
        channel: Option<String>,
        #[arg(long = "config.file", value_name = "FILE", default_value = "/etc/heald/heald.yaml")]
        config_file: PathBuf,
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
}

pub async fn run(args: Args) -> Result<(), Failure> {
    let Command::Test { channel, config_file, output } = args.command;
    let settings = app::settings(&config_file).map_err(|problems| check::failure(&problems))?;
    let known: Vec<String> = settings.notify.channels.keys().cloned().collect();
    let names = match channel {
        Some(name) if known.contains(&name) => vec![name],
        Some(name) => return Err(Failure::Usage(format!("there is no channel {name:?}; {}", listed(&known)))),
        None if known.is_empty() => return Err(Failure::Refused(listed(&known))),
        None => known,
    };
    let notifier = Notifier::new(settings.notify).map_err(Failure::Refused)?;
    let notice = notice(&settings.host, Clock::system(None).now());
    let mut told = Vec::new();
    for channel in names {
        told.push(notifier.post(Post { channel, notice: notice.clone(), thread: None }).await);
    }
    out(&match output {
        Output::Text => table(&told.iter().map(row).collect::<Vec<_>>()),
        Output::Json => json!({ "channels": told.iter().map(document).collect::<Vec<_>>() }).to_string() + "\n",
    })?;
    let failed = told.iter().filter(|delivery| delivery.error.is_some()).count();
    if failed > 0 { Err(Failure::Refused(format!("{} failed", check::count(failed, "channel")))) } else { Ok(()) }
}

fn listed(known: &[String]) -> String {
    if known.is_empty() {
        return "`notify:` names no channels: people are told by the log alone, which needs no test".to_owned();
    }
    format!("known are {}", known.join(", "))
}

/// Each test is a message of its own, so that no receiver takes it for a repetition of an earlier one.
fn notice(host: &str, at: Time) -> Notice {
    Notice { host: host.to_owned(), at, opened: at, number: 0, ..sample::notice(NoticeKind::Test) }
}

fn row(delivery: &Delivery) -> Vec<String> {
    let said = match (&delivery.error, delivery.again) {
        (None, _) => "taken".to_owned(),
        (Some(why), again) => format!("failed: {} ({})", clean(why), advice(again)),
    };
    vec![delivery.channel.clone(), said]
}

fn advice(again: Again) -> String {
    match again {
        Again::Soon => "may pass".to_owned(),
        Again::After(wait) => format!("not before {}", Span(wait)),
        Again::Never => "until a person mends it".to_owned(),
    }
}

fn document(delivery: &Delivery) -> serde_json::Value {
    let again = delivery.error.as_ref().map(|_| match delivery.again {
        Again::Soon => "soon",
        Again::After(_) => "after",
        Again::Never => "never",
    });
    json!({ "channel": delivery.channel, "taken": delivery.error.is_none(), "error": delivery.error, "again": again })
}
