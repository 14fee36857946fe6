//! Bodies good and bad, and what becomes of them.

use super::*;

fn alert(fields: &str) -> String {
    format!(r#"{{"status":"firing","startsAt":"2026-11-22T01:47:01Z","labels":{{"alertname":"A"}}{fields}}}"#)
}

fn body(alerts: &[String]) -> String {
    format!(r#"{{"version":"4","alerts":[{}]}}"#, alerts.join(","))
}

/// The reason for which the body's only alert is refused.
fn reason(alert: &str) -> String {
    let batch = read(body(&[alert.to_owned()]).as_bytes()).unwrap();
    assert_eq!(batch.alerts, [], "{alert} was taken");
    batch.refused[0].reason.clone()
}

fn only(alert: &str) -> Alert {
    let mut batch = read(body(&[alert.to_owned()]).as_bytes()).unwrap();
    assert_eq!(batch.refused, []);
    batch.alerts.remove(0)
}

#[test]
fn bodies_that_hold_nothing_usable_say_why() {
    for (body, why) in [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("<xml>", "it is no JSON: expected value at line 1 column 1"),
        ("{\"alerts\":[", "it can't be read: EOF"),
        ("{\"alerts\":[]} x", "trailing characters"),
        ("[]", "[] is no JSON object"),
        ("\"x\"", "\"x\" is no JSON object"),
        ("{}", "\"alerts\" is missing"),
        ("{\"alerts\":null}", "\"alerts\" is missing"),
        ("{\"version\":\"2\",\"alerts\":[]}", "version \"2\" is not known: heald takes \"4\""),
        ("{\"version\":4,\"alerts\":[]}", "invalid type: integer `4`"),
    ] {
        let error = read(body.as_bytes()).unwrap_err();
        assert!(error.contains(why), "{body:?}: {error}");
    }
    assert!(read(b"{\"alerts\":[\xff]}").is_err(), "no UTF-8");
    assert!(read("[".repeat(100_000).as_bytes()).is_err(), "deep nesting");
    assert!(read(body(&["[".repeat(100_000)]).as_bytes()).is_err(), "deep nesting inside");
}

#[test]
fn versions_4_and_1_and_none_are_taken_and_an_empty_list_is_fine() {
    for version in ["\"version\":\"4\",", "\"version\":\"1\",", "", "\"version\":null,"] {
        let batch = read(format!("{{{version}\"alerts\":[]}}").as_bytes()).unwrap();
        assert!(batch.alerts.is_empty() && batch.refused.is_empty());
    }
}

#[test]
fn one_bad_alert_does_not_spoil_the_others() {
    let batch = read(body(&[alert(""), "7".to_owned(), alert(",\"fingerprint\":\"b\"")]).as_bytes()).unwrap();
    assert_eq!(batch.alerts.len(), 2);
    assert_eq!(batch.refused, [Refused { index: 1, reason: "7 is no JSON object".to_owned() }]);
}

#[test]
fn each_refusal_names_field_value_and_remedy() {
    let with = |status: &str, starts: &str, labels: &str| {
        reason(&format!(r#"{{"status":{status},"startsAt":{starts},"labels":{labels}}}"#))
    };
    let now = "\"2026-11-22T01:47:01Z\"";
    for (reason, why) in [
        (with("\"FIRING\"", now, "{}"), "status \"FIRING\": only \"firing\" and \"resolved\" are known"),
        (with("\"pending\"", now, "{}"), "status \"pending\""),
        (with("null", now, "{}"), "status is missing"),
        (with("\"firing\"", "\"yesterday\"", "{}"), "startsAt \"yesterday\" is no time: write it like"),
        (with("\"firing\"", "null", "{}"), "startsAt is missing"),
        (
            with("\"firing\"", now, r#"{"n":5}"#),
            "invalid type: integer `5`, expected a string as the value of \"n\" in the labels",
        ),
        (with("\"firing\"", now, r#"{"o":{"a":1}}"#), "the value of \"o\" in the labels"),
        (with("\"firing\"", now, r#"["a"]"#), "expected labels as an object"),
    ] {
        assert!(reason.contains(why), "{reason}");
        assert!(!reason.contains("line 1"), "{reason}");
    }
    let long = with(&format!("\"{}\"", "x".repeat(5_000)), now, "{}");
    assert!(long.len() < 200, "values are cut in messages: {long}");
}

#[test]
fn labels_are_bounded_in_number_and_size() {
    let labels = |count: usize, size: usize| {
        let pairs: Vec<String> = (0..count).map(|n| format!("\"l{n}\":\"{}\"", "v".repeat(size))).collect();
        format!(r#"{{"status":"firing","startsAt":"2026-11-22T01:47:01Z","labels":{{{}}}}}"#, pairs.join(","))
    };
    assert_eq!(only(&labels(256, 10)).labels.len(), 256);
    assert!(reason(&labels(10_000, 1)).contains("more than 256 labels"));
    assert!(reason(&labels(200, 1_000)).contains("the labels take"));
}

#[test]
fn a_long_annotation_is_cut_with_a_mark() {
    let text = "é".repeat(500_000);
    let taken = only(&alert(&format!(",\"annotations\":{{\"summary\":\"x{text}\"}}")));
    let summary = &taken.annotations["summary"];
    assert!(summary.len() < ANNOTATION_MAX + 60, "{}", summary.len());
    assert!(summary.ends_with("é… [cut, 1000001 bytes in all]"), "{}", &summary[4_000..]);
}

#[test]
fn missing_fingerprints_are_computed_from_the_labels() {
    let plain = only(&alert(""));
    assert_eq!(plain.fingerprint.0.len(), 16);
    assert_eq!(only(&alert(",\"fingerprint\":\"\"")).fingerprint, plain.fingerprint);
    assert_eq!(only(&alert(",\"fingerprint\":\"a b\\u001b[2J\"")).fingerprint, plain.fingerprint);
    assert_eq!(only(&alert(",\"fingerprint\":\"0011\"")).fingerprint, Fingerprint::from("0011"));
    let one = fingerprint(&Labels::from([("a".to_owned(), "bc".to_owned())]));
    let other = fingerprint(&Labels::from([("ab".to_owned(), "c".to_owned())]));
    assert_ne!(one, other);
}

#[test]
fn of_two_alerts_with_one_fingerprint_the_later_counts() {
    let resolved = alert("").replace("firing", "resolved");
    let batch = read(body(&[alert(""), resolved]).as_bytes()).unwrap();
    assert_eq!((batch.alerts.len(), batch.repeated), (1, 1));
    assert_eq!(batch.alerts[0].status, AlertStatus::Resolved);
}

#[test]
fn odd_times_and_unknown_fields_are_taken() {
    for time in ["0001-01-01T00:00:00Z", "2126-11-22T01:47:01.123456789Z", "2026-11-22T01:47:01.1+02:00"] {
        only(&alert("").replace("2026-11-22T01:47:01Z", time));
    }
    only(&alert(",\"values\":{\"B\":44.2,\"C\":null},\"endsAt\":\"0001-01-01T00:00:00Z\",\"orgId\":1"));
    let no_labels = only(r#"{"status":"resolved","startsAt":"2026-11-22T01:47:01Z"}"#);
    assert_eq!(no_labels.label("alertname"), "");
}

#[test]
fn hostile_values_stay_what_they_are() {
    let value = "$(reboot); `id` {{ secrets.token }} ${ENV} \\u001b[31m \\u202e --now ../../x \\u0000";
    let taken = only(&alert("").replace("\"A\"", &format!("\"{value}\"")));
    let plain: String = serde_json::from_str(&format!("\"{value}\"")).unwrap();
    assert_eq!(taken.label("alertname"), plain);
}
