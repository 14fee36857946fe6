//! XML-RPC as far as it is needed: <http://xmlrpc.com/spec.md>.

use super::{Program, State};
use roxmltree::{Document, Node};

/// A method without parameters.
pub(super) fn request(method: &str) -> String {
    format!("<?xml version=\"1.0\"?><methodCall><methodName>{method}</methodName><params/></methodCall>")
}

/// The answer to `supervisor.getAllProcessInfo`: an array of structs.
pub(super) fn programs(answer: &str) -> Result<Vec<Program>, String> {
    let document = Document::parse(answer).map_err(|error| format!("the answer is no XML: {error}"))?;
    let response = document.root_element();
    if let Some(fault) = child(response, "fault") {
        let text = child(fault, "value").and_then(|value| member(value, "faultString")).map(text);
        return Err(format!("it answers {}", text.unwrap_or("a fault without a name")));
    }
    let array = ["params", "param", "value", "array", "data"].iter().try_fold(response, |node, name| child(node, name));
    let array = array.ok_or("the answer is no list of programs")?;
    let values = array.children().filter(|node| node.has_tag_name("value"));
    values.map(|value| program(value).ok_or_else(|| "a program lacks its name or state".to_owned())).collect()
}

fn program(value: Node<'_, '_>) -> Option<Program> {
    let name = text(member(value, "name")?).to_owned();
    // 0: never.
    let start = member(value, "start").and_then(|start| text(start).parse().ok()).filter(|start| *start > 0);
    let exit_status = member(value, "exitstatus").and_then(|status| text(status).parse().ok());
    Some(Program {
        group: member(value, "group").map_or_else(|| name.clone(), |group| text(group).to_owned()),
        state: State::of(text(member(value, "statename")?)),
        start,
        exit_status: exit_status.unwrap_or_default(),
        name,
    })
}

fn child<'a, 'x>(node: Node<'a, 'x>, name: &str) -> Option<Node<'a, 'x>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The `value` of a member of the struct that `value` holds.
fn member<'a, 'x>(value: Node<'a, 'x>, name: &str) -> Option<Node<'a, 'x>> {
    let members = child(value, "struct")?.children().filter(|node| node.has_tag_name("member"));
    let mut found = members.filter(|member| child(*member, "name").is_some_and(|found| found.text() == Some(name)));
    child(found.next()?, "value")
}

/// Of a `value`, whatever its type; one without a type is a string.
fn text<'a>(value: Node<'a, '_>) -> &'a str {
    let typed = value.children().find(Node::is_element).unwrap_or(value);
    typed.text().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of supervisord 4.2.5: one program of each kind.
    const RECORDED: &str = include_str!("../../../tests/fake/supervisor/all.xml");

    #[test]
    fn what_supervisord_says_is_read() {
        let shown: Vec<String> = programs(RECORDED)
            .unwrap()
            .iter()
            .map(|one| format!("{} {} {:?} {}", one.full_name(), one.state.label(), one.start, one.exit_status))
            .collect();
        let expected = [
            "broken FATAL Some(1795357948) 0",
            "idle STOPPED None 0",
            "job EXITED Some(1795357947) 3",
            "many:many_00 RUNNING Some(1795357947) 0",
            "many:many_01 RUNNING Some(1795357947) 0",
            "web RUNNING Some(1795357947) 0",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn faults_and_nonsense_are_errors() {
        let fault = "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>6</int></value></member>\
            <member><name>faultString</name><value><string>SHUTDOWN_STATE</string></value></member></struct></value></fault></methodResponse>";
        let nameless = RECORDED.replace("<name>statename</name>", "<name>other</name>");
        for (answer, why) in [
            (fault, "it answers SHUTDOWN_STATE"),
            ("<html><body>Error</body></html>", "the answer is no list of programs"),
            ("<methodResponse/>", "the answer is no list of programs"),
            (nameless.as_str(), "a program lacks its name or state"),
        ] {
            assert_eq!(programs(answer).unwrap_err(), why);
        }
        for answer in ["", "hello", "<!DOCTYPE x [<!ENTITY a \"b\">]><methodResponse>&a;</methodResponse>", &RECORDED[..2_000]] {
            assert!(programs(answer).unwrap_err().starts_with("the answer is no XML"), "{answer}");
        }
    }

    #[test]
    fn words_of_a_later_version_and_untyped_texts() {
        let one = |members: &str| {
            format!(
                "<methodResponse><params><param><value><array><data><value><struct>{members}</struct></value></data></array></value></param></params></methodResponse>"
            )
        };
        let member = |name: &str, value: &str| format!("<member><name>{name}</name><value>{value}</value></member>");
        let text = one(&(member("name", "a &amp; b") + &member("group", "<string>g</string>") + &member("statename", "NAPPING")));
        let expected =
            Program { name: "a & b".to_owned(), group: "g".to_owned(), state: State::Unknown, start: None, exit_status: 0 };
        assert_eq!(programs(&text), Ok(vec![expected]));
    }
}
