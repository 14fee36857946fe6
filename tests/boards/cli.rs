//! `cargo run --example previews -- http://127.0.0.1:9090 [--hours 6] [--until SECONDS] [--folder docs/dashboards]`:
//! a picture of each dashboard, drawn from what its queries give on that Prometheus.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

#[path = "mod.rs"]
mod boards;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use boards::{Board, Prometheus, Result, Span, previews};
use clap::Parser;

#[derive(Debug, Parser)]
struct Arguments {
    /// Of the Prometheus that scrapes heald.
    url: String,
    /// How much of the past.
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// The end, in seconds since 1970; left out: now.
    #[arg(long)]
    until: Option<f64>,
    #[arg(long, default_value_t = 15.0)]
    scrape_interval: f64,
    /// Where the pictures go [default: docs/dashboards of the checkout]
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match draw(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("previews: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn draw(arguments: Arguments) -> Result<()> {
    let prometheus = Prometheus::at(&arguments.url)?;
    let length = Duration::from_secs_f64(arguments.hours * 3_600.0);
    let scrape_interval = Duration::from_secs_f64(arguments.scrape_interval);
    let span = match arguments.until {
        Some(end) => Span::until(end, length, scrape_interval),
        None => Span::last(length, scrape_interval),
    };
    let folder = arguments.folder.unwrap_or_else(previews);
    for board in Board::all()? {
        match prometheus.check(&board, &span).await {
            Ok(queries) => println!("{}: {queries} queries, all with a result", board.name),
            Err(why) => eprintln!("{why}"),
        }
        println!("{}", board.draw(&prometheus, &span, &folder).await?.display());
    }
    Ok(())
}
