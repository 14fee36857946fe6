//! The command line. One file per command; flags are data. `serve`, `init`, `check`, `rules`, `schema`, `simulate`, `test`, `notify`
//! and what reads the journal work by themselves; `drill` breaks by itself and asks the daemon; the others only ask the daemon.

mod ack;
mod alert_json;
mod approve;
mod breaker;
mod check;
mod client;
mod close;
mod drill;
mod explain;
mod export;
mod hold;
mod incidents;
mod init;
mod journal;
mod notify;
mod pause;
mod print;
mod release;
mod reload;
mod replay;
mod resume;
mod retry;
mod review;
mod rules;
mod run;
mod schema;
mod serve;
mod silence;
mod simulate;
mod status;
mod store;
mod target;
mod test;
mod tick;
mod timeline;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Repairs what Alertmanager reports, inside hard safety limits, and proves that it did.
#[derive(Debug, Parser)]
#[command(name = "heald", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Init(init::Args),
    Check(check::Args),
    Rules(rules::Args),
    Schema(schema::Args),
    Status(status::Args),
    Incidents(incidents::Args),
    Explain(explain::Args),
    Ack(ack::Args),
    Tick(tick::Args),
    Approve(approve::Approve),
    Deny(approve::Deny),
    Hold(hold::Args),
    Release(release::Args),
    Retry(retry::Args),
    Run(run::Args),
    Silence(silence::Args),
    Close(close::Args),
    Pause(pause::Args),
    Resume(resume::Args),
    Reload(reload::Args),
    Breaker(breaker::Args),
    Store(store::Args),
    Export(export::Args),
    Replay(replay::Args),
    Review(review::Args),
    Simulate(simulate::Args),
    Test(test::Args),
    Drill(drill::Args),
    Notify(notify::Args),
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no heald answers.";

/// Why a command ends without having done its work; each kind has an exit code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// heald said no, or what was looked at is not in order.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Unreachable(String),
    /// A person or the system ended it.
    #[error("{0}")]
    Stopped(String),
}

/// For blocking work that is left at the end: a file system that hangs must not keep heald from ending.
const LAST_WORK: std::time::Duration = std::time::Duration::from_secs(5);

/// The whole program.
#[expect(clippy::print_stderr, reason = "failures go to standard error")]
pub fn main() -> ExitCode {
    // Wrong usage ends here, with 2.
    let cli = Cli::parse();
    let built = match &cli.command {
        Command::Serve(_) => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    };
    let ended = match built {
        Ok(runtime) => {
            let ended = runtime.block_on(run(cli.command));
            runtime.shutdown_timeout(LAST_WORK);
            ended
        }
        Err(error) => Err(Failure::Refused(format!("the runtime can't be started: {error}"))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("heald: {failure}");
            failure.exit_code()
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::Init(args) => init::run(args).await,
        Command::Check(args) => check::run(args),
        Command::Rules(args) => rules::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Status(args) => status::run(args).await,
        Command::Incidents(args) => incidents::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Ack(args) => ack::run(args).await,
        Command::Tick(args) => tick::run(args).await,
        Command::Approve(args) => approve::approve(args).await,
        Command::Deny(args) => approve::deny(args).await,
        Command::Hold(args) => hold::run(args).await,
        Command::Release(args) => release::run(args).await,
        Command::Retry(args) => retry::run(args).await,
        Command::Run(args) => run::run(args).await,
        Command::Silence(args) => silence::run(args).await,
        Command::Close(args) => close::run(args).await,
        Command::Pause(args) => pause::run(args).await,
        Command::Resume(args) => resume::run(args).await,
        Command::Reload(args) => reload::run(args).await,
        Command::Breaker(args) => breaker::run(args).await,
        Command::Store(args) => store::run(args),
        Command::Export(args) => export::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Review(args) => review::run(args).await,
        Command::Simulate(args) => simulate::run(args).await,
        Command::Test(args) => test::run(args).await,
        Command::Drill(args) => drill::run(args).await,
        Command::Notify(args) => notify::run(args).await,
    }
}

// === impl Failure ===

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused(_) => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
            Self::Unreachable(_) => ExitCode::from(3),
            // As a shell has it after Ctrl-C.
            Self::Stopped(_) => ExitCode::from(130),
        }
    }
}

#[cfg(test)]
mod tests;
