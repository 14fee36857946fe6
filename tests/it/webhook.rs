//! The webhook channel: its signature, its templates, and the promise that fields are only ever added.

use crate::fake;
use crate::fake::hook::{Answer, Got, Hook};
use heald::domain::notice::{Again, Delivery, Notice, NoticeKind, Post};
use heald::notify::webhook::Settings;
use heald::notify::webhook::template::Template;
use heald::notify::{Kind, Notifier, document, sample};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use std::time::Duration;

fn notifier(settings: Settings) -> Notifier {
    crate::notifier("hook", Kind::Webhook(settings))
}

async fn post(settings: Settings, notice: Notice) -> Delivery {
    notifier(settings).post(Post { channel: "hook".to_owned(), notice, thread: None }).await
}

/// As a receiver does it: over the raw body.
fn is_signed(got: &Got, key: &str) -> bool {
    let of = |name: &str| got.headers[name].to_str().unwrap().to_owned();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{}.{}", of("x-heald-timestamp"), got.body).as_bytes());
    let hex = of("x-heald-signature");
    let hex = hex.strip_prefix("v1=").unwrap();
    let sent: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    mac.verify_slice(&sent).is_ok()
}

#[tokio::test]
async fn the_signature_fits_the_body_and_the_key() {
    let (hook, url) = Hook::open(&[]).await;
    let settings = Settings { hmac: Some("s3cret".to_owned()), ..Settings::new(url, None) };
    assert_eq!(post(settings, sample::notice(NoticeKind::Escalated)).await.error, None);
    let got = hook.got().remove(0);
    assert!(is_signed(&got, "s3cret") && !is_signed(&got, "another"));
    let changed = Got { body: got.body.replace("web-1", "web-2"), ..got.clone() };
    assert!(!is_signed(&changed, "s3cret"));
    let sent: i64 = got.headers["x-heald-timestamp"].to_str().unwrap().parse().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a receiver has a clock of its own")]
    let now = jiff::Timestamp::now().as_second();
    assert!((now - sent).abs() < 60, "{sent} is not {now}");
}

#[tokio::test]
async fn unsigned_without_a_key() {
    let (hook, url) = Hook::open(&[]).await;
    post(Settings::new(url, None), sample::notice(NoticeKind::Escalated)).await;
    let got = hook.got().remove(0);
    assert!(!got.headers.contains_key("x-heald-signature") && !got.headers.contains_key("x-heald-timestamp"));
    assert_eq!(got.headers["content-type"], "application/json");
}

/// The example of `docs/notify.md`, word for word.
fn ntfy() -> String {
    let page = include_str!("../../docs/notify.md");
    let block = page.split("```jinja\n").nth(1).and_then(|rest| rest.split("```").next());
    block.expect("docs/notify.md shows a template for ntfy").to_owned()
}

#[tokio::test]
async fn ntfy_gets_what_it_reads() {
    let (hook, url) = Hook::open(&[]).await;
    let settings = Settings { template: Some(ntfy()), ..Settings::new(url, Some("tk_token".to_owned())) };
    for kind in NoticeKind::ALL {
        assert_eq!(post(settings.clone(), sample::notice(kind)).await.error, None);
    }
    let got = hook.got();
    assert_eq!(got[0].headers["authorization"], "Bearer tk_token");
    for got in &got {
        let json: Value = serde_json::from_str(&got.body).unwrap();
        // https://docs.ntfy.sh/publish/#publish-as-json
        for (field, value) in json.as_object().unwrap() {
            let fits = match field.as_str() {
                "topic" | "title" | "message" | "click" => value.is_string(),
                "tags" => value.as_array().is_some_and(|tags| tags.iter().all(Value::is_string)),
                "priority" => (1..=5).contains(&value.as_u64().unwrap()),
                _ => false,
            };
            assert!(fits, "{field}: {value}");
        }
    }
    let first: Value = serde_json::from_str(&got[0].body).unwrap();
    assert_eq!((&first["topic"], &first["priority"]), (&json!("heald"), &json!(4)));
    assert!(first["title"].as_str().unwrap().starts_with("🔴 P1 SystemdUnitFailed"), "{first}");
    assert_eq!(first["click"], "https://runbooks.example/web");
}

#[test]
fn an_alerts_text_stays_inside_its_string() {
    let parts =
        ["\"", "\\", "\n", "\"}", ",\"topic\":\"x\"", "{{ key }}", "{% raw %}", "\u{2028}", "\0", "</script>", "'", "\\u0022"];
    let template = Template::new(ntfy(), "application/json").unwrap();
    let joined = Template::new(r#"{"text": {{ target ~ ": " ~ reason }}}"#.to_owned(), "application/json").unwrap();
    for (at, first) in parts.iter().enumerate() {
        for second in parts {
            let hostile = format!("{first}{second}{}", parts[at]);
            let mut notice = sample::notice(NoticeKind::Escalated);
            notice.target = hostile.clone();
            notice.reason = hostile.clone();
            notice.summary = hostile.clone();
            let card = document::of(&notice);
            let read: Value = serde_json::from_str(&template.render(&card).unwrap()).unwrap();
            assert_eq!(read["topic"], "heald", "{hostile:?}");
            assert_eq!(read["message"], card.text, "{hostile:?}");
            let read: Value = serde_json::from_str(&joined.render(&card).unwrap()).unwrap();
            assert_eq!(read, json!({ "text": format!("{hostile}: {hostile}") }));
        }
    }
}

#[test]
fn a_template_is_tried_before_it_is_needed() {
    for (text, why) in [
        ("{\"a\": {{ titel }}}", "undefined value"),
        ("{{ title", "syntax error"),
        ("title: {{ title }}", "the template makes no JSON"),
        ("{\"a\": \"{{ title }}\"}", "the template makes no JSON"),
        ("{% for a in range(9999) %}{% for b in range(9999) %}1{% endfor %}{% endfor %}", "fuel"),
    ] {
        let found = Template::new(text.to_owned(), "application/json").unwrap_err();
        assert!(found.contains(why), "{text}: {found}");
    }
    assert!(Template::new("{{ headline }}: {{ target }}".to_owned(), "text/plain; charset=utf-8").is_ok());
}

#[tokio::test]
async fn other_forms_have_their_content_type_and_headers() {
    let (hook, url) = Hook::open(&[Answer::Limited(9), Answer::Status(500, ""), Answer::Slow(Duration::from_secs(60))]).await;
    let settings = Settings {
        template: Some("{{ emoji }} {{ target }}: {{ headline }}".to_owned()),
        content_type: "text/plain; charset=utf-8".to_owned(),
        headers: vec![("X-Gotify-Key".to_owned(), "canary".to_owned())],
        timeout: Duration::from_millis(500),
        ..Settings::new(format!("{url}/message"), None)
    };
    for again in [Again::After(Duration::from_secs(9)), Again::Soon, Again::Soon] {
        let told = post(settings.clone(), sample::notice(NoticeKind::Escalated)).await;
        assert_eq!(told.again, again);
        assert!(told.error.is_some());
    }
    let got = hook.got().remove(0);
    assert_eq!(got.body, "🔴 unit web.service: needs a person");
    assert_eq!(
        (&got.headers["content-type"], &got.headers["x-gotify-key"]),
        (&"text/plain; charset=utf-8".parse().unwrap(), &"canary".parse().unwrap())
    );
    assert_eq!(got.path, "/message");
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../docs/schema/notice-v1.json")).unwrap()
}

/// As much of JSON Schema 2020-12 as the schema uses; a word that it does not know is a mistake of the test.
fn check(schema: &Value, value: &Value, at: &str) {
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "$schema" | "$id" | "title" | "description" => {}
            "type" => {
                let types: Vec<&str> = rule
                    .as_array()
                    .map_or_else(|| vec![rule], |types| types.iter().collect())
                    .into_iter()
                    .map(|kind| kind.as_str().unwrap())
                    .collect();
                let found = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                assert!(types.contains(&found), "{at}: {value} is none of {types:?}");
            }
            "const" => assert_eq!(value, rule, "{at}"),
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{at}: {value} is none of {rule}"),
            "minimum" => assert!(value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()), "{at}: {value}"),
            "format" => {
                assert_eq!(rule, "date-time", "{at}");
                if let Some(text) = value.as_str() {
                    assert!(text.parse::<jiff::Timestamp>().is_ok(), "{at}: {text}");
                }
            }
            "required" => {
                let missing = rule.as_array().unwrap().iter().find(|name| value.get(name.as_str().unwrap()).is_none());
                assert!(missing.is_none(), "{at}: {} is missing", missing.unwrap());
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(rule, value, &format!("{at}/{name}"));
                    }
                }
                // The schema lets receivers expect more later; today it names all that there is.
                let unknown = value.as_object().unwrap().keys().find(|name| rule.get(name.as_str()).is_none());
                assert!(unknown.is_none(), "{at}: {} is not described", unknown.unwrap());
            }
            _ => panic!("{at}: the check does not know `{word}`"),
        }
    }
}

#[test]
fn every_kind_fits_the_schema() {
    let schema = schema();
    for kind in NoticeKind::ALL {
        check(&schema, &serde_json::to_value(document::of(&sample::notice(kind))).unwrap(), kind.label());
    }
    let kinds = schema["properties"]["kind"]["enum"].as_array().unwrap();
    assert_eq!(*kinds, NoticeKind::ALL.map(|kind| json!(kind.label())), "the schema names every kind");
}

#[test]
fn what_receivers_rest_upon_stays() {
    let json = serde_json::to_value(document::of(&sample::notice(NoticeKind::Escalated))).unwrap();
    // Of the first release; none of them may ever leave or change its meaning.
    for (field, value) in [
        ("version", json!(1)),
        ("key", json!("web-1/17/escalated/3")),
        ("kind", json!("escalated")),
        ("incident", json!(17)),
        ("playbook", json!("systemd-unit-failed")),
        ("title", json!("A systemd unit failed")),
        ("target", json!("unit web.service")),
        ("host", json!("web-1")),
        ("severity", json!("P1")),
        ("summary", json!("web.service entered the state failed")),
        ("reason", json!("attempts used up: 3 of 3")),
        ("attempts", json!(3)),
        ("opened_at", json!("2026-11-22T01:47:01.742Z")),
        ("at", json!("2026-11-22T01:59:04.999Z")),
        ("manual_fix", json!("Look at the journal:\n\n    journalctl -u web.service -n 50\n")),
        ("debug_prompt", json!("Why does web.service fail?")),
        ("runbook_url", json!("https://runbooks.example/web")),
    ] {
        assert_eq!(json[field], value, "{field}");
    }
    assert!(json["text"].as_str().unwrap().starts_with("🔴 P1 SystemdUnitFailed unit web.service on web-1: needs a person\n"));
    // The distress signal.
    assert_eq!(json["timestamp"], json["at"]);
    assert_eq!(
        (&json["agent"], &json["category"], &json["component"]),
        (&json!("heald"), &json!("service"), &json!("unit web.service"))
    );
    let context = json!({
        "last_success": null, "attempts": 3, "last_error": "http get http://127.0.0.1:8080/: status 502",
        "verified": "http get http://127.0.0.1:8080/: status 502", "auto_recovery_tried": true,
    });
    assert_eq!(json["context"], context);
    assert_eq!(json["requested_action"], "repair it by hand, then: heald retry 17, or heald close 17");
    assert_eq!(json["escalation_deadline"], "2026-11-22T02:02:01.742Z");
}

#[test]
fn without_a_request_there_is_no_deadline() {
    let json = serde_json::to_value(document::of(&sample::notice(NoticeKind::Healed))).unwrap();
    assert_eq!((&json["requested_action"], &json["escalation_deadline"]), (&Value::Null, &Value::Null));
    assert_eq!(json["context"]["last_success"], json["at"]);
}
