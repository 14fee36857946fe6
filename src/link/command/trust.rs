//! Whether nobody but root or heald's own user could have changed a program.

use super::NotRun;
use crate::domain::target::cut;
use rustix::process::geteuid;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const SETUID: u32 = 0o6000;
const STICKY: u32 = 0o1000;

/// Where the path leads, once it and each folder above it is found to be in good hands: then nobody else can put another
/// file there between this and the start. (Running an opened descriptor instead would not do for scripts: their
/// interpreter opens them again by name.)
pub(super) fn check(program: &Path) -> Result<PathBuf, NotRun> {
    let shown = cut(&program.display().to_string());
    let lost = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => NotRun::Missing(format!("{shown}: there is no such program")),
        _ => NotRun::Denied(format!("{shown}: {error}")),
    };
    let file = program.canonicalize().map_err(lost)?;
    let kind = fs::metadata(&file).map_err(lost)?;
    let refuse = |why: &str| Err(NotRun::Unsafe(format!("{shown}: {why}")));
    if !kind.is_file() {
        return refuse("it is no file");
    }
    if kind.mode() & SETUID != 0 {
        return refuse("it is setuid or setgid: it would get rights that its user does not have");
    }
    if kind.mode() & 0o111 == 0 {
        return refuse("it is not executable");
    }
    // The name may be a link: whoever may write to the link's folder chooses what is run.
    let above = [program, file.as_path()].into_iter().flat_map(|path| path.ancestors().skip(1));
    for (path, is_folder) in above.map(|path| (path, true)).chain([(file.as_path(), false)]) {
        let kind = fs::metadata(path).map_err(lost)?;
        if let Some(why) = bad_hands(kind.uid(), kind.gid(), kind.mode(), is_folder) {
            return refuse(&format!("{} {why}", cut(&path.display().to_string())));
        }
    }
    Ok(file)
}

fn bad_hands(owner: u32, group: u32, mode: u32, is_folder: bool) -> Option<String> {
    if owner != 0 && owner != geteuid().as_raw() {
        return Some(format!("belongs to user {owner}, not to root or heald's own"));
    }
    // In a sticky folder such as /tmp others can add files, but not replace those of its owner, which are looked at too.
    let writable = (mode & 0o002 != 0 || mode & 0o020 != 0 && group != 0) && !(is_folder && mode & STICKY != 0);
    writable.then(|| "is writable by others than root and heald's own user".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_heald_may_hold_it() {
        let own = geteuid().as_raw();
        for (owner, group, mode, is_folder, fine) in [
            (0, 0, 0o755, false, true),
            (own, 0, 0o700, false, true),
            (4_711, 0, 0o755, false, false),
            (0, 0, 0o775, false, true),
            (0, 50, 0o775, true, false),
            (0, 0, 0o757, true, false),
            (0, 0, 0o1777, true, true),
            (0, 0, 0o1777, false, false),
        ] {
            assert_eq!(bad_hands(owner, group, mode, is_folder).is_none(), fine, "{owner} {group} {mode:o} {is_folder}");
        }
    }

    #[test]
    fn programs_of_the_system_are_fine() {
        assert_eq!(check(Path::new("/bin/sh")).unwrap(), Path::new("/bin/sh").canonicalize().unwrap());
        assert!(matches!(check(Path::new("/etc")), Err(NotRun::Unsafe(_))));
        assert!(matches!(check(Path::new("/etc/passwd")), Err(NotRun::Unsafe(_))));
    }
}
