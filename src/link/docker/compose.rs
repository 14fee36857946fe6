//! A container is made anew by its Compose project's own program and file.
//!
//! The container's labels name project, folder, files and service. The program is on the allow-list, gets arguments and no
//! shell, nothing of heald's environment, and is killed with its children at the deadline. A file that changed since the
//! container was made would be deployed by it: then a person must say so, not heald.

use super::around::{PROJECT, SERVICE};
use super::blueprint::aside;
use super::raw::{Ask, id};
use super::swap::{Change, Hindrance, missing};
use super::{Docker, LinkError};
use crate::domain::target::{AllowList, cut};
use futures_util::future::try_join3;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::{Instant, timeout_at};

/// What Compose did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composition {
    pub project: String,
    pub service: String,
    /// The end of what it said.
    pub output: String,
}

/// Where a container comes from, by its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    project: String,
    service: String,
    folder: PathBuf,
    files: Vec<PathBuf>,
    hash: String,
}

/// The ends of what it printed.
struct Said {
    out: String,
    /// On stderr: progress, and Compose 2's warnings also beside a good answer.
    beside: String,
}

const FOLDER: &str = "com.docker.compose.project.working_dir";
const FILES: &str = "com.docker.compose.project.config_files";
const HASH: &str = "com.docker.compose.config-hash";
const OUTPUT_MAX: usize = 4 << 10;
/// For reading the files.
const CONFIG_MAX: Duration = Duration::from_secs(30);
/// A clean one: whatever the file takes from the environment must be in its own `.env`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// === impl Docker ===

impl Docker {
    /// `docker-compose up -d --no-deps --force-recreate SERVICE`. Called again after half of it, Compose itself goes on.
    ///
    /// # Errors
    /// [`Hindrance::Refused`] says what is missing and what to do; nothing was changed then.
    pub async fn recompose(self: &Arc<Self>, change: Change, deadline: Instant) -> Result<Composition, Hindrance> {
        let _alone = self.swaps.lock().await;
        let name = change.container.as_str();
        let refuse = |why: String| Hindrance::Refused(format!("{name}: {why}"));
        let program = program(&change.allow).map_err(refuse)?;
        if self.find(&aside(name)).await?.is_some() {
            return Err(refuse(format!(
                "{} is kept, and Compose would take it for one of its own; restore or discard it first",
                aside(name)
            )));
        }
        let found = self.find(name).await?.ok_or_else(|| missing(name))?;
        if change.own.contains(id(&found)) {
            return Err(refuse("heald itself runs in it".to_owned()));
        }
        let (dependants, _) = self.dependants(name, id(&found)).await?;
        if let Some(dependant) = dependants.first() {
            return Err(refuse(format!(
                "{dependant} lives in its network, and Compose would leave it behind; use from: inspect"
            )));
        }
        let origin = Origin::of(&found["Config"]["Labels"]).map_err(refuse)?;
        if let Some(missing) = origin.files.iter().find(|file| !file.is_file()) {
            return Err(refuse(format!(
                "its Compose file {} is not there; put it back, or use from: inspect",
                missing.display()
            )));
        }
        let label = [format!("{PROJECT}={}", origin.project), format!("{SERVICE}={}", origin.service)];
        let filters = json!({ "label": label }).to_string();
        let listed = self.send(Ask::get(&["containers", "json"]).with(&[("all", "true"), ("filters", &filters)])).await?;
        match listed.as_array().map_or(0, Vec::len) {
            1 => {}
            count => {
                return Err(refuse(format!(
                    "{count} containers are of the service {} of {}, and Compose would make all of them anew; use from: inspect",
                    origin.service, origin.project
                )));
            }
        }
        let image = found["Config"]["Image"].as_str().unwrap_or_default();
        match self.send(Ask::get(&["images", image, "json"])).await {
            Err(LinkError::Missing(_)) => {
                return Err(refuse(format!("its image {image} is no longer on this host; pull it first")));
            }
            answer => drop(answer?),
        }
        let base = origin.arguments(&program);
        let soon = deadline.min(Instant::now() + CONFIG_MAX);
        let now = self.compose(&program, &base, &["config", "--hash", &origin.service], soon).await?;
        if now.out.split_whitespace().last() != Some(origin.hash.as_str()) {
            let why = "the Compose file, or what it takes from the environment, says something else since it was made";
            return Err(refuse(format!("{why}; bring it up by hand once, or use from: inspect")));
        }
        if !is_plugin(&program) {
            let compose = self.compose(&program, &[], &["version", "--short"], soon).await?;
            let engine = self.send(Ask::get(&["version"])).await?;
            fits(compose.out.trim(), &engine).map_err(refuse)?;
        }
        let grace = change.grace.as_secs().to_string();
        let mut up = vec!["up", "-d", "--no-deps", "--force-recreate", "--no-build", "--timeout", grace.as_str()];
        // Compose 1 knows no such word.
        if is_plugin(&program) {
            up.extend(["--pull", "never"]);
        }
        up.push(&origin.service);
        let said = self.compose(&program, &base, &up, deadline).await?;
        let output = crate::domain::logs::end(&(said.out + &said.beside), OUTPUT_MAX).to_owned();
        Ok(Composition { project: origin.project, service: origin.service, output })
    }

    async fn compose(&self, program: &Path, base: &[String], arguments: &[&str], deadline: Instant) -> Result<Said, Hindrance> {
        let mut command = Command::new(program);
        command.args(base).args(arguments).current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_clear().env("PATH", PATH).env("HOME", "/nonexistent").env("LC_ALL", "C.UTF-8");
        command.env("DOCKER_HOST", format!("unix://{}", self.socket)).process_group(0).kill_on_drop(true);
        let shown = program.display();
        let mut child = command.spawn().map_err(|error| Hindrance::Refused(format!("{shown} can't be started: {error}")))?;
        let group = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let work = try_join3(child.wait(), tail(stdout), tail(stderr));
        // What it started must end before the deadline of the step.
        let Ok(ended) = timeout_at(deadline.checked_sub(Duration::from_secs(2)).unwrap_or(deadline), work).await else {
            if let Some(group) = group {
                // One that has ended by now is no error.
                let _ = kill_process_group(group, Signal::KILL);
            }
            return Err(LinkError::Unknown(format!("{shown} {} was not done in time and was killed", arguments[0])).into());
        };
        let (status, stdout, stderr) = ended.map_err(|error| LinkError::Unknown(format!("{shown}: {error}")))?;
        let said =
            |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>();
        if !status.success() {
            let why = said(&stderr);
            return Err(Hindrance::Undone(format!("{shown} {}: {} ({})", arguments[0], cut(last(&why)), status)));
        }
        Ok(Said { out: said(&stdout), beside: said(&stderr) })
    }
}

/// The end of what it prints. All of it is read, so that it never waits for a reader.
async fn tail(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let (mut kept, mut part) = (Vec::new(), vec![0_u8; OUTPUT_MAX]);
    let Some(mut pipe) = pipe else { return Ok(kept) };
    loop {
        let count = pipe.read(&mut part).await?;
        if count == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&part[..count]);
        kept.drain(..kept.len().saturating_sub(OUTPUT_MAX));
    }
}

/// The engine's client, whose plugin is Compose 2.
fn is_plugin(program: &Path) -> bool {
    program.file_name().is_some_and(|name| name == "docker")
}

/// Compose 1 reads an image's `ContainerConfig`, which engines from 26.0 (API 1.45) on leave out: it dies with a `KeyError`
/// when it has stopped and renamed the old container, and made no new one (docker/compose#11693).
fn fits(compose: &str, engine: &Value) -> Result<(), String> {
    let number = |text: &str| text.split('.').map_while(|part| part.parse::<u32>().ok()).collect::<Vec<_>>();
    let api = engine["ApiVersion"].as_str().unwrap_or_default();
    if number(compose).first() == Some(&1) && number(api).as_slice() >= [1, 45].as_slice() {
        let version = engine["Version"].as_str().unwrap_or_default();
        return Err(format!(
            "docker-compose {} breaks off in the middle of it with engine {}; allow Compose 2 (/usr/bin/docker with its plugin), or use \
             from: inspect",
            cut(compose),
            cut(version)
        ));
    }
    Ok(())
}

fn last(text: &str) -> &str {
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing")
}

/// Compose's own program, or the engine's client with its plugin.
fn program(allow: &AllowList) -> Result<PathBuf, String> {
    let named =
        |name: &str| allow.commands.iter().map(PathBuf::from).find(|path| path.file_name().is_some_and(|own| own == name));
    let program = named("docker-compose").or_else(|| named("docker"));
    let program = program
        .ok_or("no Compose on the allow-list: add /usr/bin/docker-compose or /usr/bin/docker to `targets: { commands }`")?;
    match program.is_file() {
        true => Ok(program),
        false => Err(format!("{} is not there; install it, or use from: inspect", program.display())),
    }
}

// === impl Origin ===

impl Origin {
    fn of(labels: &Value) -> Result<Self, String> {
        let label = |key: &str| {
            let value = labels[key].as_str().filter(|value| !value.is_empty() && !value.chars().any(char::is_control));
            value.ok_or_else(|| format!("it has no label {key}, so no Compose made it (or an old one); use from: inspect"))
        };
        let folder = PathBuf::from(label(FOLDER)?);
        if !folder.is_absolute() {
            return Err(format!("its Compose folder {:?} is no absolute path", cut(&folder.to_string_lossy())));
        }
        // Compose 1 writes them as they were given, relative to the folder.
        let files = label(FILES)?.split(',').map(|file| folder.join(file)).collect();
        let name = |key: &str| {
            let value = label(key)?;
            let fits = value.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) && !value.starts_with('-');
            if fits { Ok(value.to_owned()) } else { Err(format!("{:?} is no name for {key}", cut(value))) }
        };
        Ok(Self { project: name(PROJECT)?, service: name(SERVICE)?, folder, files, hash: label(HASH)?.to_owned() })
    }

    fn arguments(&self, program: &Path) -> Vec<String> {
        let plugin = is_plugin(program).then(|| "compose".to_owned());
        let mut arguments: Vec<String> = plugin.into_iter().collect();
        arguments.extend(["--project-name", &self.project, "--project-directory"].map(str::to_owned));
        arguments.push(self.folder.display().to_string());
        for file in &self.files {
            arguments.extend(["--file".to_owned(), file.display().to_string()]);
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Value {
        json!({ PROJECT: "shop", SERVICE: "db", FOLDER: "/srv/shop", FILES: "base.yml,/etc/more.yml", HASH: "5f2d" })
    }

    #[test]
    fn labels_become_arguments() {
        let origin = Origin::of(&labels()).unwrap();
        let words = "--project-name shop --project-directory /srv/shop --file /srv/shop/base.yml --file /etc/more.yml";
        assert_eq!(origin.arguments(Path::new("/usr/bin/docker-compose")).join(" "), words);
        assert_eq!(origin.arguments(Path::new("/usr/bin/docker")).join(" "), format!("compose {words}"));
    }

    #[test]
    fn labels_that_are_none_of_composes_are_refused() {
        for (key, value, part) in [
            (PROJECT, "", "no label"),
            (SERVICE, "--rm", "no name"),
            (FOLDER, "shop", "no absolute path"),
            (HASH, "", "no label"),
            (FILES, "a\nb", "no label"),
        ] {
            let mut labels = labels();
            labels[key] = json!(value);
            let why = Origin::of(&labels).unwrap_err();
            assert!(why.contains(part), "{key}: {why}");
        }
    }

    #[test]
    fn compose_1_is_refused_where_it_would_leave_nothing() {
        let engine = |api: &str| json!({ "Version": "x", "ApiVersion": api });
        assert!(fits("1.29.2", &engine("1.45")).unwrap_err().contains("allow Compose 2"));
        assert!(fits("1.29.2, build unknown", &engine("2.0")).is_err());
        for (compose, api) in [("1.29.2", "1.44"), ("1.29.2", "1.41"), ("2.26.1-4", "1.51"), ("v2.40.3", "1.51"), ("", "1.51")] {
            assert_eq!(fits(compose, &engine(api)), Ok(()), "{compose} {api}");
        }
    }

    #[tokio::test]
    async fn only_the_end_of_what_it_prints_is_kept() {
        let printed = [vec![b'a'; 3 * OUTPUT_MAX], b"end".to_vec()].concat();
        let kept = tail(Some(printed.as_slice())).await.unwrap();
        assert_eq!(kept.len(), OUTPUT_MAX);
        assert!(kept.ends_with(b"aend"));
    }

    #[tokio::test]
    async fn an_answer_is_not_what_stands_beside_it() {
        let shell = ["-c", "echo shop 5f2d; echo 'the attribute `version` is obsolete' >&2"].map(str::to_owned);
        let soon = Instant::now() + CONFIG_MAX;
        let said = Docker::new("/nonexistent").compose(Path::new("/bin/sh"), &shell, &["config"], soon).await.unwrap();
        assert_eq!((said.out.as_str(), said.beside.as_str()), ("shop 5f2d\n", "the attribute `version` is obsolete\n"));
    }

    #[test]
    fn only_an_allowed_program_is_run() {
        let allow = |command: &str| AllowList { commands: [command.to_owned()].into(), ..AllowList::default() };
        assert!(program(&allow("/usr/bin/true")).unwrap_err().contains("no Compose on the allow-list"));
        assert!(program(&allow("/nonexistent/docker-compose")).unwrap_err().contains("is not there"));
    }
}
