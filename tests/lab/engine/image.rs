//! The lab's image: a Debian with systemd, built from the distribution's packages, since no
//! registry may be needed. Victim containers run the same image with another command.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use bollard::{
    body_try_stream,
    query_parameters::{CreateImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rustix::fs::FlockOperation;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::{
    super::{Context as _, Error, ProcessId, Result, process::tail, run},
    Engine, LABEL, RUN_LABEL,
    lease::lock,
};

const REPOSITORY: &str = "heald-lab";
/// Of images that belong to one run.
const TREES: &str = "heald-lab-run";

/// Units that only make noise in a container.
const MASKED: &str = "systemd-logind.service getty.target console-getty.service apt-daily.timer \
    apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    systemd-tmpfiles-clean.timer systemd-networkd-wait-online.service systemd-resolved.service";

/// Started by those who want them.
const DISABLED: &str = "redis-server.service supervisor.service";

/// What goes into the image; its hash is the image's tag, so a change builds a new one.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub suite: String,
    pub packages: Vec<String>,
}

impl Default for Recipe {
    fn default() -> Self {
        // The second line: what drills break inside a machine.
        let packages = [
            "systemd",
            "dbus",
            "systemd-sysv",
            "procps",
            "mount", //
            "redis-server",
            "supervisor",
            "dnsmasq-base",
            "sqlite3",
        ];
        Self { suite: suite(), packages: packages.map(str::to_owned).to_vec() }
    }
}

impl Recipe {
    pub fn with(mut self, packages: &[&str]) -> Self {
        self.packages.extend(packages.iter().map(|&name| name.to_owned()));
        self
    }

    /// mmdebstrap's arguments; the archive goes to its standard output.
    fn arguments(&self) -> Vec<String> {
        vec![
            "--quiet".into(),
            "--variant=minbase".into(),
            format!("--include={}", self.packages.join(",")),
            format!(r#"--customize-hook=chroot "$1" systemctl mask {MASKED}"#),
            format!(r#"--customize-hook=chroot "$1" systemctl disable {DISABLED}"#),
            self.suite.clone(),
            "-".into(),
        ]
    }

    fn tag(&self) -> String {
        let digest = Sha256::digest(self.arguments().join("\0"));
        digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Engine {
    /// The name of an image made by `recipe`; the first time, building it takes half a minute.
    pub async fn image(&self, recipe: &Recipe) -> Result<String> {
        let name = format!("{REPOSITORY}:{}", recipe.tag());
        let _building = tokio::task::spawn_blocking(|| lock("image", FlockOperation::LockExclusive)).await??;
        if self.docker.inspect_image(&name).await.is_ok() {
            return Ok(name);
        }
        println!("lab: building image {name} (once; about half a minute)");
        self.import(recipe).await.context("build the lab's image")?;
        self.forget_images(Some(&name)).await?;
        Ok(name)
    }

    async fn import(&self, recipe: &Recipe) -> Result<()> {
        let mut command = Command::new("mmdebstrap");
        command.args(recipe.arguments());
        self.import_output(command, &format!("{REPOSITORY}:{}", recipe.tag()), Vec::new()).await
    }

    /// An image of this run, made by `dist/rootfs.sh` with these `arguments`; it goes when the run's containers go.
    /// `settings` are lines of a Dockerfile. Returns its name.
    pub async fn tree(&self, name: &str, arguments: &[&str], settings: &[String]) -> Result<String> {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/rootfs.sh"));
        command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        let labels = [format!("LABEL {LABEL}=1"), format!("LABEL {RUN_LABEL}={}", self.run_id())];
        let image = format!("{TREES}:{name}-{}", self.run_id());
        self.import_output(command, &image, settings.iter().cloned().chain(labels).collect()).await?;
        Ok(image)
    }

    /// What `command` writes to its standard output is an archive of the whole file system.
    async fn import_output(&self, mut command: Command, image: &str, settings: Vec<String>) -> Result<()> {
        let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = run::cache().join(format!("{program}.log"));
        fs::create_dir_all(run::cache())?;
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(fs::File::create(&log)?).process_group(0);
        let mut child = tokio::process::Command::from(command)
            .spawn()
            .context(format!("start {program} (tests/lab/setup.sh installs what is missing)"))?;
        let process = child.id().and_then(|pid| ProcessId::of(pid.cast_signed()));
        let _unfinished = EndOnDrop(process);
        let pipe = child.stdout.take().expect("was asked to be a pipe");
        let archive = stream::try_unfold(pipe, |mut pipe| async move {
            let mut chunk = Vec::with_capacity(64 * 1024);
            let read = pipe.read_buf(&mut chunk).await?;
            Ok((read > 0).then(|| (chunk.into(), pipe)))
        });
        let (repository, tag) = image.split_once(':').unwrap_or((image, "latest"));
        let options = CreateImageOptionsBuilder::default().from_src("-").repo(repository).tag(tag).changes(settings).build();
        let imported: Result<Vec<_>, _> =
            self.docker.create_image(Some(options), Some(body_try_stream(archive)), None).try_collect().await;
        let status = child.wait().await?;
        if !status.success() {
            // What the engine then made of a cut-off archive must not be taken for the image.
            let options = RemoveImageOptionsBuilder::default().build();
            let _ = self.docker.remove_image(image, Some(options), None).await;
            return Err(Error::new(format!("{program} failed ({status}):\n{}", tail(&log, 15))));
        }
        imported?;
        Ok(())
    }

    /// Removes the lab's images except `keep`; one in use stays.
    pub async fn forget_images(&self, keep: Option<&str>) -> Result<()> {
        let filters = [("reference".to_owned(), vec![REPOSITORY.to_owned()])].into();
        let list = ListImagesOptionsBuilder::default().filters(&filters).build();
        let images = self.docker.list_images(Some(list)).await?;
        let names = images.into_iter().flat_map(|image| image.repo_tags);
        let unwanted = names.filter(|name| Some(name.as_str()) != keep);
        stream::iter(unwanted)
            .for_each(|name| async move {
                let options = RemoveImageOptionsBuilder::default().build();
                let _ = self.docker.remove_image(&name, Some(options), None).await;
            })
            .await;
        Ok(())
    }
}

/// mmdebstrap removes its working folder when it is asked to end, not when it is killed.
struct EndOnDrop(Option<ProcessId>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(process) = self.0.filter(|process| process.is_alive()) {
            let _ = process.end(Duration::from_secs(15));
        }
    }
}

/// The host's own release where it is a Debian, whose keys are then installed; else Debian 12.
fn suite() -> String {
    let os = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |key: &str| {
        let value = os.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(value.trim_matches('"').to_owned())
    };
    field("VERSION_CODENAME").filter(|_| field("ID").as_deref() == Some("debian")).unwrap_or_else(|| "bookworm".to_owned())
}
