//! Users of this host by name, from /etc/passwd: users of a directory service are not found.

use std::fs;

/// One line of /etc/passwd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
}

// === impl User ===

impl User {
    /// # Errors
    /// /etc/passwd can't be read.
    pub fn named(name: &str) -> Result<Option<Self>, String> {
        let text = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd can't be read: {error}"))?;
        Ok(text.lines().filter_map(Self::parse).find(|user| user.name == name))
    }

    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, _] = words.as_slice() else { return None };
        Some(Self { name: (*name).to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()?, home: (*home).to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_nonsense_is_not() {
        let daemon = User { name: "daemon".into(), uid: 1, gid: 2, home: "/usr/sbin".into() };
        assert_eq!(User::parse("daemon:x:1:2:daemon:/usr/sbin:/usr/sbin/nologin"), Some(daemon));
        assert_eq!(User::parse("daemon:x:-1:2:daemon:/usr/sbin:/usr/sbin/nologin"), None);
        assert_eq!(User::parse("+::::::"), None);
        assert_eq!(User::named("root").unwrap().map(|user| user.uid), Some(0));
    }
}
