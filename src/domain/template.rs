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
    /// The results of earlier steps, by the names that they were registered under.
    pub steps: &'a Results,
}

/// What steps with `register:` brought.
pub type Results = BTreeMap<String, Value>;

/// [`Context`] for a `when:`: as in a matcher, a label that is missing is empty.
#[derive(Debug, Serialize)]
struct Condition<'a> {
    labels: minijinja::Value,
    annotations: minijinja::Value,
    vars: &'a BTreeMap<String, Value>,
    target: Option<&'a str>,
    steps: &'a Results,
}

#[derive(Debug)]
struct OrEmpty(Labels);

// === impl Condition ===

impl<'a> Condition<'a> {
    fn of(context: &Context<'a>) -> Self {
        let or_empty = |labels: &Labels| minijinja::Value::from_object(OrEmpty(labels.clone()));
        let Context { labels, annotations, vars, target, steps } = *context;
        Self { labels: or_empty(labels), annotations: or_empty(annotations), vars, target, steps }
    }
}

// === impl Object for OrEmpty ===

impl minijinja::value::Object for OrEmpty {
    fn get_value(self: &std::sync::Arc<Self>, name: &minijinja::Value) -> Option<minijinja::Value> {
        Some(minijinja::Value::from(self.0.get(name.as_str()?).map_or("", String::as_str)))
    }
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
        // One name without a value must not cost the reader all the others.
        engine.set_undefined_behavior(UndefinedBehavior::Chainable);
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

/// Before any expression is compiled: the engine panics at a `}}` that closes nothing ("empty lexer stack").
///
/// # Errors
/// What to leave out.
pub fn is_expression(text: &str) -> Result<(), String> {
    if text.contains("}}") {
        return Err("`}}` has no place in an expression".to_owned());
    }
    Ok(())
}

/// Whether the expression of a `when:` holds.
///
/// # Errors
/// The engine's one-line reason.
pub fn holds(expression: &str, context: &Context<'_>) -> Result<bool, String> {
    is_expression(expression).map_err(|why| format!("when {:?}: {why}", super::target::cut(expression)))?;
    ENGINE.with(|engine| {
        let compiled = engine.compile_expression(expression).map_err(|error| format!("when {expression:?}: {error}"))?;
        let value = compiled
            .eval(Condition::of(context))
            .map_err(|error| format!("when {:?}: {}", super::target::cut(expression), error.kind()))?;
        // An empty label is no label.
        Ok(value.is_true())
    })
}

/// The registered names that a template or, with `expression`, a `when:` speaks of. `None`: it can't be told, so it may be
/// any.
pub fn registered_names(text: &str, expression: bool) -> Option<Vec<String>> {
    if !text.contains("steps") || !expression && !is_template(text) {
        return Some(Vec::new());
    }
    let used = ENGINE.with(|engine| match expression {
        true => is_expression(text)
            .ok()
            .and_then(|()| engine.compile_expression(text).ok())
            .map(|compiled| compiled.undeclared_variables(true)),
        false => engine.template_from_str(text).ok().map(|template| template.undeclared_variables(true)),
    })?;
    let steps: Vec<&String> = used.iter().filter(|name| *name == "steps" || name.starts_with("steps.")).collect();
    steps
        .into_iter()
        .map(|name| name.strip_prefix("steps.").map(|rest| rest.split('.').next().unwrap_or(rest).to_owned()))
        .collect()
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
        let steps = Results::from([("copy".to_owned(), serde_json::json!({ "path": "/a/{{ x }}" }))]);
        let annotations = Labels::new();
        render(
            text,
            &Context { labels: &labels, annotations: &annotations, vars: &vars, target: Some("web.service"), steps: &steps },
        )
    }

    #[test]
    fn values_are_put_in_once() {
        assert_eq!(rendered("{{ target }} {{ vars.n }}").unwrap(), "web.service 3");
        assert_eq!(rendered("{{ labels.unit }}").unwrap(), "{{ vars.secret }}", "a label is never a template");
        assert_eq!(rendered("{{ steps.copy.path }}").unwrap(), "/a/{{ x }}");
        assert_eq!(rendered("${HOME} $(id) %s").unwrap(), "${HOME} $(id) %s");
    }

    #[test]
    fn help_shows_logs_and_what_happened() {
        let labels = Labels::from([("unit".to_owned(), "web".to_owned())]);
        let vars = BTreeMap::new();
        let helped = |text: &str, gathered| {
            let (annotations, steps) = (Labels::new(), Results::new());
            let context =
                Context { labels: &labels, annotations: &annotations, vars: &vars, target: Some("web.service"), steps: &steps };
            render_help(text, &Help { context, timeline: "12:00 attempt 1", gathered }).unwrap()
        };
        let lines = Some("one\ntwo {{ vars.secret }}\n```");
        assert_eq!(helped("{{ labels.unit }} {{ target }}: {{ logs(2) }}", lines), "web web.service: two {{ vars.secret }}\n'''");
        assert_eq!(helped("{{ logs() }}|{{ timeline }}", None), "(no logs are known)|12:00 attempt 1");
        assert!(rendered("{{ logs(2) }}").is_err(), "a step's argument knows none");
        assert!(check("{{ logs(20) }} {{ timeline }}").is_ok());
    }

    #[test]
    fn expressions_are_true_or_false_and_name_what_they_need() {
        let labels = Labels::from([("tier".to_owned(), "gold".to_owned())]);
        let (annotations, vars) = (Labels::new(), BTreeMap::new());
        let steps = Results::from([("free".to_owned(), serde_json::json!({ "bytes": 10, "outcome": "failed" }))]);
        let context =
            Context { labels: &labels, annotations: &annotations, vars: &vars, target: Some("web.service"), steps: &steps };
        for (expression, expected) in [
            ("labels.tier == 'gold'", Ok(true)),
            ("steps.free.bytes > 100", Ok(false)),
            ("steps.free.outcome == 'failed' and target == 'web.service'", Ok(true)),
            ("steps.none is defined", Ok(false)),
            ("labels.none == 'x'", Ok(false)),
            ("not labels.none", Ok(true)),
            ("steps.none.bytes > 1", Err(())),
            ("labels.tier ==", Err(())),
        ] {
            assert_eq!(holds(expression, &context).map_err(drop), expected, "{expression}");
        }
        assert_eq!(registered_names("steps.free.bytes > 100", true), Some(vec!["free".to_owned()]));
        assert_eq!(registered_names("{{ steps.copy.path }}", false), Some(vec!["copy".to_owned()]));
        assert_eq!(registered_names("{{ labels.steps }}", false), Some(Vec::new()));
        assert_eq!(registered_names("{{ steps['a b'] }}", false), None, "it can't be told");
    }

    #[test]
    fn unknown_names_and_endless_loops_are_errors() {
        assert!(rendered("{{ labels.nope }}").unwrap_err().contains("carry that label?"));
        assert!(rendered("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}").is_err());
        assert!(check("{{ labels.").is_err());
        assert!(check("{{ labels.fine }}").is_ok());
    }
}
