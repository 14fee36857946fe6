//! The part of `org.freedesktop.systemd1` that heald speaks.

use serde::{Deserialize, Serialize};
use zbus::OwnedObjectPath;

/// systemd's own error names. What it does not name ends in `ZBus`.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop.systemd1")]
pub(super) enum SdError {
    #[zbus(error)]
    ZBus(zbus::Error),
    NoSuchUnit(String),
    LoadFailed(String),
    BadUnitSetting(String),
    UnitMasked(String),
    OnlyByDependency(String),
    JobTypeNotApplicable(String),
    TransactionIsDestructive(String),
    TransactionJobsConflicting(String),
    TransactionOrderIsCyclic(String),
    ShuttingDown(String),
    AlreadySubscribed(String),
    NoSuchProcess(String),
}

/// A command of a service, in the order of the bus: the program, its arguments with its own name first, whether its failure
/// counts for nothing; then when it last ran, as which process, and how that ended.
pub(super) type Exec = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

/// A line of `systemctl list-units`, in the order of the bus: name, description, load, active, sub, the unit that it
/// follows, path, and the number, kind and path of its job.
#[derive(Debug, Deserialize, Serialize, zbus::zvariant::Type)]
pub(super) struct Row {
    pub name: String,
    _description: String,
    _load: String,
    pub active: String,
    _sub: String,
    _following: String,
    pub path: OwnedObjectPath,
    _job: u32,
    _job_kind: String,
    _job_path: OwnedObjectPath,
}

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
pub(super) trait Manager {
    fn subscribe(&self) -> Result<(), SdError>;
    fn load_unit(&self, name: &str) -> Result<OwnedObjectPath, SdError>;
    fn restart_unit(&self, name: &str, mode: &str) -> Result<OwnedObjectPath, SdError>;
    fn start_unit(&self, name: &str, mode: &str) -> Result<OwnedObjectPath, SdError>;
    fn stop_unit(&self, name: &str, mode: &str) -> Result<OwnedObjectPath, SdError>;
    fn reload_unit(&self, name: &str, mode: &str) -> Result<OwnedObjectPath, SdError>;
    /// `whom`: `main`, `control` or `all`.
    fn kill_unit(&self, name: &str, whom: &str, signal: i32) -> Result<(), SdError>;
    /// `runtime`: until the next boot.
    fn set_unit_properties(&self, name: &str, runtime: bool, properties: &[(&str, zbus::Variant<'_>)]) -> Result<(), SdError>;
    /// Control group, pid and command line of each; a pid of systemd's own namespace.
    fn get_unit_processes(&self, name: &str) -> Result<Vec<(String, u32, String)>, SdError>;
    /// `systemctl daemon-reload`
    fn reload(&self) -> Result<(), SdError>;
    fn list_units(&self) -> Result<Vec<Row>, SdError>;
    /// Path and state of every unit file, loaded or not.
    fn list_unit_files(&self) -> Result<Vec<(String, String)>, SdError>;
    fn list_units_by_names(&self, names: &[&str]) -> Result<Vec<Row>, SdError>;
    fn reset_failed_unit(&self, name: &str) -> Result<(), SdError>;

    #[zbus(signal)]
    fn job_removed(&self, id: u32, job: zbus::ObjectPath<'_>, unit: &str, result: &str) -> zbus::Result<()>;

    /// Of its own root: where it is not that of the machine, all that it says of control groups begins with it.
    #[zbus(property(emits_changed_signal = "false"))]
    fn control_group(&self) -> zbus::Result<String>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn system_state(&self) -> zbus::Result<String>;

    #[zbus(property(emits_changed_signal = "false"))]
    fn userspace_timestamp_monotonic(&self) -> zbus::Result<u64>;
}
