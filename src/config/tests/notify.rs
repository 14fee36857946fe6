//! The channels to people, as they are configured.

use super::{check, reading};
use crate::notify::Kind;
use crate::notify::email::Security;

fn channel(text: &str) -> Kind {
    let text = format!("notify: {{ channels: {{ c: {{ {text} }} }} }}\nplaybooks: [p]\n");
    let settings = reading(&text).unwrap_or_else(|found| panic!("{text}: {found:?}"));
    settings.notify.channels["c"].clone()
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    check(&format!("notify:\n  channels:\n    c:\n      {text}"), expected);
}

#[test]
fn a_board_has_labels_and_a_number_of_times() {
    let Kind::Gitea(board) =
        channel("gitea: { url: 'https://git.example/', repo: ops/incidents, token_file: token, labels: [a] }")
    else {
        panic!("another kind")
    };
    assert_eq!(
        (board.url.as_str(), board.repo.as_str(), board.token.as_str()),
        ("https://git.example", "ops/incidents", "s3cret")
    );
    assert_eq!((board.labels, board.chronic), (vec!["a".to_owned()], 3));
    for (text, expected) in [
        ("gitea: { repo: a/b, token_file: token }", "heald.yaml:4:14: key `url` is missing"),
        ("gitea: { url: 'http://h', token_file: token }", "heald.yaml:4:14: key `repo` is missing"),
        ("gitea: { url: 'http://h', repo: a/b }", "heald.yaml:4:14: key `token_file` is missing"),
        ("gitea: { url: 'http://h', repo: a/b, token: x }", "heald.yaml:4:44: a secret does not belong into this file: `token`"),
        (
            "gitea: { url: 'http://h', repo: a/../b, token_file: token }",
            "heald.yaml:4:39: \"a/../b\" is no repository: write `ops/incidents`",
        ),
        (
            "gitea: { url: 'http://h', repo: a/b, token_file: token, chronic: 1 }",
            "heald.yaml:4:72: 1 is out of range: a whole number from 2 to 1000",
        ),
    ] {
        refused(text, expected);
    }
}

#[test]
fn mail_goes_by_tls_or_stays_on_this_machine() {
    let Kind::Email(mail) = channel(
        "email: { server: 'smtps://mail.example', user: u, password_file: token, from: h@example.org, to: a@example.org }",
    ) else {
        panic!("another kind")
    };
    assert_eq!((mail.server.security, mail.server.port), (Security::Tls, 465));
    assert_eq!(mail.login.as_ref().map(|login| login.password.as_str()), Some("s3cret"));
    assert!(!format!("{mail:?}").contains("s3cret"));
    for (text, expected) in [
        (
            "email: { server: 'smtp://mail.example', from: a@b.c, to: a@b.c }",
            "heald.yaml:4:24: the server is not taken: without TLS mail goes to this machine only; write smtps:// or starttls://",
        ),
        ("email: { server: 'smtps://m.example', from: a@b.c }", "heald.yaml:4:14: key `to` is missing"),
        (
            "email: { server: 'smtps://m.example', user: u, from: a@b.c, to: a@b.c }",
            "heald.yaml:4:14: key `password_file` is missing",
        ),
        (
            "email: { server: 'smtps://m.example', from: nobody, to: a@b.c }",
            "heald.yaml:4:14: this email channel can't work: \"nobody\" is no address: Missing domain or user",
        ),
    ] {
        refused(text, expected);
    }
}

#[test]
fn a_template_and_its_headers_are_checked_at_once() {
    let Kind::Webhook(hook) = channel(
        "webhook: { url: 'http://h', hmac_file: token, headers: { X-Key: { file: token }, Priority: high }, \
         content_type: text/plain, template: '{{ headline }}' }",
    ) else {
        panic!("another kind")
    };
    assert_eq!(hook.hmac.as_deref(), Some("s3cret"));
    let pairs = [("X-Key".to_owned(), "s3cret".to_owned()), ("Priority".to_owned(), "high".to_owned())];
    assert_eq!(hook.headers, pairs);
    assert!(!format!("{hook:?}").contains("s3cret"));
    for (text, expected) in [
        (
            "webhook: { url: 'http://h', headers: { Authorization: Bearer x } }",
            "heald.yaml:4:61: a secret does not belong into this file",
        ),
        ("webhook: { url: 'http://h', headers: { Host: x } }", "heald.yaml:4:46: \"Host\" is set by heald itself"),
        ("webhook: { url: 'http://h', headers: { 'a b': x } }", "heald.yaml:4:46: \"a b\" is no name of a header"),
        (
            "webhook: { url: 'http://h', template: '{{ titel }}' }",
            "heald.yaml:4:45: the template is wrong in its line 1: undefined value (tried with the kind `escalated`)",
        ),
        ("webhook: { url: 'http://h', content_type: text/plain }", "heald.yaml:4:16: key `template` is missing"),
    ] {
        refused(text, expected);
    }
}
