//! Who may deliver alerts. Asked before a byte of the body is read.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// What the webhook asks for.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Nothing: only for a listener that strangers can't reach.
    #[default]
    Open,
    /// `Authorization: Bearer TOKEN`
    Bearer(Secrets),
    /// `Authorization: Basic …`
    Basic { user: String, passwords: Secrets },
}

/// One secret, or two while it is being changed. Only digests are kept: nothing to leak, and one length to compare.
#[derive(Clone)]
pub struct Secrets(Vec<[u8; 32]>);

// === impl Auth ===

impl Auth {
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Open => true,
            Self::Bearer(tokens) => credentials(headers, "bearer").is_some_and(|token| tokens.know(token.as_bytes()).into()),
            Self::Basic { user, passwords } => credentials(headers, "basic")
                .and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok())
                .is_some_and(|pair| {
                    // A user name holds no colon (RFC 7617); a password may.
                    let (name, password) = match pair.iter().position(|byte| *byte == b':') {
                        Some(colon) => (&pair[..colon], &pair[colon + 1..]),
                        None => (&pair[..], &[][..]),
                    };
                    (digest(name).ct_eq(&digest(user.as_bytes())) & passwords.know(password)).into()
                }),
        }
    }

    /// The value of `WWW-Authenticate` for a 401.
    pub fn challenge(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "Basic realm=\"heald\", charset=\"UTF-8\"",
            Self::Open | Self::Bearer(_) => "Bearer realm=\"heald\"",
        }
    }
}

/// The one `Authorization` header's value after its scheme; two headers are none.
fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
    let (name, rest) = value.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then(|| rest.trim_matches(' '))
}

// === impl Secrets ===

impl Secrets {
    /// One secret per line, at most two; empty lines don't count.
    ///
    /// # Errors
    /// Why the text holds no usable secret. It never repeats the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        match lines.len() {
            0 => Err("it holds no secret: write one on its first line".to_owned()),
            1 | 2 => Ok(Self(lines.iter().map(|line| digest(line.as_bytes())).collect())),
            count => Err(format!("it holds {count} secrets: write one, or the old and the new one on two lines")),
        }
    }

    /// Compares with all of them, whichever fits.
    fn know(&self, candidate: &[u8]) -> Choice {
        let candidate = digest(candidate);
        self.0.iter().fold(Choice::from(0), |known, secret| known | secret.ct_eq(&candidate))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn admits(auth: &Auth, value: &str) -> bool {
        auth.admits(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())]))
    }

    #[test]
    fn bearer_takes_the_old_and_the_new_token() {
        let auth = Auth::Bearer(Secrets::parse("old\n\n new \n").unwrap());
        for good in ["Bearer old", "Bearer new", "bearer new"] {
            assert!(admits(&auth, good), "{good}");
        }
        for bad in ["Bearer", "Bearer ", "Bearer ol", "Bearer oldx", "Basic old", "old", "Bearer old new"] {
            assert!(!admits(&auth, bad), "{bad}");
        }
        assert!(!auth.admits(&HeaderMap::new()));
        let mut two = HeaderMap::new();
        two.append(AUTHORIZATION, HeaderValue::from_static("Bearer old"));
        two.append(AUTHORIZATION, HeaderValue::from_static("Bearer old"));
        assert!(!auth.admits(&two), "two headers are ambiguous");
    }

    #[test]
    fn basic_asks_for_user_and_password() {
        let auth = Auth::Basic { user: "am".to_owned(), passwords: Secrets::parse("a:b").unwrap() };
        let header = |pair: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        assert!(admits(&auth, &header("am:a:b")));
        for bad in ["am:a", "am", "x:a:b", ":a:b", "am:"] {
            assert!(!admits(&auth, &header(bad)), "{bad}");
        }
        assert!(!admits(&auth, "Basic ???"));
    }

    #[test]
    fn a_file_holds_one_or_two_secrets_and_debug_shows_none() {
        assert!(Secrets::parse(" \n\n").unwrap_err().contains("no secret"));
        assert!(Secrets::parse("a\nb\nc").unwrap_err().contains("3 secrets"));
        let shown = format!("{:?}", Auth::Bearer(Secrets::parse("canary").unwrap()));
        assert_eq!(shown, "Bearer(Secrets(1))");
    }
}
