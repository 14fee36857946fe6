//! A program and its arguments as a playbook writes them: a list, because no shell reads it.

use super::check_program;
use crate::domain::target::cut;
use crate::domain::template::is_template;
use schemars::JsonSchema;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The program's absolute path first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Argv(Vec<String>);

/// `0` or `[0, 3]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected an exit code as in 0, or a list as in [0, 3]")]
pub enum Exits {
    One(u8),
    Any(Vec<u8>),
}

const ITEMS_MAX: usize = 64;
const ITEM_MAX: usize = 4_096;

/// Take an argument for code, or for another program's name and arguments. Without the number of a version.
const READERS: &str = "sh bash rbash dash ash zsh ksh mksh csh tcsh fish busybox toybox env xargs parallel nice ionice nohup timeout \
    stdbuf setsid time watch script chroot nsenter unshare systemd-run sudo doas su runuser setpriv ssh python \
    pypy perl ruby node nodejs deno bun php lua luajit tclsh expect awk gawk mawk nawk sed";

/// That no value from outside becomes code: the program is written out, and where a shell, an interpreter or a program that
/// starts others stands anywhere in the arguments, none of them holds a template. For arguments as a playbook writes them.
///
/// # Errors
/// Why a template is refused, and what to write instead.
pub fn check_no_code(argv: &[String]) -> Result<(), String> {
    if argv.first().is_some_and(|program| is_template(program)) {
        return Err("the program itself must be written out: only its arguments may hold templates".to_owned());
    }
    if !argv.iter().any(|item| is_template(item)) {
        return Ok(());
    }
    match argv.iter().find_map(|item| reader(item)) {
        Some(own) => Err(format!(
            "{own} could read a value as code, so no argument may hold a template beside it: \
             put the work into a program or script of its own, and give the value to that as an argument"
        )),
        None => Ok(()),
    }
}

/// Whose rights a program gets is nothing that an alert may say.
///
/// # Errors
/// It holds a template.
pub fn check_user(user: Option<&str>) -> Result<(), String> {
    match user {
        Some(user) if is_template(user) => {
            Err(format!("user {:?} holds a template: the user is written out, as in litellm", cut(user)))
        }
        _ => Ok(()),
    }
}

/// `python3.12` of `/usr/bin/python3.12`.
fn reader(item: &str) -> Option<&str> {
    let own = item.rsplit('/').next().unwrap_or(item);
    let plain = own.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    READERS.split(' ').any(|reader| reader == plain).then_some(own)
}

// === impl Argv ===

impl Argv {
    /// What can be checked before the templates are filled in.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub fn check(&self) -> Result<(), String> {
        let Some(program) = self.0.first() else { return Err("argv is empty: name a program".to_owned()) };
        check_no_code(&self.0)?;
        check_program(program)?;
        match self.0.len() > ITEMS_MAX || self.0.iter().any(|item| item.len() > ITEM_MAX) {
            true => Err(format!("argv is too long: at most {ITEMS_MAX} items of {ITEM_MAX} bytes")),
            false => Ok(()),
        }
    }

    /// Which items a value from outside begins: it must not become an option.
    pub fn values(&self) -> Vec<usize> {
        let open = |item: &String| is_template(item) && !item.starts_with('-');
        self.0.iter().enumerate().filter(|(_, item)| open(item)).map(|(index, _)| index).collect()
    }

    /// With the templates filled in; `values` as they were before.
    ///
    /// # Errors
    /// Which value is refused, and why.
    pub fn ready(self, values: &[usize]) -> Result<Vec<String>, String> {
        self.check()?;
        for (index, item) in self.0.iter().enumerate() {
            let refuse = |why: &str| Err(format!("argument {index} {:?} is refused: {why}", cut(item)));
            if item.chars().any(char::is_control) {
                return refuse("it holds control characters");
            }
            if values.contains(&index) && item.starts_with('-') {
                return refuse("a value that begins with a hyphen would be taken for an option");
            }
            if values.contains(&index) && item.is_empty() {
                return refuse("it is empty, and empty means none");
            }
        }
        Ok(self.0)
    }
}

impl<'de> Deserialize<'de> for Argv {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Argv;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts, as in [/usr/local/bin/refresh-token, --all]")
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Argv, E> {
                Err(E::custom("argv is a list, because no shell reads it: write [/usr/local/bin/refresh-token, --all]"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Argv, A::Error> {
                let mut argv = Vec::new();
                while let Some(item) = items.next_element::<String>()? {
                    argv.push(item);
                }
                Ok(Argv(argv))
            }
        }

        input.deserialize_any(List)
    }
}

// === impl Exits ===

impl Exits {
    /// 0 where nothing is said.
    pub fn allow(exits: Option<&Self>, code: i32) -> bool {
        match exits {
            None => code == 0,
            Some(Self::One(one)) => code == i32::from(*one),
            Some(Self::Any(any)) => any.iter().any(|one| code == i32::from(*one)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn argv(text: Value) -> Result<Argv, String> {
        serde_json::from_value(text).map_err(|error| error.to_string())
    }

    #[test]
    fn only_a_list_of_a_program_and_texts() {
        for (text, part) in [
            (json!("/bin/tool --all"), "no shell reads it"),
            (json!([]), "empty"),
            (json!(["tool"]), "no absolute path"),
            (json!(["/bin/../tool"]), "no absolute path"),
            (json!(["/bin/tool", 1]), "expected a string"),
        ] {
            let error = argv(text.clone()).and_then(|argv| argv.check()).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn no_value_becomes_code() {
        for (text, part) in [
            (json!(["{{ vars.tool }}", "x"]), "written out"),
            (json!(["/bin/sh", "-c", "logger {{ labels.x }}"]), "sh could read a value as code"),
            (json!(["/usr/bin/env", "tool", "{{ labels.x }}"]), "env could read"),
            (json!(["/usr/bin/setpriv", "--reset-env", "bash", "-c", "{{ labels.x }}"]), "could read"),
            (json!(["/opt/run", "/usr/bin/python3.12", "-c", "{{ labels.x }}"]), "python3.12 could read"),
        ] {
            let error = argv(text.clone()).unwrap().check().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        argv(json!(["/bin/sh", "-c", "sync"])).unwrap().check().unwrap();
        argv(json!(["/usr/local/bin/refresh.sh", "--node", "{{ labels.x }}"])).unwrap().check().unwrap();
    }

    #[test]
    fn a_value_is_never_an_option() {
        let written = argv(json!(["/bin/tool", "--name={{ labels.x }}", "{{ labels.x }}", "a{{ labels.y }}", "-v"])).unwrap();
        let values = written.values();
        assert_eq!(values, [2, 3]);
        for (rendered, part) in [
            (json!(["/bin/tool", "--name=a", "--evil", "a", "-v"]), "taken for an option"),
            (json!(["/bin/tool", "--name=a", "", "a", "-v"]), "it is empty"),
            (json!(["/bin/tool", "--name=a\n", "b", "a", "-v"]), "control characters"),
        ] {
            let error = argv(rendered.clone()).unwrap().ready(&values).unwrap_err();
            assert!(error.contains(part), "{rendered}: {error}");
        }
        assert!(argv(json!(["/bin/tool", "--name=-a", "b; rm -rf /", "a", "-v"])).unwrap().ready(&values).is_ok());
    }

    #[test]
    fn exits_are_zero_unless_said() {
        let exits = |text: Value| serde_json::from_value::<Exits>(text).unwrap();
        assert!(Exits::allow(None, 0) && !Exits::allow(None, 1));
        assert!(Exits::allow(Some(&exits(json!(3))), 3) && !Exits::allow(Some(&exits(json!(3))), 0));
        assert!(Exits::allow(Some(&exits(json!([0, 3]))), 3));
    }
}
