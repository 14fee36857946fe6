//! What a repair may touch: a typed name that the allow-list knows.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The `target_kind` of the label contract and the keys of a playbook's `target:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    Unit,
    Container,
    Compose,
    Program,
    Process,
    Url,
    Path,
    Database,
    Volume,
    Host,
    Service,
}

/// A name whose form fits its kind. Made only by [`Target::new`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Target {
    kind: TargetKind,
    name: Box<str>,
}

/// The configuration's `targets:`: exact names, no wildcards. What is not named is never touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    pub units: BTreeSet<String>,
    pub containers: BTreeSet<String>,
    /// Each allows the URLs that begin with it; it ends at a `/` or is a whole URL.
    pub urls: BTreeSet<String>,
    /// `host:port` for tcp probes.
    pub addresses: BTreeSet<String>,
    /// supervisord's programs: `group:name`, or `name` where both are equal.
    pub programs: BTreeSet<String>,
    /// Absolute; each allows what lies beneath it.
    pub paths: BTreeSet<String>,
    /// SQLite files, absolute.
    pub databases: BTreeSet<String>,
    /// Programs that `command` may run, absolute.
    pub commands: BTreeSet<String>,
    /// Docker networks that containers may be attached to.
    pub networks: BTreeSet<String>,
    /// Names of hosts and of services, for playbooks whose target is one.
    pub hosts: BTreeSet<String>,
    pub services: BTreeSet<String>,
    /// Hardware addresses that may be woken, as `aa:bb:cc:dd:ee:ff`.
    pub macs: BTreeSet<String>,
    /// heald's own configuration, state and playbooks, absolute: never touched, whatever the rest allows. Not a key of the
    /// file: filled in by whoever reads it.
    pub own: BTreeSet<String>,
}

// === impl TargetKind ===

impl TargetKind {
    pub const ALL: [TargetKind; 11] = [
        Self::Unit,
        Self::Container,
        Self::Compose,
        Self::Program,
        Self::Process,
        Self::Url,
        Self::Path,
        Self::Database,
        Self::Volume,
        Self::Host,
        Self::Service,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Container => "container",
            Self::Compose => "compose",
            Self::Program => "program",
            Self::Process => "process",
            Self::Url => "url",
            Self::Path => "path",
            Self::Database => "database",
            Self::Volume => "volume",
            Self::Host => "host",
            Self::Service => "service",
        }
    }
}

// === impl Target ===

/// systemd's own limit for a unit name (`UNIT_NAME_MAX`, src/basic/unit-name.h); the others are below it.
const NAME_MAX: usize = 255;
const URL_MAX: usize = 2_048;
const UNIT_SUFFIXES: [&str; 5] = [".service", ".timer", ".socket", ".path", ".mount"];

impl Target {
    /// # Errors
    /// Says what does not fit, with the value cut at 80 characters.
    pub fn new(kind: TargetKind, name: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("{:?} is no {}: {why}", cut(name), kind.label()));
        if name.is_empty() {
            return refuse("it is empty, and empty means none");
        }
        if name.len() > if kind == TargetKind::Url { URL_MAX } else { NAME_MAX } {
            return refuse("it is too long");
        }
        if name.starts_with('-') {
            return refuse("it begins with a hyphen");
        }
        if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refuse("it holds white space or control characters");
        }
        match kind {
            TargetKind::Unit => {
                if !name.chars().all(|c| c.is_ascii_alphanumeric() || ":_.@\\-".contains(c)) {
                    return refuse("only letters, digits and :_.@\\- are allowed");
                }
                if !UNIT_SUFFIXES.iter().any(|suffix| name.len() > suffix.len() && name.ends_with(suffix)) {
                    return refuse("it must end in .service, .timer, .socket, .path or .mount");
                }
            }
            TargetKind::Url => {
                if !(name.starts_with("http://") || name.starts_with("https://")) {
                    return refuse("it must begin with http:// or https://");
                }
            }
            _ => {
                // Docker's own pattern for names, and a sane one for the kinds to come.
                if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/:".contains(c)) || name.contains("..") {
                    return refuse("only letters, digits and _.-/: are allowed");
                }
                if kind == TargetKind::Container && name.contains(['/', ':']) {
                    return refuse("only letters, digits and _.- are allowed");
                }
            }
        }
        Ok(Self { kind, name: name.into() })
    }

    pub fn kind(&self) -> TargetKind {
        self.kind
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.label(), self.name)
    }
}

/// Checked like any other name: a journal is data too.
impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            kind: TargetKind,
            name: String,
        }
        let raw = Raw::deserialize(input)?;
        Target::new(raw.kind, &raw.name).map_err(serde::de::Error::custom)
    }
}

// === impl AllowList ===

impl AllowList {
    pub fn allows(&self, target: &Target) -> bool {
        match target.kind {
            TargetKind::Unit => self.units.contains(target.name()),
            TargetKind::Container => self.containers.contains(target.name()),
            TargetKind::Url => self.allows_url(target.name()),
            TargetKind::Program => self.programs.contains(target.name()),
            TargetKind::Path => self.allows_path(target.name()),
            TargetKind::Database => self.databases.contains(target.name()),
            TargetKind::Host => self.hosts.contains(target.name()),
            TargetKind::Service => self.services.contains(target.name()),
            TargetKind::Compose | TargetKind::Process | TargetKind::Volume => false,
        }
    }

    /// The path itself or what lies beneath it, as it is written: links are for whoever opens it to refuse.
    pub fn allows_path(&self, path: &str) -> bool {
        self.root_of(path).is_some()
    }

    /// The innermost entry that allows the path.
    pub fn root_of(&self, path: &str) -> Option<&str> {
        let plain = path.starts_with('/')
            && !path.chars().any(char::is_control)
            && path.split('/').skip(1).all(|piece| !matches!(piece, "." | "..") && (!piece.is_empty() || path.len() == 1));
        let roots = self.paths.iter().map(String::as_str);
        let fits = |root: &&str| path.strip_prefix(*root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        roots.filter(|_| plain).filter(fits).max_by_key(|root| root.len())
    }

    /// The targets that it names one by one; URLs are prefixes.
    pub fn named(&self) -> impl Iterator<Item = Target> {
        let units = self.units.iter().map(|name| (TargetKind::Unit, name));
        let containers = self.containers.iter().map(|name| (TargetKind::Container, name));
        let programs = self.programs.iter().map(|name| (TargetKind::Program, name));
        let databases = self.databases.iter().map(|name| (TargetKind::Database, name));
        units.chain(containers).chain(programs).chain(databases).filter_map(|(kind, name)| Target::new(kind, name).ok())
    }

    /// A prefix counts only up to a border, so that `http://a` does not allow `http://a.evil`.
    pub fn allows_url(&self, url: &str) -> bool {
        self.urls.iter().any(|entry| {
            url.strip_prefix(entry.as_str())
                .is_some_and(|rest| rest.is_empty() || entry.ends_with('/') || rest.starts_with(['/', '?']))
        }) && !url.contains("/../")
            && !url.ends_with("/..")
            && !url.contains('@')
            && !url.to_ascii_lowercase().contains("%2e")
    }
}

/// A value from outside, short enough for a message, and on one line: it can't forge another.
pub fn cut(text: &str) -> String {
    const SHOWN: usize = 80;
    let more = text.chars().nth(SHOWN).map(|_| '…');
    text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        let unit = |name: &str| Target::new(TargetKind::Unit, name);
        for name in [
            "",
            "--now",
            "-Hhost.service",
            "web.service/../db.service",
            "a b.service",
            "$(reboot).service",
            "x;id.service",
            "x\n.service",
            "`id`.service",
            ".service",
            "web",
            "wéb.service",
            "{{ x }}.service",
        ] {
            assert!(unit(name).is_err(), "{name:?} was taken");
        }
        assert!(unit(&format!("{}.service", "x".repeat(300))).unwrap_err().contains('…'));
        for name in ["web.service", "w@1.service", "a\\x2db.timer"] {
            assert_eq!(unit(name).unwrap().name(), name);
        }
        for name in ["../x", "a/b", "-x", "a b", ""] {
            assert!(Target::new(TargetKind::Container, name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_path_is_allowed_by_what_it_lies_beneath() {
        let allow = AllowList { paths: ["/var/out".to_owned(), "/var/out/deep".to_owned()].into(), ..AllowList::default() };
        for (path, root) in [
            ("/var/out", Some("/var/out")),
            ("/var/out/a/b", Some("/var/out")),
            ("/var/out/deep/x", Some("/var/out/deep")),
            ("/var/outer", None),
            ("/var/out/../etc", None),
            ("/var/out/./x", None),
            ("/var/out//x", None),
            ("/var/out/x\n", None),
            ("var/out", None),
            ("/var", None),
        ] {
            assert_eq!(allow.root_of(path), root, "{path:?}");
        }
    }

    #[test]
    fn the_allow_list_knows_exact_names_only() {
        let allow = AllowList {
            units: ["web.service".to_owned()].into(),
            urls: ["http://127.0.0.1:8080/".to_owned(), "http://a.example/x".to_owned()].into(),
            ..AllowList::default()
        };
        let unit = |name| Target::new(TargetKind::Unit, name).unwrap();
        assert!(allow.allows(&unit("web.service")));
        assert!(!allow.allows(&unit("web2.service")));
        assert!(!allow.allows(&unit("web@x.service")));
        for (url, allowed) in [
            ("http://127.0.0.1:8080/health", true),
            ("http://127.0.0.1:80801/health", false),
            ("http://127.0.0.1:8080@evil/", false),
            ("http://a.example/x?y=1", true),
            ("http://a.example/xy", false),
            ("http://a.example/x/../y", false),
            ("http://a.example/x/%2e%2e/y", false),
        ] {
            assert_eq!(allow.allows_url(url), allowed, "{url}");
        }
    }
}
