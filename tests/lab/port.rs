//! Ports for the lab's listeners.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    sync::Mutex,
};

/// Below the kernel's ephemeral range (32768 up), so that no outgoing connection takes the port
/// between our look and the program's bind.
const RANGE: std::ops::Range<u16> = 21_000..32_000;

/// A loopback port that is free now and that this process has not given out before.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().expect("no holder panics");
    // Runs at the same time start at different places.
    let start = u16::try_from(std::process::id() % 10_000).expect("below 10000");
    let port = (0..RANGE.end - RANGE.start)
        .map(|n| RANGE.start + (start + n) % (RANGE.end - RANGE.start))
        .find(|port| !given.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("eleven thousand loopback ports are not all taken");
    given.insert(port);
    port
}
