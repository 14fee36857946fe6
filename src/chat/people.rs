//! Who may ask heald for what, in a chat. A person is known by the number that the chat service gave them: names can be
//! chosen, and so can be taken for somebody else's.

/// What somebody may ask for; each role may also do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Ask how things are.
    View,
    /// Acknowledge, and silence.
    Ack,
    /// Consent to a repair, deny it, or start one.
    Approve,
    /// Pause heald or a playbook, and end that.
    Admin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// As the journal names them.
    pub name: String,
    pub role: Role,
    /// Telegram's number of the user.
    pub telegram: Option<u64>,
    /// Slack's id of the member: `U0123ABCD`.
    pub slack: Option<String>,
}

/// Everybody who may give orders in a chat. Nobody else may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People(Vec<Person>);

// === impl Role ===

impl Role {
    pub const ALL: [Self; 4] = [Self::View, Self::Ack, Self::Approve, Self::Admin];

    /// As in the configuration.
    pub fn label(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Ack => "ack",
            Self::Approve => "approve",
            Self::Admin => "admin",
        }
    }
}

// === impl People ===

impl People {
    pub fn new(people: Vec<Person>) -> Self {
        Self(people)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Person> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn by_telegram(&self, user: u64) -> Option<&Person> {
        self.iter().find(|person| person.telegram == Some(user))
    }

    pub fn by_slack(&self, member: &str) -> Option<&Person> {
        self.iter().find(|person| person.slack.as_deref() == Some(member))
    }
}
