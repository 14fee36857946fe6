//! How a person names a target.
//!
//! | written | means |
//! | --- | --- |
//! | `unit web.service` | kind and name, as heald itself prints them |
//! | `unit:web.service` | the same in one word |
//! | `web.service` | a unit: it ends in .service, .timer, .socket, .path or .mount |
//! | `http://127.0.0.1:8080/` | a URL |
//! | `ollama` | a container: any other bare name |
//! | `playbook container-down` | not a target, but all that this playbook would do |

use super::Failure;
use crate::domain::id::PlaybookId;
use crate::domain::target::{Target, TargetKind};

/// The argument of `hold`, `release` and `breaker`.
#[derive(Clone, Debug, clap::Args)]
pub struct TargetArg {
    /// `unit web.service`, `container:ollama`, `playbook NAME`; a bare name that ends like a unit's is one, any other is a
    /// container's
    #[arg(value_name = "TARGET", required = true, num_args = 1..=2)]
    words: Vec<String>,
}

/// What can be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    Target(Target),
    Playbook(PlaybookId),
}

const UNIT_ENDINGS: [&str; 5] = [".service", ".timer", ".socket", ".path", ".mount"];

impl TargetArg {
    /// Where no playbook can be meant.
    pub fn target(&self) -> Result<Target, Failure> {
        match self.held()? {
            Held::Target(target) => Ok(target),
            Held::Playbook(_) => Err(Failure::Usage("name a target, not a playbook".to_owned())),
        }
    }

    pub fn held(&self) -> Result<Held, Failure> {
        let text = self.words.join(" ");
        match text.trim().strip_prefix("playbook").and_then(|rest| rest.strip_prefix([' ', ':'])) {
            Some(name) if name.trim().is_empty() => Err(Failure::Usage("which playbook? heald status lists them".to_owned())),
            Some(name) => Ok(Held::Playbook(PlaybookId::from(name.trim()))),
            None => parse(&text).map(Held::Target).map_err(Failure::Usage),
        }
    }
}

fn parse(text: &str) -> Result<Target, String> {
    let text = text.trim();
    let kind = |word: &str| TargetKind::ALL.into_iter().find(|kind| kind.label() == word);
    if let Some((word, name)) = text.split_once(char::is_whitespace) {
        let kind = kind(word).ok_or_else(|| {
            let known: Vec<&str> = TargetKind::ALL.iter().map(|kind| kind.label()).collect();
            format!("{:?} is no kind of target: write one of {}", crate::domain::target::cut(word), known.join(", "))
        })?;
        return Target::new(kind, name.trim());
    }
    if let Some((kind, name)) = text.split_once(':').and_then(|(word, name)| Some((kind(word)?, name))) {
        return Target::new(kind, name);
    }
    let kind = match text {
        _ if text.starts_with("http://") || text.starts_with("https://") => TargetKind::Url,
        _ if UNIT_ENDINGS.iter().any(|ending| text.ends_with(ending)) => TargetKind::Unit,
        _ => TargetKind::Container,
    };
    Target::new(kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playbook_is_named_by_the_word_before_it() {
        let held = |words: &[&str]| TargetArg { words: words.iter().map(|word| (*word).to_owned()).collect() }.held();
        let book = |name| Ok(Held::Playbook(PlaybookId::from(name)));
        assert_eq!(held(&["playbook", "container-down"]), book("container-down"));
        assert_eq!(held(&["playbook:container-down"]), book("container-down"));
        assert_eq!(held(&["playbook"]), Ok(Held::Target(Target::new(TargetKind::Container, "playbook").unwrap())));
        assert!(held(&["playbook:"]).is_err());
    }

    #[test]
    fn a_target_is_named_in_one_word_or_two() {
        for (text, target) in [
            ("unit web.service", "unit web.service"),
            ("unit:web.service", "unit web.service"),
            ("web.service", "unit web.service"),
            ("backup.timer", "unit backup.timer"),
            ("w@1.service", "unit w@1.service"),
            ("ollama", "container ollama"),
            ("container:web.service", "container web.service"),
            ("http://127.0.0.1:8080/", "url http://127.0.0.1:8080/"),
            ("url:http://a/", "url http://a/"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), target, "{text}");
        }
        for (text, why) in [
            ("", "it is empty"),
            ("pod web", "\"pod\" is no kind of target: write one of unit, container"),
            ("unit web", "must end in .service"),
            ("unit:", "it is empty"),
            ("nope:web", "only letters, digits"),
            ("--all", "begins with a hyphen"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
