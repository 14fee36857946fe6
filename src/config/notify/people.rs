//! `people: { ann: { telegram: 4711, slack: U0123ABCD, role: approve } }`

use crate::chat::{People, Person, Role};
use crate::yaml::{Fields, File, Kind, Node, quote, text};

/// Telegram's ids have at most 52 significant bits (Bot API, `User.id`).
const TELEGRAM_MAX: u64 = 1 << 52;

pub fn read(fields: &Fields<'_>) -> People {
    let file = fields.file();
    let mut people: Vec<Person> = Vec::new();
    for (key, node) in fields.entries() {
        if !super::is_name(&key.name) {
            let what = format!("{} can't be a person's name: write at most 32 letters, digits, _ and -", quote(&key.name));
            file.refuse(key.at, what);
            continue;
        }
        let Some(person) = person(file, &key.name, node) else { continue };
        let twin = people.iter().find(|other| {
            (person.telegram.is_some() && person.telegram == other.telegram)
                || (person.slack.is_some() && person.slack == other.slack)
        });
        if let Some(twin) = twin {
            file.refuse(key.at, format!("{} and {} have the same id", quote(&twin.name), quote(&person.name)));
        }
        people.push(person);
    }
    People::new(people)
}

fn person(file: &File<'_>, name: &str, node: &Node) -> Option<Person> {
    let mut fields = Fields::of(file, node)?;
    let telegram = fields.node("telegram").and_then(|node| telegram(file, node));
    let slack = fields.node("slack").and_then(|node| slack(file, node));
    let role = fields.word("role", &Role::ALL.map(|role| (role.label(), role)));
    if !fields.has("role") {
        fields.missing("role", "write what they may do: `role: view`, `ack`, `approve` or `admin`");
    }
    if !fields.has("telegram") && !fields.has("slack") {
        fields.missing("telegram", "say how the person is known: `telegram: 4711`, or `slack: U0123ABCD`");
    }
    fields.end();
    Some(Person { name: name.to_owned(), role: role?, telegram, slack })
}

fn telegram(file: &File<'_>, node: &Node) -> Option<u64> {
    let id = match &node.kind {
        Kind::Number(number, _) => number.as_u64().filter(|id| (1..TELEGRAM_MAX).contains(id)),
        _ => None,
    };
    if id.is_none() {
        let help = "write to the bot: heald's answer to a stranger names their number";
        file.refuse_with_help(node.at, "a user of Telegram is named by number; a name may be somebody else's tomorrow", help);
    }
    id
}

fn slack(file: &File<'_>, node: &Node) -> Option<String> {
    let id = text(file, node)?;
    let sound = id.len() <= 32
        && id.starts_with(['U', 'W'])
        && id.len() > 1
        && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if !sound {
        let help = "open the profile, the three dots, `Copy member ID`: it begins with U or W";
        file.refuse_with_help(node.at, format!("{} is no member id of Slack; names can be chosen", quote(&id)), help);
        return None;
    }
    Some(id)
}
