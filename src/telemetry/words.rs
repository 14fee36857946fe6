//! The words that label metrics, as types: a caller can't invent one.

/// What became of an alert. `Refused` are those that `ingest/` could not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertResult {
    Opened,
    Attached,
    Duplicate,
    Resolved,
    Unmatched,
    OtherHost,
    Refused,
}

/// Why a whole webhook request was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookRefusal {
    Auth,
    TooLarge,
    Malformed,
    Unavailable,
}

/// The parts of a recovery ([`Stage::OF_RECOVERY`]); `Recovery` is the whole, from the webhook to a passed verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    AlertToReceived,
    ReceivedToDecided,
    DecidedToSent,
    SentToVerified,
    Recovery,
}

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            pub const ALL: &'static [$name] = &[$(Self::$variant),+];

            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}
words!(AlertResult {
    Opened => "opened",
    Attached => "attached",
    Duplicate => "duplicate",
    Resolved => "resolved",
    Unmatched => "unmatched",
    OtherHost => "other_host",
    Refused => "refused",
});
words!(WebhookRefusal { Auth => "auth", TooLarge => "too_large", Malformed => "malformed", Unavailable => "unavailable" });
words!(Stage {
    AlertToReceived => "alert_to_received",
    ReceivedToDecided => "received_to_decided",
    DecidedToSent => "decided_to_sent",
    SentToVerified => "sent_to_verified",
    Recovery => "recovery",
});

// === impl Stage ===

impl Stage {
    /// What [`Stage::Recovery`] is the sum of, in order.
    pub const OF_RECOVERY: [Self; 3] = [Self::ReceivedToDecided, Self::DecidedToSent, Self::SentToVerified];
}
