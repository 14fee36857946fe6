//! Any text as matchers; what is taken must read back as it is printed.
#![no_main]

use heald::domain::selector::Selector;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(selector) = Selector::parse(&[text]) {
        let again = Selector::parse(&[selector.to_string()]);
        assert_eq!(again.as_ref(), Ok(&selector));
    }
});
