//! A body in the receiver's own form: minijinja, strict, over the fields of the card.
//!
//! Where the content type is JSON every `{{ … }}` is written as a JSON value, quotes included: `{"title": {{ headline }}}`.
//! What an alert says stays inside its string, whatever it says; text put together in the template goes through `~`, as in
//! `{{ target ~ ": " ~ reason }}`. In other content types values are put in as they are.

use crate::domain::notice::NoticeKind;
use crate::notify::{document, sample};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Checked against every kind of notice when it is made.
#[derive(Clone)]
pub struct Template {
    engine: Arc<Environment<'static>>,
    is_json: bool,
}

/// Ends endless loops.
const FUEL: u64 = 20_000;
const NAME: &str = "template";

// === impl Template ===

impl Template {
    /// # Errors
    /// The template is wrong, names what a card does not have, or does not make JSON where JSON is promised.
    pub fn new(text: String, content_type: &str) -> Result<Self, String> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_json = essence == super::JSON || essence.ends_with("+json");
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_fuel(Some(FUEL));
        engine.set_auto_escape_callback(move |_| if is_json { AutoEscape::Json } else { AutoEscape::None });
        engine.add_template_owned(NAME, text).map_err(|error| why(&error))?;
        let template = Self { engine: Arc::new(engine), is_json };
        for kind in NoticeKind::ALL {
            let told = template.render(&document::of(&sample::notice(kind)));
            told.map_err(|error| format!("{error} (tried with the kind `{}`)", kind.label()))?;
        }
        Ok(template)
    }

    /// # Errors
    /// As [`Template::new`]; nothing of the card is repeated.
    pub fn render(&self, card: &impl Serialize) -> Result<String, String> {
        let template = self.engine.get_template(NAME).map_err(|error| why(&error))?;
        let body = template.render(card).map_err(|error| why(&error))?;
        if self.is_json
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body)
        {
            return Err(format!("the template makes no JSON: {error}"));
        }
        Ok(body)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("is_json", &self.is_json).finish_non_exhaustive()
    }
}

fn why(error: &minijinja::Error) -> String {
    let place = error.line().map_or_else(String::new, |line| format!(" in its line {line}"));
    let reason = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    format!("the template is wrong{place}: {reason}")
}
