//! `make soak`: fresh seeds until it is told to stop, or one fails. It prints that one, and how to see it again.

use crate::day::day;
use crate::rng::Rng;
use crate::sweep::{CASES, run};
use std::time::Duration;
use tokio::time::Instant;

#[test]
#[ignore = "runs until SIGINT, or for HEALD_SOAK_SECONDS; see make soak"]
fn soak() {
    let limit = std::env::var("HEALD_SOAK_SECONDS").ok().map(|text| Duration::from_secs(text.parse().expect("seconds")));
    // Fresh each time, printed, and all that follows from it is a function of it.
    let mut seed = std::env::var("HEALD_SOAK_FROM").map_or_else(|_| fresh(), |text| text.parse().expect("a seed"));
    let (began, mut days, mut told) = (Instant::now(), 0_u64, Instant::now());
    println!("soak from seed {seed}; stop with Ctrl-C");
    while limit.is_none_or(|limit| began.elapsed() < limit) {
        // Prints `HEALD_SEED=… cargo test …` where it fails.
        day(seed);
        if seed.is_multiple_of(4) {
            let mut rng = Rng::new(seed);
            let case = rng.pick(&CASES);
            let deaths = [1 + rng.below(25), 1 + rng.below(12), 1 + rng.below(12)];
            println!("  {} with deaths after {deaths:?}", case.name);
            run(case, &deaths).check(case);
        }
        (seed, days) = (seed.wrapping_add(1), days + 1);
        if told.elapsed() > Duration::from_secs(10) {
            let rate = days as f64 / began.elapsed().as_secs_f64();
            println!("{days} days, {rate:.1} a second; next seed {seed}");
            told = Instant::now();
        }
    }
    println!("{days} days without a broken promise");
}

fn fresh() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "only to begin somewhere else each time; the seed is printed")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    // Away from the seeds that every test run has.
    1_000_000 + u64::try_from(now.as_millis()).unwrap() % 1_000_000_000 * 1_000
}
