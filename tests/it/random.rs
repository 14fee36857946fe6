//! Text and bytes from anybody: nothing makes heald panic, and nothing that an alert says is ever read as a template.
//!
//! The matchers have theirs beside the parser. `fuzz/` holds the same targets for longer runs.

use heald::book::{Edition, Override, Source};
use heald::domain::alert::Labels;
use heald::domain::selector::Selector;
use heald::domain::template::{self, Context, Results};
use heald::{book, ingest};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

const BODY: &str = include_str!("../payloads/am025-grouped-mixed.json");
const BOOK: &str = include_str!("../../playbooks/container/container-down.md");
/// What gets deeper into a reader than noise does.
const WORDS: [&str; 30] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "---",
    "```yaml",
    "```",
    "\n",
    "\t",
    "- ",
    ": ",
    "&a ",
    "*a",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "\\",
    "|",
    "\u{feff}",
    "\u{0}",
    "é",
    "0",
    "-1",
    "99999999999999999999",
    "## Verify\n",
    "labels.x",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(&WORDS[..]).prop_map(str::to_owned), any::<String>(), "[a-z_.]{1,6}"]
}

/// A sound text with something else here and there, or without a piece.
fn mutated(sound: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec((any::<prop::sample::Index>(), 0..30_usize, word()), 1..5).prop_map(move |changes| {
        let mut text = sound.to_owned();
        for (place, gone, word) in changes {
            let border = |mut at: usize, text: &str| {
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let start = border(place.index(text.len() + 1), &text);
            let end = border((start + gone).min(text.len()), &text).max(start);
            text.replace_range(start..end, &word);
        }
        text
    })
}

fn compile(text: String) -> bool {
    let source = Source { path: "x.md".into(), text };
    let edition = Edition { source, changes: Override::default(), vars: BTreeMap::new() };
    match edition.compile() {
        Ok(_) => true,
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                // Terminals are not told what to do, and every place is in the file.
                let shown = problem.to_string();
                assert!(!shown.contains('\u{1b}'), "{shown:?}");
                assert!(problem.line <= edition.source.text.split('\n').count(), "{shown}");
            }
            false
        }
    }
}

fn render(text: &str, labels: &Labels, vars: &BTreeMap<String, Value>) -> Result<String, String> {
    let steps = Results::from([("found".to_owned(), json!({ "text": labels.get("a").cloned().unwrap_or_default() }))]);
    template::render(
        text,
        &Context { labels, annotations: labels, vars, target: labels.get("b").map(String::as_str), steps: &steps },
    )
}

const SECRET: &str = "s3cr3t-s3cr3t";

fn secret() -> BTreeMap<String, Value> {
    BTreeMap::from([("secret".to_owned(), Value::from(SECRET))])
}

/// What somebody would write who can set a label.
fn hostile() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            Just("{{ vars.secret }}".to_owned()),
            Just("{{".to_owned()),
            Just("}}".to_owned()),
            Just("{% raw %}".to_owned()),
            Just("{% include vars.secret %}".to_owned()),
            Just("vars.secret".to_owned()),
            word(),
        ],
        0..5,
    )
    .prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn no_body_makes_the_webhook_panic(body in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), mutated(BODY).prop_map(String::into_bytes)]) {
        if let Ok(batch) = ingest::read(&body) {
            for alert in batch.alerts {
                prop_assert!(!alert.fingerprint.0.is_empty());
            }
        }
    }

    #[test]
    fn no_text_makes_the_playbook_reader_panic(text in mutated(BOOK)) {
        compile(text);
    }

    #[test]
    fn no_list_of_matchers_panics(texts in prop::collection::vec(word(), 0..4)) {
        drop(Selector::parse(&texts));
    }

    #[test]
    fn a_label_is_put_in_once_and_as_it_is(a in hostile(), b in hostile()) {
        let labels = Labels::from([("a".to_owned(), a.clone()), ("b".to_owned(), b.clone())]);
        let vars = secret();
        for (text, expected) in [
            ("{{ labels.a }}", a.clone()),
            ("{{ labels.a }}|{{ annotations.b }}|{{ target }}", format!("{a}|{b}|{b}")),
            ("{% for x in [labels.a, labels.b] %}{{ x }}{% endfor %}", format!("{a}{b}")),
            ("{% set x = labels.a %}{{ x }}", a.clone()),
            ("{{ labels.a ~ labels.b }}", format!("{a}{b}")),
            ("{{ labels['b'] | default('none') }}", b.clone()),
            ("{{ steps.found.text }}", a.clone()),
        ] {
            prop_assert_eq!(render(text, &labels, &vars), Ok(expected), "{}", text);
        }
        let all = json!({ "path": "/srv/{{ labels.a }}", "argv": ["{{ labels.b }}", 3, null, { "x": "{{ labels.a }}" }] });
        let steps = Results::new();
        let context = Context { labels: &labels, annotations: &labels, vars: &vars, target: None, steps: &steps };
        let expected = json!({ "path": format!("/srv/{a}"), "argv": [b, 3, null, { "x": a }] });
        prop_assert_eq!(template::render_value(&all, &context), Ok(expected));
    }

    #[test]
    fn no_template_panics_and_none_that_speaks_of_labels_alone_tells_more(pieces in prop::collection::vec(prop_oneof![word(), Just("{{ labels.a }}".to_owned()), Just("{{ labels.b|upper }}".to_owned())], 0..6), a in hostile(), b in hostile()) {
        let text = pieces.concat();
        let labels = Labels::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        let rendered = render(&text, &labels, &secret());
        if let (Ok(rendered), false) = (&rendered, text.contains("vars")) {
            prop_assert!(!rendered.contains(SECRET), "{:?} became {:?}", text, rendered);
        }
        if !template::is_template(&text) {
            prop_assert_eq!(rendered, Ok(text.clone()));
        }
        drop(template::check(&text));
        drop(template::holds(&text, &Context { labels: &labels, annotations: &labels, vars: &secret(), target: None, steps: &Results::new() }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn no_bytes_in_a_file_make_the_playbook_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in mutated(BOOK), cut in any::<prop::sample::Index>()) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.md"), &bytes).unwrap();
        // A character cut in two.
        fs::write(dir.path().join("b.md"), &text.as_bytes()[..cut.index(text.len() + 1)]).unwrap();
        let loaded = book::load_all(&[dir.path().to_owned()], &BTreeMap::new(), &BTreeMap::new());
        prop_assert!(loaded.books.len() < 2);
        prop_assert!(!loaded.problems.is_empty(), "no bytes are a playbook");
        drop(book::warnings(&loaded, Some(&[])));
    }
}

#[test]
fn the_sound_ones_are_sound() {
    assert!(compile(BOOK.to_owned()));
    assert!(!ingest::read(BODY.as_bytes()).unwrap().alerts.is_empty());
    // As the reference has it.
    assert_eq!(render("{{ labels.zone | default(\"none\") }}", &Labels::new(), &secret()), Ok("none".to_owned()));
}
