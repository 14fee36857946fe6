//! A notice as JSON: the distress signal that programs read. Pure.

use super::card;
use crate::domain::notice::{ChecklistItem, Notice, NoticeKind, Standing};
use crate::domain::playbook::Severity;
use serde::Serialize;

/// The body that the webhook channel sends, and what its templates may speak of. Fields are only ever added;
/// `docs/schema/notice-v1.json` describes them.
#[derive(Debug, Serialize)]
pub struct Card<'a> {
    pub version: u32,
    /// The same for every repetition of this message, and for no other: for receivers that drop doubles.
    pub key: String,
    pub kind: &'static str,
    pub incident: u64,
    pub playbook: &'a str,
    pub title: &'a str,
    pub target: &'a str,
    pub host: &'a str,
    pub severity: Option<&'static str>,
    pub summary: &'a str,
    pub reason: &'a str,
    pub attempts: u32,
    pub opened_at: String,
    pub at: String,
    pub text: String,
    pub manual_fix: Option<&'a str>,
    /// Steps for people; absent where the playbook has none.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub checklist: &'a [ChecklistItem],
    pub debug_prompt: Option<&'a str>,
    /// Only what a browser may open.
    pub runbook_url: Option<&'a str>,
    pub owner: Option<&'a str>,
    /// As `at`: when this was said.
    pub timestamp: String,
    pub agent: &'static str,
    /// Of what kind the failure is, as the playbook has it: `service`, `corruption`, `rate_limit`, `device`.
    pub category: &'static str,
    /// As `target`: what has failed.
    pub component: &'a str,
    /// The first line of `text`.
    pub message: String,
    pub context: Context<'a>,
    /// What is asked of a person; `None`: nothing.
    pub requested_action: Option<String>,
    /// By when somebody is expected to respond, where a person is asked for something.
    pub escalation_deadline: Option<String>,
    pub standing: &'static str,
    /// What it means, in a few words.
    pub headline: &'static str,
    pub emoji: &'static str,
    pub alertname: &'a str,
    pub level: u8,
    pub budget_left: Option<&'a str>,
    pub next: Option<&'a str>,
    pub acknowledged: Option<&'a str>,
    pub incidents_in_30_days: u32,
    pub links: Links<'a>,
}

/// What heald knows and has tried.
#[derive(Debug, Serialize)]
pub struct Context<'a> {
    /// When it was last seen good; `None`: not since this incident began.
    pub last_success: Option<String>,
    pub attempts: u32,
    /// What the last verification found wrong.
    pub last_error: Option<&'a str>,
    /// What the last verification said, good or bad.
    pub verified: Option<&'a str>,
    pub auto_recovery_tried: bool,
}

/// Only what a browser may open.
#[derive(Debug, Serialize)]
pub struct Links<'a> {
    pub runbook: Option<&'a str>,
    pub rule: Option<&'a str>,
    pub silence: Option<&'a str>,
    pub dashboard: Option<&'a str>,
}

/// As facts, with the words of [`card`].
pub fn of(notice: &Notice) -> Card<'_> {
    let is_good = matches!(notice.standing, Standing::Healed | Standing::Over);
    let action = requested(notice);
    Card {
        version: 1,
        key: card::key(notice),
        kind: notice.kind.label(),
        incident: notice.incident.0,
        playbook: &notice.playbook.0,
        title: &notice.title,
        target: &notice.target,
        host: &notice.host,
        severity: notice.severity.map(Severity::label),
        summary: &notice.summary,
        reason: &notice.reason,
        attempts: notice.attempts,
        opened_at: notice.opened.to_string(),
        at: notice.at.to_string(),
        text: card::text(notice),
        manual_fix: notice.manual_fix.as_deref(),
        checklist: &notice.checklist,
        debug_prompt: notice.debug_prompt.as_deref(),
        runbook_url: link(&notice.runbook_url),
        owner: notice.owner.as_deref(),
        timestamp: notice.at.to_string(),
        agent: "heald",
        category: notice.class.label(),
        component: &notice.target,
        message: card::title(notice),
        context: Context {
            last_success: is_good.then(|| notice.at.to_string()),
            attempts: notice.attempts,
            last_error: notice.verified.as_deref().filter(|_| !is_good),
            verified: notice.verified.as_deref(),
            auto_recovery_tried: notice.attempts > 0,
        },
        escalation_deadline: notice.respond_by.filter(|_| action.is_some()).map(|by| by.to_string()),
        requested_action: action,
        standing: notice.standing.label(),
        headline: card::headline(notice),
        emoji: card::emoji(notice),
        alertname: &notice.alertname,
        level: notice.level,
        budget_left: notice.budget_left.as_deref(),
        next: notice.next.as_deref(),
        acknowledged: notice.acknowledged.as_deref(),
        incidents_in_30_days: notice.times,
        links: Links {
            runbook: link(&notice.runbook_url),
            rule: link(&notice.generator_url),
            silence: link(&notice.silence_url),
            dashboard: link(&notice.dashboard_url),
        },
    }
}

/// What a person is asked to do.
fn requested(notice: &Notice) -> Option<String> {
    let id = notice.incident;
    if notice.kind.is_of_house() {
        let what = match notice.kind {
            NoticeKind::EscalateOnly => "mend heald's journal: until then it repairs nothing",
            NoticeKind::StandsBack | NoticeKind::Storm => "look for a common cause",
            NoticeKind::ChannelBroken => "mend the channel's credentials, rights or address",
            NoticeKind::DetectionBlind => "look at Prometheus and Alertmanager: what breaks now may not reach heald",
            NoticeKind::AlertsLost => "look at Alertmanager's pages: heald has not seen all alerts",
            _ => return None,
        };
        return Some(what.to_owned());
    }
    match notice.standing {
        Standing::Asking => Some(format!("consent or refuse: heald approve {id}, or heald deny {id}")),
        Standing::NeedsPerson => Some(format!("repair it by hand, then: heald retry {id}, or heald close {id}")),
        Standing::Working | Standing::Healed | Standing::Over => None,
    }
}

fn link(url: &Option<String>) -> Option<&str> {
    url.as_deref().filter(|url| card::is_link(url))
}
