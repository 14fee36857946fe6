//! `make drills`: every shipped drill on the lab's machine, one after the other; then the table of docs/coverage.md anew.
//!
//! `cargo run --example drills -- NAME…` runs some and writes their rows; `--hold` leaves the machine up until Ctrl-C.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::expect_used, reason = "a program for the terminal")]
#![allow(clippy::disallowed_methods, reason = "not the daemon: it may ask what time it is")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

#[path = "mod.rs"]
mod drills;
#[path = "../lab/mod.rs"]
mod lab;
mod table;

use drills::Drills;
use lab::{Context as _, Result, Stack, StackOptions, session};
use table::Measured;

fn main() -> ExitCode {
    let (flags, names): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word.starts_with('-'));
    let hold = flags.iter().any(|flag| flag == "--hold");
    match all(names, hold) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("drills: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all(names: Vec<String>, hold: bool) -> Result<bool> {
    lab::can_run()?;
    session::run(StackOptions::default(), move |handle, stack| handle.block_on(run(stack, names, hold)))?
}

/// Whether all that ran passed.
async fn run(stack: Arc<Stack>, names: Vec<String>, hold: bool) -> Result<bool> {
    let start = Instant::now();
    let heald = lab::beside_this_program()?;
    let victim = heald.with_file_name("examples").join("heald-victim");
    let drills = Drills::open(&stack, &heald, &victim).await?;
    println!("drills: the machine is up after {:.0} s", start.elapsed().as_secs_f64());
    println!("  docker --host unix://{} exec -it {} bash", stack.engine().socket().display(), drills.host().name());
    if hold {
        std::future::pending::<()>().await;
    }
    let whole = names.is_empty();
    let (here, elsewhere) = drills.names().await?;
    let not_run = |(drill, why)| Measured { drill, passed: true, text: why, recovery_ms: None };
    let mut measured: Vec<Measured> = elsewhere.into_iter().map(not_run).collect();
    let names = if whole { here } else { names };
    let lacking = measured.len();
    for name in &names {
        let came = drills.one(name).await?;
        println!("  {:<4} {name}: {}", if came.passed { "ok" } else { "FAIL" }, came.text);
        if !came.passed {
            println!("{}", came.report);
        }
        measured.push(Measured { drill: name.clone(), passed: came.passed, text: came.text, recovery_ms: came.recovery_ms });
    }
    let passed = measured.iter().skip(lacking).filter(|one| one.passed).count();
    println!(
        "drills: {passed} of {} passed, {lacking} not on this machine, in {:.0} s",
        names.len(),
        start.elapsed().as_secs_f64()
    );
    println!("drills: recovered in {}", table::average(&measured));
    write(&measured, whole)?;
    drills.close().await?;
    Ok(passed == names.len())
}

/// Of all rows, or of those that were run.
fn write(measured: &[Measured], whole: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("docs/coverage.md");
    let page = std::fs::read_to_string(&path).context("docs/coverage.md")?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes: u64 = memory.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let when = format!(
        "Measured on {}, {cores} cores, {:.0} GB of memory; rules at the lab's pace. *Measured* is from the webhook to the passed \
         verification; before it, from the fault to the webhook.",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        kilobytes as f64 / 1e6
    );
    std::fs::write(&path, table::rewrite(&page, root, measured, whole, &when)?).context("write docs/coverage.md")
}
