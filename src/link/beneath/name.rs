//! What a path, a name and a pattern may look like, before any of them meets a disk.

use crate::domain::target::cut;

/// Of one name, on every Linux file system (`NAME_MAX`).
pub const NAME_MAX: usize = 255;
/// Of a whole path (`PATH_MAX`, with the closing zero).
const PATH_MAX: usize = 4_095;

/// Names with `*` (any characters) and `?` (exactly one), as a shell reads them: neither matches a dot at the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Box<str>);

/// Absolute, and what it says is where it leads.
///
/// # Errors
/// What is wrong with it, with the value cut at 80 characters.
pub fn check_path(path: &str) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("{:?} is no path: {why}", cut(path)));
    let Some(inside) = path.strip_prefix('/') else { return refuse("it must be absolute") };
    if path.len() > PATH_MAX {
        return refuse("it is longer than 4095 bytes");
    }
    if path.chars().any(char::is_control) {
        return refuse("it holds a newline or another control character");
    }
    if inside.is_empty() {
        return refuse("it is the whole file system");
    }
    for name in inside.split('/') {
        match name {
            "" => return refuse("a name in it is empty: write it without a double or closing slash"),
            "." | ".." => return refuse("it holds `.` or `..`"),
            _ if name.len() > NAME_MAX => return refuse("a name in it is longer than 255 bytes"),
            _ => {}
        }
    }
    Ok(())
}

/// One name in a folder.
///
/// # Errors
/// What is wrong with it, with the value cut at 80 characters.
pub fn check_name(name: &str) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("{:?} is no file name: {why}", cut(name)));
    match name {
        "" => refuse("it is empty"),
        "." | ".." => refuse("it means a folder"),
        _ if name.len() > NAME_MAX => refuse("it is longer than 255 bytes"),
        _ if name.contains('/') => refuse("it holds a slash"),
        _ if name.chars().any(char::is_control) => refuse("it holds a newline or another control character"),
        _ => Ok(()),
    }
}

/// The folder and the name of a path that fits.
pub fn split(path: &str) -> (&str, &str) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    (if folder.is_empty() { "/" } else { folder }, name)
}

/// Whether `path` is `root` or lies below it.
pub fn is_beneath(path: &str, root: &str) -> bool {
    let root = root.strip_suffix('/').unwrap_or(root);
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

// === impl Glob ===

impl Glob {
    /// # Errors
    /// What is wrong with it, with the value cut at 80 characters.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("glob {:?} is not taken: {why}", cut(pattern)));
        if pattern.contains("**") {
            return refuse("`**` would reach into folders; `depth:` says how deep to look");
        }
        if pattern.contains('/') {
            return refuse("it speaks of names in a folder, without a slash");
        }
        if pattern.contains(['[', ']', '{', '}', '\\']) {
            return refuse("only * and ? stand for something else");
        }
        check_name(pattern).map_err(|why| format!("glob: {why}"))?;
        Ok(Self(pattern.into()))
    }

    /// Whether it stands for anything but itself.
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?'])
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In time proportional to the product of both lengths at most.
    pub fn matches(&self, name: &str) -> bool {
        if name.starts_with('.') && !self.0.starts_with('.') {
            return false;
        }
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        let (mut p, mut n) = (0, 0);
        // Where to go on if the last `*` takes one character more.
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p + 1, n));
                    p += 1;
                }
                Some('?') => (p, n) = (p + 1, n + 1),
                Some(c) if *c == name[n] => (p, n) = (p + 1, n + 1),
                _ => {
                    let Some((after, from)) = star else { return false };
                    star = Some((after, from + 1));
                    (p, n) = (after, from + 1);
                }
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_absolute_paths_are_taken() {
        for path in ["/srv/out", "/a", "/a b/ü.log", "/..a/b..", "/a/-rf"] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        let long = format!("/{}", "x".repeat(256));
        let longer = "/x".repeat(3_000);
        for path in [
            "",
            "a",
            "../x",
            "/",
            "//",
            "/a/",
            "/a//b",
            "/a/../b",
            "/a/..",
            "/./a",
            "/a\nb",
            "/a\0b",
            "/a\u{1b}b",
            &long,
            &longer,
        ] {
            let why = check_path(path).unwrap_err();
            assert!(why.contains("is no path") && why.len() < 250 && !why.contains('\n'), "{path:?}: {why}");
        }
    }

    #[test]
    fn patterns_speak_of_names_only() {
        for pattern in ["**", "a/**", "*/x", "../*", "/x", "[a]*", "{a,b}", "a\\*", "", "..", "a\n*"] {
            assert!(Glob::new(pattern).is_err(), "{pattern:?}");
        }
        for (pattern, yes, no) in [
            ("*.log", &["a.log", "a.b.log"][..], &["a.logx", ".log", ".a.log", "log"][..]),
            ("a?c*", &["abc", "aücd"], &["ac", "a"]),
            ("*", &["x", "a b"], &[".x"]),
            (".*", &[".x"], &["x"]),
            ("a*b*c", &["abc", "aXbYc", "abbbcbc"], &["abcb", "ab"]),
            ("plain", &["plain"], &["plain.log"]),
        ] {
            let glob = Glob::new(pattern).unwrap();
            assert!(yes.iter().all(|name| glob.matches(name)), "{pattern}");
            assert!(!no.iter().any(|name| glob.matches(name)), "{pattern}");
        }
        // What backtracking would never end.
        assert!(!Glob::new(&"*a".repeat(60)).unwrap().matches(&"a".repeat(59)));
    }

    #[test]
    fn a_neighbour_with_the_same_beginning_is_not_beneath() {
        assert!(is_beneath("/srv/out", "/srv/out") && is_beneath("/srv/out/a/b", "/srv/out") && is_beneath("/a/b", "/a/"));
        assert!(!is_beneath("/srv/outer", "/srv/out") && !is_beneath("/srv", "/srv/out"));
        assert_eq!(split("/a"), ("/", "a"));
        assert_eq!(split("/a/b/c"), ("/a/b", "c"));
    }
}
