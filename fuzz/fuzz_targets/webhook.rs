//! Raw bytes as Alertmanager's webhook body.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| drop(heald::ingest::read(body)));
