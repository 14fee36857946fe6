//! splitmix64: a seed is a whole life, on every machine.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    /// Between the two, in milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

/// The seeds to run: `HEALD_SEED` alone where it is set.
pub fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("HEALD_SEED") {
        Ok(seed) => vec![seed.parse().expect("HEALD_SEED is a number")],
        Err(_) => (1..=count).collect(),
    }
}

/// Prints how to see a failure again, and nothing else.
pub struct Replay(pub u64, pub &'static str);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() && crate::life::WITHOUT.get().is_none() {
            eprintln!("seed {}; again: HEALD_SEED={} cargo test --test sim {}", self.0, self.0, self.1);
        }
    }
}
