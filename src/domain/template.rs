//! `{{ labels.x }}` and friends: strict, bounded, and never expanded twice.

use super::alert::Labels;
use minijinja::{Environment, State, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a template may speak of.
#[derive(Debug, Serialize)]
pub struct Context<'a> {
    pub labels: &'a Labels,
    pub annotations: &'a Labels,
    pub vars: &'a BTreeMap<String, Value>,
    /// The target's name, once it is known.
    pub target: Option<&'a str>,
}

/// What *Manual fix* and *Debug prompt* may speak of besides: `{{ logs(20) }}` and `{{ timeline }}`.
#[derive(Debug, Serialize)]
pub struct Help<'a> {
    #[serde(flatten)]
    pub context: Context<'a>,
    /// What happened so far, a line each.
    pub timeline: &'a str,
    /// The target's last log lines, clean; `None`: none are known.
    pub gathered: Option<&'a str>,
}

/// Ends endless loops; a message or an argument needs a few hundred at most.
const FUEL: u64 = 20_000;

thread_local! {
    static ENGINE: Environment<'static> = {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_fuel(Some(FUEL));
        engine
    };
    /// The same, with [`Help`].
    static HELPER: Environment<'static> = {
        let mut engine = ENGINE.with(Environment::clone);
        engine.add_function("logs", logs);
        engine
    };
}

/// The last `count` lines that are known, 20 where it is left out.
fn logs(state: &State<'_, '_>, count: Option<usize>) -> String {
    let gathered = state.lookup("gathered");
    match gathered.as_ref().and_then(|text| text.as_str()) {
        Some(text) => super::logs::last_lines(text, count.unwrap_or(20)),
        None => "(no logs are known)".to_owned(),
    }
}

pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// # Errors
/// The engine's one-line reason: an unknown name, wrong syntax, too much work.
pub fn render(text: &str, context: &Context<'_>) -> Result<String, String> {
    ENGINE.with(|engine| render_by(engine, text, context))
}

/// As [`render`], for what people read.
///
/// # Errors
/// As [`render`].
pub fn render_help(text: &str, help: &Help<'_>) -> Result<String, String> {
    HELPER.with(|engine| render_by(engine, text, help))
}

fn render_by(engine: &Environment<'static>, text: &str, context: &impl Serialize) -> Result<String, String> {
    if !is_template(text) {
        return Ok(text.to_owned());
    }
    engine.render_str(text, context).map_err(|error| {
        if error.kind() == minijinja::ErrorKind::UndefinedError {
            return format!(
                "template {:?}: a name in it has no value: does the alert carry that label?",
                super::target::cut(text)
            );
        }
        let reason = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
        format!("template {:?}: {reason}", super::target::cut(text))
    })
}

/// Renders every string inside `value`; keys stay as they are.
///
/// # Errors
/// As [`render`].
pub fn render_value(value: &Value, context: &Context<'_>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(render(text, context)?),
        Value::Array(items) => Value::Array(items.iter().map(|item| render_value(item, context)).collect::<Result<_, _>>()?),
        Value::Object(map) => Value::Object(
            map.iter().map(|(key, item)| Ok((key.clone(), render_value(item, context)?))).collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

/// Whether the text would parse as a template, for `heald check`.
///
/// # Errors
/// The engine's reason.
pub fn check(text: &str) -> Result<(), String> {
    if !is_template(text) {
        return Ok(());
    }
    ENGINE.with(|engine| engine.template_from_str(text).map(|_| ())).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> Result<String, String> {
        let labels = Labels::from([("unit".to_owned(), "{{ vars.secret }}".to_owned())]);
        let vars = BTreeMap::from([("secret".to_owned(), Value::from("hidden")), ("n".to_owned(), Value::from(3))]);
        render(text, &Context { labels: &labels, annotations: &Labels::new(), vars: &vars, target: Some("web.service") })
    }

    #[test]
    fn values_are_put_in_once() {
        assert_eq!(rendered("{{ target }} {{ vars.n }}").unwrap(), "web.service 3");
        assert_eq!(rendered("{{ labels.unit }}").unwrap(), "{{ vars.secret }}", "a label is never a template");
        assert_eq!(rendered("${HOME} $(id) %s").unwrap(), "${HOME} $(id) %s");
    }

    #[test]
    fn help_shows_logs_and_what_happened() {
        let labels = Labels::from([("unit".to_owned(), "web".to_owned())]);
        let vars = BTreeMap::new();
        let helped = |text: &str, gathered| {
            let context = Context { labels: &labels, annotations: &Labels::new(), vars: &vars, target: Some("web.service") };
            render_help(text, &Help { context, timeline: "12:00 attempt 1", gathered }).unwrap()
        };
        let lines = Some("one\ntwo {{ vars.secret }}\n```");
        assert_eq!(helped("{{ labels.unit }} {{ target }}: {{ logs(2) }}", lines), "web web.service: two {{ vars.secret }}\n'''");
        assert_eq!(helped("{{ logs() }}|{{ timeline }}", None), "(no logs are known)|12:00 attempt 1");
        assert!(rendered("{{ logs(2) }}").is_err(), "a step's argument knows none");
        assert!(check("{{ logs(20) }} {{ timeline }}").is_ok());
    }

    #[test]
    fn unknown_names_and_endless_loops_are_errors() {
        assert!(rendered("{{ labels.nope }}").unwrap_err().contains("carry that label?"));
        assert!(rendered("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}").is_err());
        assert!(check("{{ labels.").is_err());
        assert!(check("{{ labels.fine }}").is_ok());
    }
}
