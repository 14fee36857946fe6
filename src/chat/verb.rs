//! The command grammar, the same in every chat: `/ack 17 30m`. Pure; wrong use is answered with the right one.

use super::people::Role;
use crate::domain::alert::Labels;
use crate::domain::id::{IncidentId, PlaybookId};
use crate::domain::time::Span;
use crate::run::handle::PersonOrder;
use std::time::Duration;

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    Ask(Ask),
    Do(PersonOrder),
}

/// A question changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Status,
    Incidents,
    Incident(IncidentId),
    History,
    Mttr,
    Budget,
    Why(IncidentId),
    OnCall,
    Help,
    /// What a button asks for; there is no command for it.
    Review(IncidentId),
}

/// A command, for help texts and for the chat's own list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verb {
    pub name: &'static str,
    /// How it goes on.
    pub form: &'static str,
    pub role: Role,
    pub what: &'static str,
}

/// A command that can't be understood; the text says how it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(pub String);

/// Where a command names none.
pub const SILENCE: Span = Span(Duration::from_secs(3_600));
/// Far above any command, and short enough for every answer.
const TEXT_MAX: usize = 2_000;

pub const VERBS: [Verb; 16] = [
    verb("status", "", Role::View, "whether heald can do its work"),
    verb("incidents", "", Role::View, "what is open"),
    verb("incident", "ID", Role::View, "one incident, with its last events"),
    verb("ack", "ID [FOR]", Role::Ack, "you are at it: nobody else is called"),
    verb("tick", "ID STEP [NOTE]", Role::Ack, "a step of the checklist is done"),
    verb("approve", "ID", Role::Approve, "let heald do what it asks for"),
    verb("deny", "ID [WHY]", Role::Approve, "do not let it"),
    verb("run", "PLAYBOOK label=value …", Role::Approve, "a playbook by hand, through the same guards"),
    verb("pause", "[FOR] [WHY]", Role::Admin, "no repairs at all"),
    verb("resume", "", Role::Admin, "repairs go on"),
    verb("silence", "ID [FOR]", Role::Ack, "a silence in Alertmanager, 1h unless said otherwise"),
    verb("history", "", Role::View, "what was closed last, and how"),
    verb("mttr", "", Role::View, "how long repairs took, by playbook"),
    verb("budget", "", Role::View, "whether the open incidents have attempts left"),
    verb("why", "ID", Role::View, "what heald would do now, and which guard objects"),
    verb("oncall", "", Role::View, "who is on duty now"),
];

const fn verb(name: &'static str, form: &'static str, role: Role, what: &'static str) -> Verb {
    Verb { name, form, role, what }
}

/// `None`: no command at all.
///
/// # Errors
/// It is a command, and can't be understood.
pub fn parse(text: &str) -> Result<Option<Wish>, Misuse> {
    // heald's own messages hold word joiners, and people copy from them.
    let text: String = text.chars().filter(|c| *c != '\u{2060}').take(TEXT_MAX).collect();
    let Some(rest) = text.trim().strip_prefix('/') else { return Ok(None) };
    let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = name.to_lowercase();
    if matches!(name.as_str(), "help" | "start") {
        return Ok(Some(Wish::Ask(Ask::Help)));
    }
    let Some(verb) = VERBS.iter().find(|verb| verb.name == name) else {
        return Err(Misuse(format!("there is no command /{}; see /help", crate::domain::target::cut(&name))));
    };
    wish(verb.name, rest.trim()).map(Some).ok_or_else(|| Misuse(format!("write it so: {}", verb.usage())))
}

fn wish(name: &str, rest: &str) -> Option<Wish> {
    let nothing = |ask| rest.is_empty().then_some(Wish::Ask(ask));
    let (first, more) = rest.split_once(char::is_whitespace).map_or((rest, ""), |(first, more)| (first, more.trim()));
    let incident = || first.trim_start_matches('#').parse().ok().map(IncidentId);
    let alone = || incident().filter(|_| more.is_empty());
    // Nothing at all is fine; anything else must be a duration.
    let span = || if more.is_empty() { Some(None) } else { more.parse::<Span>().ok().map(Some) };
    Some(match name {
        "status" => return nothing(Ask::Status),
        "incidents" => return nothing(Ask::Incidents),
        "history" => return nothing(Ask::History),
        "mttr" => return nothing(Ask::Mttr),
        "budget" => return nothing(Ask::Budget),
        "oncall" => return nothing(Ask::OnCall),
        "incident" => Wish::Ask(Ask::Incident(alone()?)),
        "why" => Wish::Ask(Ask::Why(alone()?)),
        "ack" => Wish::Do(PersonOrder::Ack { incident: incident()?, for_: span()? }),
        "tick" => {
            let (item, note) = more.split_once(char::is_whitespace).unwrap_or((more, ""));
            Wish::Do(PersonOrder::Tick { incident: incident()?, item: item.parse().ok()?, note: note.trim().to_owned() })
        }
        "silence" => Wish::Do(PersonOrder::Silence { incident: incident()?, for_: span()?.unwrap_or(SILENCE) }),
        "approve" => Wish::Do(PersonOrder::Approve { incident: alone()? }),
        "deny" => Wish::Do(PersonOrder::Deny { incident: incident()?, why: more.to_owned() }),
        "run" => Wish::Do(PersonOrder::Run { playbook: PlaybookId::from(playbook(first)?), labels: labels(more)? }),
        "pause" => match first.parse::<Span>() {
            Ok(for_) => Wish::Do(PersonOrder::Pause { for_: Some(for_), why: more.to_owned() }),
            Err(_) => Wish::Do(PersonOrder::Pause { for_: None, why: rest.to_owned() }),
        },
        "resume" if rest.is_empty() => Wish::Do(PersonOrder::Resume),
        _ => return None,
    })
}

fn playbook(name: &str) -> Option<&str> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!name.is_empty() && name.chars().all(fits)).then_some(name)
}

/// `name=value`, with or without quotes round the value; each name once.
fn labels(text: &str) -> Option<Labels> {
    let mut labels = Labels::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=')?;
        let sound = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(sound) {
            return None;
        }
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        if value.is_empty() || labels.insert(name.to_owned(), value.to_owned()).is_some() {
            return None;
        }
        rest = after.trim_start();
    }
    Some(labels)
}

// === impl Wish ===

impl Wish {
    /// What one must be allowed for it.
    pub fn role(&self) -> Role {
        match self {
            Self::Ask(_) => Role::View,
            Self::Do(PersonOrder::Ack { .. } | PersonOrder::Silence { .. } | PersonOrder::Tick { .. }) => Role::Ack,
            Self::Do(PersonOrder::Approve { .. } | PersonOrder::Deny { .. } | PersonOrder::Run { .. }) => Role::Approve,
            Self::Do(_) => Role::Admin,
        }
    }
}

// === impl Verb ===

impl Verb {
    /// `/ack ID [FOR]`
    pub fn usage(&self) -> String {
        format!("/{} {}", self.name, self.form).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_as_it_is_meant() {
        let id = IncidentId(17);
        let minutes = |minutes: u64| Span(Duration::from_secs(60 * minutes));
        let text = str::to_owned;
        for (written, wish) in [
            ("/status", Wish::Ask(Ask::Status)),
            ("  /Incident #17 ", Wish::Ask(Ask::Incident(id))),
            ("/ack 17", Wish::Do(PersonOrder::Ack { incident: id, for_: None })),
            ("/\u{2060}ack 17\n30m", Wish::Do(PersonOrder::Ack { incident: id, for_: Some(minutes(30)) })),
            ("/tick 17 3 by hand", Wish::Do(PersonOrder::Tick { incident: id, item: 3, note: text("by hand") })),
            ("/silence 17", Wish::Do(PersonOrder::Silence { incident: id, for_: minutes(60) })),
            ("/deny 17 not at noon", Wish::Do(PersonOrder::Deny { incident: id, why: text("not at noon") })),
            ("/pause", Wish::Do(PersonOrder::Pause { for_: None, why: String::new() })),
            ("/pause 30m a release", Wish::Do(PersonOrder::Pause { for_: Some(minutes(30)), why: text("a release") })),
            ("/pause until noon", Wish::Do(PersonOrder::Pause { for_: None, why: text("until noon") })),
            (
                "/run web-down alertname=WebDown target=\"a b\"",
                Wish::Do(PersonOrder::Run {
                    playbook: PlaybookId::from("web-down"),
                    labels: [(text("alertname"), text("WebDown")), (text("target"), text("a b"))].into(),
                }),
            ),
            ("/start", Wish::Ask(Ask::Help)),
        ] {
            assert_eq!(parse(written), Ok(Some(wish)), "{written}");
        }
        for no_command in ["", "hello", "see /status", "17"] {
            assert_eq!(parse(no_command), Ok(None), "{no_command}");
        }
    }

    #[test]
    fn wrong_use_is_answered_with_the_right_one() {
        for (written, told) in [
            ("/ack", "write it so: /ack ID [FOR]"),
            ("/ack web", "write it so: /ack ID [FOR]"),
            ("/ack 17 tomorrow", "write it so: /ack ID [FOR]"),
            ("/approve 17 please", "write it so: /approve ID"),
            ("/status now", "write it so: /status"),
            ("/run", "write it so: /run PLAYBOOK label=value …"),
            ("/run Web target=x", "write it so: /run PLAYBOOK label=value …"),
            ("/run web target=x target=y", "write it so: /run PLAYBOOK label=value …"),
            ("/run web target=\"x", "write it so: /run PLAYBOOK label=value …"),
            ("/reboot", "there is no command /reboot; see /help"),
        ] {
            assert_eq!(parse(written), Err(Misuse(told.to_owned())), "{written}");
        }
    }

    #[test]
    fn every_verb_needs_the_role_that_its_help_names() {
        for verb in VERBS {
            let example = verb
                .usage()
                .replace("ID", "17")
                .replace("[FOR]", "5m")
                .replace("[WHY]", "because")
                .replace("STEP [NOTE]", "3 done");
            let example = example.replace("PLAYBOOK label=value …", "web target=x");
            let wish = parse(&example).unwrap().unwrap();
            assert_eq!(wish.role(), verb.role, "{example}");
        }
    }
}
