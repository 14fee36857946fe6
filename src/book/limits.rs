//! Limits as they are written: in a front matter, and in the configuration's overrides. What is not written is not changed.

use crate::domain::playbook::{Backoff, Budget, Limits, Mode};
use crate::domain::time::Span;
use crate::yaml::{Fields, File, Kind, Node, number, quote, span, text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the configuration says about one playbook: `overrides: {PLAYBOOK: {mode, limits, after_care, vars}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Override {
    pub mode: Option<Mode>,
    /// `mode: earn`; only together with a mode. Left out where it is false: the revisions of older editions stay.
    #[serde(skip_serializing_if = "is_false")]
    pub earns: bool,
    pub limits: LimitsPatch,
    pub after_care: Option<Span>,
    pub vars: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsPatch {
    pub attempts: Option<u32>,
    pub within: Option<Span>,
    pub budget: Option<Vec<Budget>>,
    pub cooldown: Option<Cooldown>,
    pub grace: Option<Span>,
    pub settle: Option<Span>,
}

/// `10s`, or any of the three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cooldown {
    pub base: Option<Span>,
    pub factor: Option<u32>,
    pub max: Option<Span>,
}

/// What `mode:` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeWord {
    pub ceiling: Mode,
    pub earns: bool,
}

pub const YEAR: Duration = Duration::from_secs(366 * 86_400);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const ATTEMPTS_MAX: u32 = 100;
/// Each attempt is counted one by one in the journal.
const BUDGET_MAX: u32 = 10_000;
const FACTOR_MAX: u32 = 10;

// === impl Override ===

impl Override {
    /// Reads one entry of `overrides:`; problems go to the file.
    pub fn read(file: &File<'_>, node: &Node) -> Option<Self> {
        let mut fields = Fields::of(file, node)?;
        let mode = read_mode(&mut fields);
        let read = Self {
            mode: mode.map(|mode| mode.ceiling),
            earns: mode.is_some_and(|mode| mode.earns),
            limits: fields.fields("limits").map(LimitsPatch::read).unwrap_or_default(),
            after_care: fields.span("after_care", Duration::ZERO..=YEAR).map(Span),
            vars: fields.values("vars").unwrap_or_default(),
        };
        fields.end();
        Some(read)
    }
}

/// `mode:`; `earn` may reach auto, and its record decides how far it is.
pub fn read_mode(fields: &mut Fields<'_>) -> Option<ModeWord> {
    let fixed = |ceiling| ModeWord { ceiling, earns: false };
    let words = [
        ("observe", fixed(Mode::Observe)),
        ("approve", fixed(Mode::Approve)),
        ("auto", fixed(Mode::Auto)),
        ("earn", ModeWord { ceiling: Mode::Auto, earns: true }),
    ];
    fields.word("mode", &words)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

// === impl LimitsPatch ===

impl LimitsPatch {
    pub fn read(mut fields: Fields<'_>) -> Self {
        let file = fields.file();
        let read = Self {
            attempts: fields.number("attempts", 1..=ATTEMPTS_MAX),
            within: fields.span("within", SECOND..=YEAR).map(Span),
            budget: fields.node("budget").map(|node| read_budgets(file, node, "5 per 10m")),
            cooldown: fields.node("cooldown").and_then(|node| Cooldown::read(file, node)),
            grace: fields.span("grace", Duration::ZERO..=DAY).map(Span),
            settle: fields.span("settle", Duration::ZERO..=DAY).map(Span),
        };
        fields.end();
        read
    }

    pub fn apply(&self, limits: &mut Limits) {
        let set = |target: &mut Duration, value: Option<Span>| {
            if let Some(Span(value)) = value {
                *target = value;
            }
        };
        limits.attempts = self.attempts.unwrap_or(limits.attempts);
        set(&mut limits.within, self.within);
        set(&mut limits.grace, self.grace);
        set(&mut limits.settle, self.settle);
        if let Some(budget) = &self.budget {
            limits.budget.clone_from(budget);
        }
        if let Some(cooldown) = self.cooldown {
            cooldown.apply(&mut limits.cooldown);
        }
    }
}

/// `3 per 1h`, or a list of them; all hold at once. `default` is what counts where nothing is written.
pub fn read_budgets(file: &File<'_>, node: &Node, default: &str) -> Vec<Budget> {
    let one = |node: &Node| -> Option<Budget> {
        let found = text(file, node)?;
        match parse_budget(&found) {
            Ok(budget) => Some(budget),
            Err(why) => {
                file.refuse(node.at, format!("{} is no budget: {why}", quote(&found)));
                None
            }
        }
    };
    match &node.kind {
        Kind::List(items) if items.is_empty() => {
            let help = format!("leave it out for the default of {default}; `0 per 1d` forbids every attempt");
            file.refuse_with_help(node.at, "an empty budget would be no limit at all", help);
            Vec::new()
        }
        Kind::List(items) => items.iter().filter_map(one).collect(),
        _ => one(node).into_iter().collect(),
    }
}

/// `5 per 10m`
///
/// # Errors
/// What to write instead.
pub fn parse_budget(text: &str) -> Result<Budget, String> {
    let form = || "write `5 per 10m`".to_owned();
    let mut words = text.split_whitespace();
    let (Some(count), Some("per" | "in"), Some(window), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(form());
    };
    let count: u32 = count.parse().map_err(|_| form())?;
    if count > BUDGET_MAX {
        return Err(format!("at most {BUDGET_MAX} attempts"));
    }
    let Span(window) = window.parse()?;
    if !(SECOND..=YEAR).contains(&window) {
        return Err(format!("the window is out of range: from {} to {}", Span(SECOND), Span(YEAR)));
    }
    Ok(Budget { count, window })
}

// === impl Cooldown ===

impl Cooldown {
    fn read(file: &File<'_>, node: &Node) -> Option<Self> {
        if !matches!(node.kind, Kind::Map(_)) {
            return Some(Self { base: Some(Span(span(file, node, SECOND..=DAY)?)), ..Self::default() });
        }
        let mut fields = Fields::of(file, node)?;
        let base = fields.span("base", SECOND..=DAY).map(Span);
        let factor = fields.node("factor").and_then(|node| number(file, node, 1..=FACTOR_MAX));
        let max = fields.span("max", SECOND..=DAY).map(Span);
        if let (Some(base), Some(max)) = (base, max)
            && base > max
        {
            file.refuse(node.at, format!("`base` {base} is longer than `max` {max}"));
        }
        fields.end();
        Some(Self { base, factor, max })
    }

    /// A longer base raises a cap that nobody wrote beside it.
    fn apply(self, backoff: &mut Backoff) {
        if let Some(Span(base)) = self.base {
            backoff.base = base;
        }
        backoff.factor = self.factor.unwrap_or(backoff.factor);
        backoff.max = self.max.map_or(backoff.max.max(backoff.base), |Span(max)| max);
        backoff.base = backoff.base.min(backoff.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_counts_in_windows() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert_eq!(parse_budget("5 per 10m"), Ok(Budget { count: 5, window: minutes(10) }));
        assert_eq!(parse_budget(" 0  in 1h"), Ok(Budget { count: 0, window: minutes(60) }));
        for text in
            ["", "5", "five per 1h", "5 per", "5 per 0s", "-1 per 1h", "5 per 1h 2", "20000 per 1h", "unlimited", "5 per 10"]
        {
            assert!(parse_budget(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let mut limits = Limits::default();
        let patch = LimitsPatch {
            attempts: Some(7),
            cooldown: Some(Cooldown { base: Some(Span(Duration::from_secs(600))), ..Cooldown::default() }),
            ..LimitsPatch::default()
        };
        patch.apply(&mut limits);
        let base = Duration::from_secs(600);
        assert_eq!(limits.cooldown, Backoff { base, factor: 2, max: base, jitter: 10 });
        assert_eq!(limits, Limits { attempts: 7, cooldown: limits.cooldown, ..Limits::default() });
    }
}
