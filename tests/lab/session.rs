//! One use of the lab, from nothing to nothing, whatever happens in between.

use std::{panic::resume_unwind, process::exit, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    signal::unix::{Signal, SignalKind, signal},
};

use super::{Error, Result, Stack, StackOptions};

/// Brings a stack up, runs `work` on a thread of its own, takes the stack down, and returns what
/// `work` returned. `work` enters the runtime through the handle it is given.
///
/// - An error while coming up, and a panic in `work`, come out after the clean-up.
/// - Ctrl-C, SIGTERM and SIGHUP clean up and end the program with 128 + signal. During the
///   clean-up they only print that it goes on.
pub fn run<T: Send + 'static>(options: StackOptions, work: impl FnOnce(Handle, Arc<Stack>) -> T + Send + 'static) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(supervise(options, work));
    match outcome {
        // `work` may still be busy, but the stack under it is gone: end without looking back.
        Ok(Outcome::Told { number, coming_up: false }) => exit(128 + number),
        // An engine may be on its way up; it is stopped again when its thread sees that nobody
        // waits for it.
        Ok(Outcome::Told { .. }) => runtime.shutdown_timeout(Duration::from_secs(100)),
        _ => drop(runtime),
    }
    match outcome? {
        Outcome::Done(value) => Ok(value),
        Outcome::Panicked(panic) => resume_unwind(panic),
        Outcome::Told { number, .. } => exit(128 + number),
    }
}

enum Outcome<T> {
    Done(T),
    Panicked(Box<dyn std::any::Any + Send>),
    Told { number: i32, coming_up: bool },
}

async fn supervise<T: Send + 'static>(
    options: StackOptions,
    work: impl FnOnce(Handle, Arc<Stack>) -> T + Send + 'static,
) -> Result<Outcome<T>> {
    let mut signals = Signals::install()?;
    let stack = Arc::new(Stack::begin()?);

    let up = tokio::select! {
        up = stack.bring_up(options) => up.map(|()| None),
        number = signals.next() => Ok(Some(number)),
    };
    let outcome = match up {
        Err(error) => Err(error),
        Ok(Some(number)) => Ok(Outcome::Told { number, coming_up: true }),
        Ok(None) => {
            let (handle, shared) = (Handle::current(), stack.clone());
            let mut working = tokio::task::spawn_blocking(move || work(handle, shared));
            tokio::select! {
                done = &mut working => Ok(match done {
                    Ok(value) => Outcome::Done(value),
                    Err(error) => Outcome::Panicked(error.into_panic()),
                }),
                number = signals.next() => Ok(Outcome::Told { number, coming_up: false }),
            }
        }
    };
    if !matches!(outcome, Ok(Outcome::Done(_))) {
        if matches!(outcome, Ok(Outcome::Told { .. })) {
            eprintln!("lab: cleaning up");
        } else {
            stack.run().keep_files();
        }
    }
    let down = signals.ignoring(stack.down()).await;
    match (outcome, down) {
        (Err(first), Err(second)) => Err(Error::new(format!("{first}\nand while cleaning up: {second}"))),
        (outcome, down) => down.and(outcome),
    }
}

struct Signals([(i32, Signal); 3]);

impl Signals {
    fn install() -> Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [a, b, c] = kinds.map(|kind| signal(kind).map(|stream| (kind.as_raw_value(), stream)));
        Ok(Self([a?, b?, c?]))
    }

    /// The next signal's number.
    async fn next(&mut self) -> i32 {
        let [(a, int), (b, term), (c, hup)] = &mut self.0;
        tokio::select! {
            _ = int.recv() => *a,
            _ = term.recv() => *b,
            _ = hup.recv() => *c,
        }
    }

    async fn ignoring<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = self.next() => eprintln!("lab: still cleaning up"),
            }
        }
    }
}

/// Waits for a signal; for stacks that stay up until told otherwise.
pub async fn until_told() -> Result<()> {
    Signals::install()?.next().await;
    Ok(())
}
