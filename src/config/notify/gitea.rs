//! `gitea: { url, repo, token_file, labels, chronic }`

use super::url;
use crate::config::secret::Places;
use crate::notify::Kind;
use crate::notify::gitea::{CHRONIC, Settings};
use crate::yaml::{Fields, quote, text};

pub fn read(mut fields: Fields<'_>, places: &Places<'_>) -> Option<Kind> {
    let url = url(&mut fields);
    let repo = repo(&mut fields);
    let token = places.read(&mut fields, "token_file", "token");
    if !fields.has("token_file") && !fields.has("token") {
        fields.missing("token_file", "write `token_file: gitea-token`, with a token that may write issues");
    }
    let labels = fields.texts("labels").unwrap_or_default().into_iter().map(|(_, label)| label).collect();
    // One incident alone repeats nothing.
    let chronic = fields.number("chronic", 2..=1_000).unwrap_or(CHRONIC);
    fields.end();
    Some(Kind::Gitea(Settings { labels, chronic, ..Settings::new(url?, repo?, token?.reveal()) }))
}

/// `owner/name`, of the characters that Gitea takes for both.
fn repo(fields: &mut Fields<'_>) -> Option<String> {
    if !fields.has("repo") {
        fields.missing("repo", "write `repo: ops/incidents`");
    }
    let file = fields.file();
    let node = fields.node("repo")?;
    let found = text(file, node)?;
    let fits = |part: &str| {
        let plain = part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        plain && !part.is_empty() && !matches!(part, "." | "..")
    };
    if !found.split_once('/').is_some_and(|(owner, name)| fits(owner) && fits(name)) {
        file.refuse(node.at, format!("{} is no repository: write `ops/incidents`", quote(&found)));
        return None;
    }
    Some(found)
}
