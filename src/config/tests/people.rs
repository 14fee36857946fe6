//! `notify.people`: who may give orders in a chat.

use super::{check, reading};
use crate::chat::Role;

#[test]
fn a_person_has_a_number_and_a_role() {
    let settings = reading(
        "playbooks: p\n\
         notify:\n  people:\n    ann: { telegram: 4711, slack: U0123ABCD, role: approve }\n    ben: { slack: W9, role: view }\n",
    )
    .unwrap();
    let ann = settings.people.by_telegram(4711).unwrap();
    assert_eq!((ann.name.as_str(), ann.role), ("ann", Role::Approve));
    assert_eq!(settings.people.by_slack("U0123ABCD"), Some(ann));
    assert_eq!(settings.people.by_slack("W9").unwrap().role, Role::View);
    assert_eq!(settings.people.by_telegram(4712), None);
}

#[test]
fn what_can_be_chosen_is_no_identity() {
    let number = "a user of Telegram is named by number; a name may be somebody else's tomorrow";
    for (person, expected) in [
        ("ann: { telegram: '@ann', role: ack }", format!("1:38: {number}")),
        ("ann: { telegram: -4711, role: ack }", format!("1:38: {number}")),
        ("ann: { slack: ann, role: ack }", "1:35: \"ann\" is no member id of Slack; names can be chosen".to_owned()),
        ("ann: { telegram: 1 }", "1:26: key `role` is missing".to_owned()),
        ("ann: { role: ack }", "1:26: key `telegram` is missing".to_owned()),
        ("ann: { telegram: 1, role: boss }", "1:47: \"boss\" is none of view, ack, approve, admin".to_owned()),
        (
            "ann: { telegram: 1, role: ack }, ben: { telegram: 1, role: admin }",
            "1:54: \"ann\" and \"ben\" have the same id".to_owned(),
        ),
        (
            "'ann b': { telegram: 1, role: ack }",
            "1:21: \"ann b\" can't be a person's name: write at most 32 letters, digits, _ and -".to_owned(),
        ),
    ] {
        check(&format!("notify: {{ people: {{ {person} }} }}"), &format!("heald.yaml:{expected}"));
    }
}
