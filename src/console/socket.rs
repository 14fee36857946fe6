//! The control socket: made private before it can be found, and never taken from a heald that lives.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::Path;
use tokio::net::{UnixListener, UnixStream};

/// Listens at `path`. A socket that a dead heald left is replaced.
///
/// It is bound inside a directory that only heald can enter, closed to others
/// there, and then moved: at no moment could a stranger have opened it.
///
/// # Errors
/// Somebody answers there already, something else lies there, or the directory can't be written.
pub async fn bind(path: &Path) -> Result<UnixListener, String> {
    let wrong = |what: &str, error: std::io::Error| format!("control socket {}: {what}: {error}", path.display());
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(wrong("can't be looked at", error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(format!("control socket {}: something else lies there: move it away", path.display()));
        }
        Ok(_) => match UnixStream::connect(path).await {
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => {}
            // A full queue is an answer too.
            _ => return Err(format!("control socket {}: another heald answers there: stop it first", path.display())),
        },
    }
    let nest = path.with_extension("new");
    let _ = fs::remove_dir_all(&nest);
    DirBuilder::new().mode(0o700).create(&nest).map_err(|error| wrong("its directory can't be written", error))?;
    let inside = nest.join("s");
    let listener = UnixListener::bind(&inside).map_err(|error| wrong("can't be bound", error))?;
    fs::set_permissions(&inside, Permissions::from_mode(0o600)).map_err(|error| wrong("can't be made private", error))?;
    fs::rename(&inside, path).map_err(|error| wrong("can't be put in place", error))?;
    let _ = fs::remove_dir(&nest);
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let first = bind(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let refused = bind(&path).await.unwrap_err();
        assert!(refused.contains("another heald answers there"), "{refused}");
        drop(first);
        let second = bind(&path).await.unwrap();
        UnixStream::connect(&path).await.unwrap();
        drop(second);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[tokio::test]
    async fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        fs::write(&path, "mine").unwrap();
        assert!(bind(&path).await.unwrap_err().contains("something else lies there"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        let missing = bind(&folder.path().join("no/control.sock")).await.unwrap_err();
        assert!(missing.contains("can't be written"), "{missing}");
    }
}
