//! The engine's word on a container's age: `Up 3 hours (healthy)`, `Exited (137) 4 minutes ago`.
//!
//! Written by `HumanDuration` of docker/go-units, rounded down: seconds up to a minute, "About a minute",
//! minutes, "About an hour", hours, days, weeks, months, years.

/// The text without its age, when that says: for two minutes at least nothing has started or ended here.
/// None for younger ones, and for all that has no age or is no lasting state.
pub(super) fn settled(text: &str) -> Option<String> {
    let (head, rest) = if let Some(rest) = text.strip_prefix("Up ") {
        ("Up", rest)
    } else {
        let close = text.strip_prefix("Exited (").and_then(|_| text.find(") "))?;
        (&text[..=close], &text[close + 2..])
    };
    // A health check that fails or has not passed yet counts on between two changes of the text.
    if rest.ends_with("(unhealthy)") || rest.ends_with("(health: starting)") {
        return None;
    }
    let (age, tail) = rest.split_once(" (").unwrap_or((rest, ""));
    let age = age.trim_end_matches(" ago");
    let is_old = age == "About an hour" || {
        let (number, unit) = age.split_once(' ')?;
        number.parse::<u32>().is_ok_and(|number| number >= 2)
            && matches!(unit, "minutes" | "hours" | "days" | "weeks" | "months" | "years")
    };
    is_old.then(|| if tail.is_empty() { head.to_owned() } else { format!("{head} ({tail}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_two_minutes_old_is_settled() {
        for (text, expected) in [
            ("Up 2 minutes", Some("Up")),
            ("Up 59 minutes (healthy)", Some("Up (healthy)")),
            ("Up About an hour", Some("Up")),
            ("Up 47 hours (Paused)", Some("Up (Paused)")),
            ("Up 3 weeks", Some("Up")),
            ("Exited (137) 4 minutes ago", Some("Exited (137)")),
            ("Exited (0) About an hour ago", Some("Exited (0)")),
            ("Up Less than a second", None),
            ("Up 1 second", None),
            ("Up 45 seconds (healthy)", None),
            ("Up About a minute", None),
            ("Up 3 hours (unhealthy)", None),
            ("Up 3 hours (health: starting)", None),
            ("Exited (1) 1 second ago", None),
            ("Exited (1) About a minute ago", None),
            ("Restarting (3) 2 minutes ago", None),
            ("Created", None),
            ("Dead", None),
            ("Removal In Progress", None),
            ("", None),
            ("Up", None),
            ("Exited (", None),
        ] {
            assert_eq!(settled(text).as_deref(), expected, "{text:?}");
        }
    }
}
