//! `cargo run --example experiment`: runs the experiment of docs/experiment.md and writes its figures and its picture.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

#[path = "mod.rs"]
mod experiment;

use experiment::{Experiment, Result, page, picture, with_table};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("experiment: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let done = Experiment::run()?;
    print!("{}", done.table());
    let (page, picture) = (page(), picture());
    let text = fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    write(&page, &with_table(&text, &done.table())?)?;
    write(&picture, &done.svg()?)?;
    println!("\n{}\n{}", page.display(), picture.display());
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
