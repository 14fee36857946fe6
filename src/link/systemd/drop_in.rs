//! Drop-ins of heald's own: environment for a unit, in systemd's runtime folder, gone with the next boot.
//!
//! Each is written whole or not at all, and begins with a line that says whose it is. Without that line heald neither
//! replaces nor removes a file.

use super::Systemd;
use crate::domain::target::cut;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where systemd looks for what lasts until the next boot (systemd.unit(5)).
pub const FOLDER: &str = "/run/systemd/system";
/// The first line of each.
const HEADER: &str = "# Made by heald. It is removed by heald, or by the next boot.";
const VARIABLES_MAX: usize = 64;
const VALUE_MAX: usize = 4 * 1_024;
const NAME_MAX: usize = 64;

/// Why a drop-in was not written or removed.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("{}: it was not made by heald, and stays as it is", .0.display())]
    Foreign(PathBuf),
    #[error("{}: {error}{}", .path.display(), advice(.error))]
    File { path: PathBuf, error: io::Error },
}

/// What the unit's manual says where the file system says no.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => " (docs/least-privilege.md says what it needs)",
        _ => "",
    }
}

/// `NAME` in `50-heald-NAME.conf`.
///
/// # Errors
/// What would fit.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(fits) {
        return Ok(());
    }
    Err(format!("{:?} is no name of a drop-in: 1 to {NAME_MAX} letters, digits, - and _", cut(name)))
}

/// # Errors
/// What would fit. What makes the loader run other code is not taken: a value may come from an alert's label.
pub fn check_key(key: &str) -> Result<(), String> {
    let shown = cut(key);
    let first = key.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !first || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || key.len() > NAME_MAX {
        return Err(format!("{shown:?} is no name of a variable: letters, digits and _, and no digit first"));
    }
    if key.starts_with("LD_") || key == "PATH" || key == "GLIBC_TUNABLES" {
        return Err(format!("{shown} is not set by a drop-in: it decides what code runs"));
    }
    Ok(())
}

/// # Errors
/// The text of a drop-in can't hold it.
pub fn check_value(value: &str) -> Result<(), String> {
    if value.chars().any(char::is_control) {
        return Err(format!("{:?} is no value of a variable: it holds a line break or a control character", cut(value)));
    }
    if value.len() > VALUE_MAX {
        return Err(format!("{:?} is no value of a variable: it is longer than {VALUE_MAX} bytes", cut(value)));
    }
    Ok(())
}

/// # Errors
/// There are none, or too many; and as [`check_key`], [`check_value`].
pub fn text(environment: &BTreeMap<String, String>) -> Result<String, String> {
    if environment.is_empty() || environment.len() > VARIABLES_MAX {
        return Err(format!("{} variables: 1 to {VARIABLES_MAX} fit into a drop-in", environment.len()));
    }
    let mut text = format!("{HEADER}\n[Service]\n");
    for (key, value) in environment {
        check_key(key)?;
        check_value(value)?;
        text += &format!("Environment=\"{key}={}\"\n", quoted(value));
    }
    Ok(text)
}

/// Within double quotes: systemd knows C's escapes there, and its own specifiers (systemd.exec(5), systemd.unit(5)).
fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '%' => text += "%%",
            c => text.push(c),
        }
    }
    text
}

// === impl Systemd ===

impl Systemd {
    /// Another runtime folder, for a systemd that is not this machine's own.
    #[must_use]
    pub fn with_runtime(self, folder: impl Into<PathBuf>) -> Self {
        Self { runtime: folder.into(), ..self }
    }

    /// The file; `unit` is a canonical name, `name` was checked.
    pub fn drop_in(&self, unit: &str, name: &str) -> PathBuf {
        self.runtime.join(format!("{unit}.d")).join(format!("50-heald-{name}.conf"))
    }

    /// Puts a file there, or replaces one of heald's. systemd does not know of it before it reads its files anew.
    ///
    /// # Errors
    /// It is somebody else's, or can't be written; then nothing has changed.
    pub fn write_drop_in(&self, unit: &str, name: &str, text: &str) -> Result<PathBuf, Trouble> {
        let path = self.drop_in(unit, name);
        write(&path, text).map_err(|trouble| trouble.into_trouble(path.clone()))?;
        Ok(path)
    }

    /// Whether there was one.
    ///
    /// # Errors
    /// It is somebody else's, or can't be removed.
    pub fn remove_drop_in(&self, unit: &str, name: &str) -> Result<bool, Trouble> {
        let path = self.drop_in(unit, name);
        remove(&path).map_err(|trouble| trouble.into_trouble(path))
    }
}

enum Stop {
    Foreign,
    Error(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Error(error)
    }
}

impl Stop {
    fn into_trouble(self, path: PathBuf) -> Trouble {
        match self {
            Self::Foreign => Trouble::Foreign(path),
            Self::Error(error) => Trouble::File { path, error },
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), Stop> {
    is_ours(path)?;
    let Some(folder) = path.parent() else { return Err(io::Error::from(io::ErrorKind::InvalidInput).into()) };
    if !folder.exists() {
        fs::create_dir(folder)?;
        // Whatever heald's own mask: systemctl cat is for everybody.
        fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    }
    // systemd reads only `*.conf`: half a file is never seen.
    let mut file = tempfile::Builder::new().prefix(".heald-").permissions(Permissions::from_mode(0o644)).tempfile_in(folder)?;
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn remove(path: &Path) -> Result<bool, Stop> {
    if !is_ours(path)? {
        return Ok(false);
    }
    fs::remove_file(path)?;
    if let Some(folder) = path.parent() {
        // Only where it is empty, which is what the call itself sees to.
        let _ = fs::remove_dir(folder);
    }
    Ok(true)
}

/// Whether there is one, and it begins with heald's line. A link is never heald's.
fn is_ours(path: &Path) -> Result<bool, Stop> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
        Ok(file) if !file.is_file() => return Err(Stop::Foreign),
        Ok(_) => {}
    }
    let text = fs::read(path)?;
    if text.split(|byte| *byte == b'\n').next() == Some(HEADER.as_bytes()) { Ok(true) } else { Err(Stop::Foreign) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_are_quoted_for_systemd() {
        let text = text(&environment(&[("A", "plain"), ("B", "say \"hi\" \\ 100%"), ("C", ""), ("_D1", "$HOME ; ünï")])).unwrap();
        assert_eq!(
            text,
            format!(
                "{HEADER}\n[Service]\nEnvironment=\"A=plain\"\nEnvironment=\"B=say \\\"hi\\\" \\\\ 100%%\"\n\
                 Environment=\"C=\"\nEnvironment=\"_D1=$HOME ; ünï\"\n"
            )
        );
    }

    #[test]
    fn what_could_forge_a_line_is_refused() {
        for (key, value, part) in [
            ("A", "x\nExecStartPre=/bin/evil", "line break"),
            ("A", "x\r", "line break"),
            ("A", "\u{1b}[0m", "control"),
            ("A B", "x", "no name of a variable"),
            ("1A", "x", "no digit first"),
            ("", "x", "no name of a variable"),
            ("A=B", "x", "no name of a variable"),
            ("LD_PRELOAD", "/tmp/x.so", "decides what code runs"),
            ("PATH", "/tmp", "decides what code runs"),
        ] {
            let error = text(&environment(&[(key, value)])).unwrap_err();
            assert!(error.contains(part), "{key:?} {value:?}: {error}");
        }
        assert!(text(&environment(&[])).unwrap_err().contains("0 variables"));
        assert!(check_value(&"x".repeat(VALUE_MAX + 1)).is_err());
        for name in ["", "../x", "a/b", "a.b", "a b", "{{ x }}"] {
            assert!(check_name(name).unwrap_err().contains("no name of a drop-in"), "{name:?}");
        }
        assert_eq!(check_name("low-memory_1"), Ok(()));
    }

    #[test]
    fn only_healds_own_files_are_replaced_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let systemd = Systemd::new("unix:path=/nonexistent").with_runtime(dir.path());
        let text = |value| text(&environment(&[("MODE", value)])).unwrap();
        let path = systemd.write_drop_in("web.service", "mode", &text("safe")).unwrap();
        assert_eq!(path, dir.path().join("web.service.d/50-heald-mode.conf"));
        systemd.write_drop_in("web.service", "mode", &text("slow")).unwrap();
        assert!(fs::read_to_string(&path).unwrap().ends_with("\"MODE=slow\"\n"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");

        assert!(systemd.remove_drop_in("web.service", "mode").unwrap());
        assert!(!systemd.remove_drop_in("web.service", "mode").unwrap(), "there is none any more");
        assert!(!path.parent().unwrap().exists(), "nor its folder");

        fs::create_dir(path.parent().unwrap()).unwrap();
        for foreign in ["[Service]\nEnvironment=MODE=mine\n", ""] {
            fs::write(&path, foreign).unwrap();
            let error = systemd.write_drop_in("web.service", "mode", &text("safe")).unwrap_err();
            assert!(matches!(error, Trouble::Foreign(_)), "{error}");
            assert!(systemd.remove_drop_in("web.service", "mode").unwrap_err().to_string().contains("not made by heald"));
            assert_eq!(fs::read_to_string(&path).unwrap(), foreign);
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(matches!(systemd.write_drop_in("web.service", "mode", &text("safe")), Err(Trouble::Foreign(_))));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let systemd = Systemd::new("unix:path=/nonexistent").with_runtime("/nonexistent/folder");
        let error = systemd.write_drop_in("web.service", "mode", "").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/folder/web.service.d/50-heald-mode.conf"), "{error}");
    }
}
