//! Whether the process that holds a port belongs to a service, is a leftover of it, or is a stranger's.

use crate::link::process::hold::Holder;
use crate::link::systemd::Home;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kin {
    /// Of the unit, which runs: it is what should hold the port.
    Service,
    /// Left behind by the unit, which does not run; or what the unit would start, and nobody else's.
    Stale,
    /// Why it is not the unit's.
    Foreign(String),
}

/// `programs`: those of the unit's commands, with links followed, in their order. In doubt it is a stranger's.
///
/// Each service's main process is a child of pid 1, and many run the same interpreter. So a process outside of the unit's
/// control group counts as its leftover only if it runs the same program with exactly the same arguments, nobody takes care of
/// it, and no other service or container owns it.
pub(super) fn kin(holder: &Holder, home: &Home, programs: &[PathBuf]) -> Kin {
    if holder.kernel {
        return Kin::Foreign("the kernel itself listens there".to_owned());
    }
    if holder.group.is_within(&home.group) {
        return if home.up { Kin::Service } else { Kin::Stale };
    }
    let owner = holder.group.unit.as_deref().filter(|unit| !unit.ends_with(".scope"));
    if let Some(unit) = owner {
        return Kin::Foreign(format!("it belongs to unit {unit}"));
    }
    // A container that its systemd is the first process of is no stranger to it: its root lies in the same one.
    if let Some(container) = holder.group.container.as_deref().filter(|id| !home.group.contains(*id)) {
        return Kin::Foreign(format!("it belongs to container {}", container.get(..12).unwrap_or(container)));
    }
    if holder.parent != 1 {
        return Kin::Foreign(format!("its parent, pid {}, takes care of it", holder.parent));
    }
    let Some(program) = holder.program.as_deref() else {
        return Kin::Foreign("heald may not see what it runs".to_owned());
    };
    let same = programs
        .iter()
        .zip(&home.commands)
        .any(|(known, (_, arguments))| known == undeleted(program) && !arguments.is_empty() && *arguments == holder.command);
    match same {
        true => Kin::Stale,
        false => Kin::Foreign(format!("it runs {}, not what {} runs", program.display(), home.id)),
    }
}

/// The kernel says so of a program that was replaced since, as by an upgrade.
fn undeleted(program: &Path) -> &Path {
    program.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map_or(program, Path::new)
}

/// What the unit's commands run, with links followed as the kernel follows them.
pub(super) fn programs(home: &Home) -> Vec<PathBuf> {
    home.commands.iter().map(|(program, _)| std::fs::canonicalize(program).unwrap_or_else(|_| program.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::process::Id;
    use crate::link::process::group::Group;

    const ID: &str = "5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e";

    fn group(path: &str) -> Group {
        Group::of([(&[][..], path)].into_iter())
    }

    fn home(up: bool) -> Home {
        Home {
            id: "web.service".to_owned(),
            up,
            group: "/system.slice/web.service".to_owned(),
            commands: vec![("/usr/bin/web".to_owned(), vec!["/usr/bin/web".to_owned(), "--port=80".to_owned()])],
            ..Home::default()
        }
    }

    fn orphan(path: &str) -> Holder {
        Holder {
            id: Id { pid: 4242, started: 7 },
            name: "web".to_owned(),
            parent: 1,
            kernel: false,
            program: Some("/usr/bin/web".into()),
            command: vec!["/usr/bin/web".to_owned(), "--port=80".to_owned()],
            group: group(path),
        }
    }

    fn judged(holder: &Holder, home: &Home) -> Kin {
        let programs: Vec<PathBuf> = home.commands.iter().map(|(program, _)| program.into()).collect();
        kin(holder, home, &programs)
    }

    #[test]
    fn leftovers_are_stale_and_the_service_itself_is_not() {
        let own = orphan("/system.slice/web.service");
        assert_eq!(judged(&own, &home(false)), Kin::Stale);
        assert_eq!(judged(&own, &home(true)), Kin::Service);
        // A child of it that is still there counts like its parent, whatever it runs.
        let child = Holder { parent: 4000, program: None, command: Vec::new(), ..own };
        assert_eq!(judged(&child, &home(false)), Kin::Stale);
        // Started by hand in a session that is over.
        for path in ["/user.slice/user-0.slice/session-3.scope", "/"] {
            assert_eq!(judged(&orphan(path), &home(false)), Kin::Stale, "{path}");
        }
        let replaced = Holder { program: Some("/usr/bin/web (deleted)".into()), ..orphan("/") };
        assert_eq!(judged(&replaced, &home(false)), Kin::Stale);
    }

    #[test]
    fn in_doubt_it_is_a_strangers() {
        let by_hand = orphan("/user.slice/user-0.slice/session-3.scope");
        let docker = format!("/docker/{ID}/system.slice/web.service");
        for (holder, part) in [
            (Holder { kernel: true, ..by_hand.clone() }, "kernel"),
            // Another instance of the same program is a service of its own.
            (orphan("/system.slice/web@2.service"), "unit web@2.service"),
            (orphan(&docker), "unit web.service"),
            (orphan(&format!("/docker/{ID}")), "container 5f2d9c0e5f2d"),
            (Holder { parent: 900, ..by_hand.clone() }, "pid 900, takes care"),
            (Holder { program: None, ..by_hand.clone() }, "may not see"),
            (Holder { program: Some("/usr/bin/nc".into()), ..by_hand.clone() }, "runs /usr/bin/nc"),
            // The same interpreter, and another script.
            (Holder { command: vec!["/usr/bin/web".to_owned(), "--port=81".to_owned()], ..by_hand.clone() }, "not what"),
        ] {
            let found = judged(&holder, &home(false));
            assert!(matches!(&found, Kin::Foreign(why) if why.contains(part)), "{holder:?}: {found:?}");
        }
        let nothing_known = Home { group: String::new(), commands: Vec::new(), ..home(false) };
        assert!(matches!(judged(&by_hand, &nothing_known), Kin::Foreign(_)));
        let empty = Holder { command: Vec::new(), ..by_hand };
        let no_arguments = Home { commands: vec![("/usr/bin/web".to_owned(), Vec::new())], ..home(false) };
        assert!(matches!(judged(&empty, &no_arguments), Kin::Foreign(_)), "two empty lists prove nothing");
    }
}
