//! Why the journal can't be opened, written or read. Messages fit after "failed to …: ".

use rusqlite::ErrorCode;
use std::io;
use std::path::{Path, PathBuf};

/// What a person does about a journal that can't be trusted.
const REMEDY: &str = ". Stop heald and put a backup back; or run `heald store init --accept-empty-budgets`: it then starts anew, with every budget full";

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot {verb} {path}: {source}")]
    Folder { verb: &'static str, path: PathBuf, source: io::Error },
    #[error("others can write to {path} (mode {mode:o}); run: chmod 700 {path}")]
    Exposed { path: PathBuf, mode: u32 },
    #[error("another heald{} holds {path}", pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Held { path: PathBuf, pid: Option<u32> },
    /// The folder has held a journal that is gone: escalate-only.
    #[error("the journal is lost: {why}{REMEDY}")]
    Lost { why: String },
    /// Escalate-only.
    #[error("the journal is corrupt: {why}{REMEDY}")]
    Corrupt { why: String },
    #[error("{path} is not a heald journal: {why}")]
    Foreign { path: PathBuf, why: String },
    #[error(
        "the journal has schema {found}, written by heald {written_by}; this heald {} knows schemas up to {known}. Nothing was changed",
        env!("CARGO_PKG_VERSION")
    )]
    Newer { found: u32, known: u32, written_by: String },
    /// The disk refuses: full, read-only, I/O error. The journal itself may be fine.
    #[error("the journal can't be opened: {0}")]
    Unavailable(rusqlite::Error),
}

#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("the journal is fine; nothing was done")]
    Fine,
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// All but [`CommitError::Broken`] leave the journal as it was.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("the disk is full")]
    Full,
    #[error("the journal is read-only: {why}")]
    ReadOnly { why: String },
    /// Somebody holds a write lock, with `sqlite3` for instance.
    #[error("another program writes to the journal")]
    Busy,
    /// The batch contradicts the journal: a fault of heald's own.
    #[error("the batch does not fit the journal: {why}")]
    Unfit { why: String },
    /// The batch may or may not be on disk. Every later commit fails too: only a new process may trust the file again.
    #[error("the journal is broken: {why}")]
    Broken { why: String },
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the journal is corrupt: {why}")]
    Corrupt { why: String },
    #[error("the journal is broken: {why}")]
    Broken { why: String },
    #[error("it is not a heald journal of schema {known} (application id {application:#x}, schema {found})")]
    Schema { application: u32, found: u32, known: u32 },
    #[error("the journal can't be read: {0}")]
    Unavailable(rusqlite::Error),
}

// === impl OpenError ===

impl OpenError {
    pub(super) fn folder(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Folder { verb, path, source }
    }

    /// There was a journal and its budgets can't be known: people are called, nothing is repaired.
    /// Any other error is for whoever starts heald.
    pub fn is_escalate_only(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Corrupt { .. } | Self::Unavailable(_))
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        ReadError::from(error).into()
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { why } | ReadError::Broken { why } => Self::Corrupt { why },
            error @ ReadError::Schema { .. } => Self::Corrupt { why: error.to_string() },
            ReadError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

// === impl CommitError ===

impl CommitError {
    /// The same batch may be committed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Full | Self::ReadOnly { .. } | Self::Busy)
    }

    pub fn label(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly { .. } => "read_only",
            Self::Busy => "busy",
            Self::Unfit { .. } => "unfit",
            Self::Broken { .. } => "broken",
        }
    }
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        let why = error.to_string();
        if let rusqlite::Error::ToSqlConversionFailure(_) = error {
            return Self::Unfit { why };
        }
        match (error.sqlite_error_code(), error.sqlite_error().map(|error| error.extended_code)) {
            (Some(ErrorCode::DiskFull), _) => Self::Full,
            // The file was moved or deleted under the open handle: what is written goes nowhere.
            (Some(ErrorCode::ReadOnly), Some(rusqlite::ffi::SQLITE_READONLY_DBMOVED)) => Self::Broken { why },
            (Some(ErrorCode::ReadOnly), _) => Self::ReadOnly { why },
            (Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _) => Self::Busy,
            (Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig), _) => Self::Unfit { why },
            _ => Self::Broken { why },
        }
    }
}

// === impl ReadError ===

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let why = || error.to_string();
        match (&error, error.sqlite_error_code()) {
            (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) => Self::Corrupt { why: why() },
            // A value of another type than the schema's.
            (E::FromSqlConversionFailure(..) | E::IntegralValueOutOfRange(..) | E::InvalidColumnType(..), _) => {
                Self::Corrupt { why: why() }
            }
            _ => Self::Unavailable(error),
        }
    }
}
