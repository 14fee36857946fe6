//! A signature by which the receiver knows that heald has sent the body, and when: as Slack's and Stripe's.
//!
//! `X-Heald-Signature: v1=HEX`, HEX being HMAC-SHA256 over the value of `X-Heald-Timestamp`, a dot, and the body's bytes.
//! A receiver refuses stamps that are more than five minutes off, so that a recorded request can't be sent again later.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt::Write;

pub const SIGNATURE: &str = "x-heald-signature";
pub const TIMESTAMP: &str = "x-heald-timestamp";

#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

// === impl Signer ===

impl Signer {
    pub fn new(key: &str) -> Self {
        // HMAC takes keys of any length; the branch is never taken.
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(key.as_bytes());
        Self(mac.unwrap_or_else(|_| <Hmac<Sha256> as Mac>::new(&hmac::digest::Key::<Hmac<Sha256>>::default())))
    }

    /// Seconds since the epoch, and the signature for them.
    pub fn sign(&self, body: &str) -> (String, String) {
        #[expect(
            clippy::disallowed_methods,
            reason = "the receiver compares it with its own wall clock; heald decides nothing by it"
        )]
        let timestamp = jiff::Timestamp::now().as_second().to_string();
        let signature = self.of(&timestamp, body);
        (timestamp, signature)
    }

    fn of(&self, timestamp: &str, body: &str) -> String {
        let mut mac = self.0.clone();
        for part in [timestamp.as_bytes(), b".", body.as_bytes()] {
            mac.update(part);
        }
        mac.finalize().into_bytes().iter().fold("v1=".to_owned(), |mut hex, byte| {
            // Writing to a String can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_openssl_makes() {
        // printf '1795312745.{"a":1}' | openssl dgst -sha256 -hmac s3cret
        let expected = "v1=81080ab79ec4d4c5b0415861fdf160d6a161add507689fab899a637d1832d577";
        assert_eq!(Signer::new("s3cret").of("1795312745", "{\"a\":1}"), expected);
    }
}
