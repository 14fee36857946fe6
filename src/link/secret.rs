//! A password in a file of its own, read when it is needed: it may be changed without a reload.

use crate::domain::target::cut;
use crate::domain::template::is_template;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A password is a line; a disk image was not meant.
const SIZE_MAX: u64 = 4_096;

/// What shows before the file is read. No template: an alert must not choose which file's content is sent somewhere.
///
/// # Errors
/// What would be right.
pub fn check(path: &str) -> Result<(), String> {
    if is_template(path) {
        return Err("password_file holds a template: which file is read is the playbook's to say, not an alert's".to_owned());
    }
    match path.starts_with('/') && !path.split('/').any(|piece| piece == "..") {
        true => Ok(()),
        false => Err(format!("password_file: {:?} is no absolute path", cut(path))),
    }
}

/// # Errors
/// Why it is none, without its content.
pub fn read(path: &str) -> Result<String, String> {
    check(path)?;
    let lost = |error: std::io::Error| format!("the password file {} can't be read: {error}", cut(path));
    let file = fs::File::open(Path::new(path)).map_err(lost)?;
    let kind = file.metadata().map_err(lost)?;
    if !kind.is_file() || kind.len() > SIZE_MAX {
        return Err(format!("{} is no password: a file with at most {SIZE_MAX} bytes is expected", cut(path)));
    }
    if kind.mode() & 0o007 != 0 {
        return Err(format!("the password file {} is open to everybody: `chmod o= {}`", cut(path), cut(path)));
    }
    let mut text = String::new();
    file.take(SIZE_MAX).read_to_string(&mut text).map_err(lost)?;
    let password = text.trim_end_matches(['\n', '\r']);
    if password.is_empty() || password.chars().any(char::is_control) {
        return Err(format!("the password file {} is empty or holds control characters", cut(path)));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_a_closed_file_with_a_line_is_a_password() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        let path = file.display().to_string();
        assert!(read(&path).unwrap_err().contains("can't be read"));
        fs::write(&file, "s3cret\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().contains("open to everybody"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read(&path).as_deref(), Ok("s3cret"));
        fs::write(&file, "a\nb").unwrap();
        assert!(read(&path).unwrap_err().contains("control characters"));
        assert!(check("{{ labels.file }}").is_err() && check("password").is_err() && check("/a/../b").is_err());
        assert!(read("/dev/zero").unwrap_err().contains("no password"));
    }
}
