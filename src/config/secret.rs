//! Secrets stand in files of their own: the configuration is shown, copied and kept under version control.

use crate::yaml::{Fields, quote};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A password or token. Its value never reaches a log or a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// Where relative names of secrets are looked for.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    /// The configuration file's folder.
    pub dir: &'a Path,
    /// systemd's `$CREDENTIALS_DIRECTORY`: asked first.
    pub credentials: Option<&'a Path>,
}

/// Tokens are lines; a certificate or a disk image was not meant.
const SIZE_MAX: u64 = 64 * 1024;

// === impl Secret ===

impl Secret {
    pub fn reveal(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub fn of(text: &str) -> Self {
        Self(text.into())
    }

    fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let kind = fs::metadata(path).map_err(|error| format!("the secret {shown} can't be read: {error}"))?;
        if !kind.is_file() || kind.len() > SIZE_MAX {
            return Err(format!("{shown} is no secret: a file with at most {SIZE_MAX} bytes is expected"));
        }
        let text = fs::read_to_string(path).map_err(|error| format!("the secret {shown} can't be read: {error}"))?;
        // An editor ends the file with a newline; anything else may be part of the secret.
        let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
        if text.trim().is_empty() {
            return Err(format!("the secret {shown} is empty"));
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(format!("the secret {shown} holds control characters"));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

// === impl Places ===

impl Places<'_> {
    /// Relative to the configuration file, as every other path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A relative name is looked for among systemd's credentials first.
    pub fn secret(&self, name: &str) -> PathBuf {
        match self.credentials.map(|dir| dir.join(name)) {
            Some(path) if Path::new(name).is_relative() && path.is_file() => path,
            _ => self.path(name),
        }
    }

    /// `key_file: name`; `key: value` itself is refused with an advice.
    pub fn read(&self, fields: &mut Fields<'_>, key: &'static str, literal: &'static str) -> Option<Secret> {
        let what = format!("a secret does not belong into this file: `{literal}`");
        fields.forbidden(literal, &what, &format!("put it into a file of its own and name that: `{key}: /path/of/the/file`"));
        let file = fields.file();
        let node = fields.node(key)?;
        let name = crate::yaml::text(file, node)?;
        if name.contains('\0') {
            file.refuse(node.at, format!("{} is no path", quote(&name)));
            return None;
        }
        Secret::read(&self.secret(&name)).map_err(|why| file.refuse(node.at, why)).ok()
    }
}
