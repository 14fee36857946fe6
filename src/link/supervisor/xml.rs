//! XML-RPC as far as it is needed: <http://xmlrpc.com/spec.md>.

use super::{Program, State};
use roxmltree::{Document, Node};
use std::fmt;

/// supervisord's no, or an answer that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// `Faults` in supervisor/xmlrpc.py; None where the answer was not understood.
    pub code: Option<i32>,
    pub text: String,
}

/// One parameter of a method.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param<'a> {
    Text(&'a str),
    Bool(bool),
}

pub(super) fn request(method: &str, params: &[Param<'_>]) -> String {
    let params: String = params
        .iter()
        .map(|param| match param {
            Param::Text(text) => format!("<param><value><string>{}</string></value></param>", escaped(text)),
            Param::Bool(yes) => format!("<param><value><boolean>{}</boolean></value></param>", u8::from(*yes)),
        })
        .collect();
    format!("<?xml version=\"1.0\"?><methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>")
}

/// The answer to `supervisor.getAllProcessInfo`: an array of structs.
pub(super) fn programs(answer: &str) -> Result<Vec<Program>, Fault> {
    let document = read(answer)?;
    let array = value(&document).and_then(|value| child(value, "array")).and_then(|array| child(array, "data"));
    let array = array.ok_or_else(|| Fault::odd("the answer is no list of programs"))?;
    let values = array.children().filter(|node| node.has_tag_name("value"));
    values.map(|value| program(value).ok_or_else(|| Fault::odd("a program lacks its name or state"))).collect()
}

/// The answer to `supervisor.getProcessInfo`: a struct.
pub(super) fn one_program(answer: &str) -> Result<Program, Fault> {
    let document = read(answer)?;
    value(&document).and_then(program).ok_or_else(|| Fault::odd("the answer is no program"))
}

/// The answer to a method of which nothing but its success matters.
pub(super) fn nothing(answer: &str) -> Result<(), Fault> {
    let document = read(answer)?;
    value(&document).map(|_| ()).ok_or_else(|| Fault::odd("the answer has no value"))
}

fn read(answer: &str) -> Result<Document<'_>, Fault> {
    let document = Document::parse(answer).map_err(|error| Fault::odd(&format!("the answer is no XML: {error}")))?;
    if let Some(fault) = child(document.root_element(), "fault") {
        let value = child(fault, "value");
        let named = |name| value.and_then(|value| member(value, name)).map(text);
        let code = named("faultCode").and_then(|code| code.parse().ok());
        let said = named("faultString").unwrap_or("a fault without a name");
        return Err(Fault { code, text: format!("it answers {said}") });
    }
    Ok(document)
}

fn value<'a, 'x>(document: &'a Document<'x>) -> Option<Node<'a, 'x>> {
    ["params", "param", "value"].iter().try_fold(document.root_element(), |node, name| child(node, name))
}

fn program(value: Node<'_, '_>) -> Option<Program> {
    let name = text(member(value, "name")?).to_owned();
    let number = |name| member(value, name).and_then(|number| text(number).parse().ok());
    Some(Program {
        group: member(value, "group").map_or_else(|| name.clone(), |group| text(group).to_owned()),
        state: State::of(text(member(value, "statename")?)),
        // 0: never.
        start: number("start").filter(|start| *start > 0),
        exit_status: member(value, "exitstatus").and_then(|status| text(status).parse().ok()).unwrap_or_default(),
        pid: number("pid").unwrap_or_default(),
        now: number("now"),
        spawn_error: member(value, "spawnerr").map(|why| text(why).to_owned()).unwrap_or_default(),
        name,
    })
}

/// Names come from the allow-list, but one place that escapes is better than none.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

// === impl Fault ===

impl Fault {
    fn odd(text: &str) -> Self {
        Self { code: None, text: text.to_owned() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
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
            assert_eq!(programs(answer).unwrap_err().to_string(), why);
        }
        for answer in ["", "hello", "<!DOCTYPE x [<!ENTITY a \"b\">]><methodResponse>&a;</methodResponse>", &RECORDED[..2_000]] {
            assert!(programs(answer).unwrap_err().text.starts_with("the answer is no XML"), "{answer}");
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
        let expected = Program { name: "a & b".to_owned(), group: "g".to_owned(), state: State::Unknown, ..Program::default() };
        assert_eq!(programs(&text), Ok(vec![expected]));
    }

    #[test]
    fn a_fault_has_its_number_and_names_are_escaped() {
        let fault = "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>10</int></value></member>\
            <member><name>faultString</name><value><string>BAD_NAME: x</string></value></member></struct></value></fault></methodResponse>";
        assert_eq!(one_program(fault), Err(Fault { code: Some(10), text: "it answers BAD_NAME: x".to_owned() }));
        assert_eq!(
            nothing("<methodResponse><params><param><value><boolean>1</boolean></value></param></params></methodResponse>"),
            Ok(())
        );
        let request = request("supervisor.startProcess", &[Param::Text("a<b&c"), Param::Bool(false)]);
        let params = "<params><param><value><string>a&lt;b&amp;c</string></value></param>\
            <param><value><boolean>0</boolean></value></param></params>";
        assert!(request.contains(params), "{request}");
    }
}
