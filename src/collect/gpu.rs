//! NVIDIA cards, by `nvidia-smi`.
//!
//! The program is started at each scrape and killed when it does not end in time: with a broken driver it
//! hangs. That a card is gone is an answer (`heald_gpu_count` 0); that the program is missing or was killed
//! is none.

use super::page::{Family, Labels, value};
use super::{Collect, Seen};
use futures_util::future::{BoxFuture, join};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub struct Gpus {
    program: PathBuf,
    /// One at a time, also while one that was killed has not gone yet.
    turn: Arc<Semaphore>,
}

/// One line of the answer. None: the card does not tell (`[N/A]`).
#[derive(Clone, Debug, Default, PartialEq)]
struct Gpu {
    index: String,
    uuid: String,
    name: String,
    /// 0 to 1.
    utilization: Option<f64>,
    memory_used: Option<f64>,
    memory_total: Option<f64>,
    celsius: Option<f64>,
}

/// What the program said, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq)]
struct Report {
    gpus: Vec<Gpu>,
    failed: Option<String>,
}

const QUERY: [&str; 2] =
    ["--query-gpu=index,uuid,name,utilization.gpu,memory.used,memory.total,temperature.gpu", "--format=csv,noheader,nounits"];
/// Below the deadline of a collector, so that it is killed and not forgotten.
const RUN_MAX: Duration = Duration::from_secs(4);
/// A card takes about 100 bytes.
const OUTPUT_MAX: u64 = 64 << 10;
/// `nounits` leaves mebibytes.
const MIB: f64 = 1_048_576.0;

// === impl Gpus ===

impl Gpus {
    pub fn new(program: PathBuf) -> Self {
        Self { program, turn: Arc::new(Semaphore::new(1)) }
    }

    async fn report(&self) -> Result<Report, String> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|error| error.to_string())?;
        let program = self.program.clone();
        // A task of its own: whoever scrapes may hang up, and the program must still be waited for.
        let running = tokio::spawn(async move {
            let report = ask(&program).await;
            drop(turn);
            report
        });
        running.await.map_err(|error| error.to_string())?
    }
}

impl Collect for Gpus {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn collect(&self) -> BoxFuture<'_, Seen> {
        Box::pin(async move {
            match self.report().await {
                Ok(report) => Seen { families: families(&report.gpus), failed: report.failed },
                Err(why) => Seen { families: self.blind(), failed: Some(why) },
            }
        })
    }

    fn blind(&self) -> Vec<Family> {
        Vec::new()
    }
}

async fn ask(program: &Path) -> Result<Report, String> {
    let shown = program.display();
    let mut child = Command::new(program)
        .args(QUERY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{shown}: {error}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let run = async {
        let (said, complained) = join(all(stdout), all(stderr)).await;
        (child.wait().await, said, complained)
    };
    match timeout(RUN_MAX, run).await {
        Ok((Ok(status), said, complained)) => Ok(read(status.success(), &said, &complained)),
        Ok((Err(error), ..)) => Err(format!("{shown}: {error}")),
        Err(_) => {
            // Returns when it is gone; a process that hangs in the driver goes late or never.
            let killed = child.kill().await;
            Err(format!(
                "{shown}: killed after {RUN_MAX:?}{}",
                killed.err().map(|error| format!(": {error}")).unwrap_or_default()
            ))
        }
    }
}

async fn all(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What was read before an error still tells something.
        drop(pipe.take(OUTPUT_MAX).read_to_end(&mut bytes).await);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Cards that can be read are shown, whatever it says about others.
fn read(success: bool, said: &str, complained: &str) -> Report {
    let mut report = Report::default();
    for line in said.lines().chain(complained.lines()).map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("No devices were found") {
            // It exits with 6 then, and has answered all the same.
            return report;
        }
        match Gpu::of(line) {
            Some(gpu) => report.gpus.push(gpu),
            None => report.failed = report.failed.or_else(|| Some(value(line))),
        }
    }
    if !success && report.failed.is_none() {
        report.failed = Some("it ended with an error and said nothing".to_owned());
    }
    report
}

fn families(gpus: &[Gpu]) -> Vec<Family> {
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let count = Family::single("heald_gpu_count", "Cards that the driver shows", gpus.len() as f64);
    let mut info = Family::gauge("heald_gpu_info", "1; which card it is");
    let mut used = Family::gauge("heald_gpu_memory_used_bytes", "Memory of the card in use");
    let mut total = Family::gauge("heald_gpu_memory_total_bytes", "Memory of the card");
    let mut busy = Family::gauge("heald_gpu_utilization_ratio", "Share of the last second or so in which it computed");
    let mut heat = Family::gauge("heald_gpu_temperature_celsius", "Temperature of the card");
    for gpu in gpus {
        let labels = || -> Labels { vec![("gpu", gpu.index.clone())] };
        info.add(labels().into_iter().chain([("uuid", gpu.uuid.clone()), ("name", gpu.name.clone())]).collect(), 1.0);
        for (family, seen) in
            [(&mut used, gpu.memory_used), (&mut total, gpu.memory_total), (&mut busy, gpu.utilization), (&mut heat, gpu.celsius)]
        {
            if let Some(seen) = seen {
                family.add(labels(), seen);
            }
        }
    }
    vec![count, info, used, total, busy, heat]
}

// === impl Gpu ===

impl Gpu {
    fn of(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let [index, uuid, name, utilization, used, total, celsius] = fields.as_slice() else { return None };
        index.parse::<u16>().ok()?;
        let number = |field: &str| field.parse::<f64>().ok().filter(|number| number.is_finite());
        Some(Self {
            index: (*index).to_owned(),
            uuid: value(uuid),
            name: value(name),
            utilization: number(utilization).map(|percent| percent / 100.0),
            memory_used: number(used).map(|mib| mib * MIB),
            memory_total: number(total).map(|mib| mib * MIB),
            celsius: number(celsius),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::page;
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const TWO: &str = "\
0, GPU-8b4a3a3e-2c5f-7d0e-9a55-5c1d2f3e4a5b, NVIDIA GeForce RTX 3090, 37, 20514, 24576, 71
1, GPU-1f2e3d4c-5b6a-7988-a7b6-c5d4e3f2a1b0, NVIDIA A100-SXM4-40GB MIG 1g.5gb, [N/A], 25, 40960, [Not Supported]
";

    #[test]
    fn cards_are_read_and_what_they_do_not_tell_is_left_out() {
        let text = page(families(&read(true, TWO, "").gpus));
        for line in [
            "heald_gpu_count 2",
            "heald_gpu_utilization_ratio{gpu=\"0\"} 0.37",
            "heald_gpu_memory_used_bytes{gpu=\"0\"} 21510488064",
            "heald_gpu_memory_total_bytes{gpu=\"0\"} 25769803776",
            "heald_gpu_temperature_celsius{gpu=\"0\"} 71",
            "heald_gpu_memory_used_bytes{gpu=\"1\"} 26214400",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("ratio{gpu=\"1\"") && !text.contains("celsius{gpu=\"1\""), "{text}");
    }

    #[test]
    fn what_it_says_instead_of_cards() {
        assert_eq!(read(false, "No devices were found\n", ""), Report::default());
        let mismatch = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.54\n";
        let driver = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the \
            latest NVIDIA driver is installed and running.\n";
        for said in [mismatch, driver] {
            let report = read(false, said, "");
            assert!(
                report.gpus.is_empty() && report.failed.as_ref().is_some_and(|why| said.starts_with(why.as_str())),
                "{report:?}"
            );
        }
        let lost =
            "Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost.  Reboot the system to recover this GPU\n";
        let report = read(false, &TWO.lines().next().map(|line| format!("{line}\n{lost}")).unwrap(), "");
        assert_eq!(report.gpus.len(), 1, "the other card is still shown");
        assert!(report.failed.is_some_and(|why| why.contains("GPU is lost")));
        assert!(read(false, "", "").failed.is_some());
        assert!(read(true, "hello, world\n", "").failed.is_some());
    }

    fn program(dir: &Path, script: &str) -> PathBuf {
        let path = dir.join("nvidia-smi");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[tokio::test]
    async fn the_program_is_run_as_its_manual_says() {
        let dir = tempfile::tempdir().unwrap();
        let script = format!("[ \"$*\" = '{} {}' ] || exit 2\ncat <<'EOF'\n{TWO}EOF", QUERY[0], QUERY[1]);
        let seen = Gpus::new(program(dir.path(), &script)).collect().await;
        assert_eq!(seen.failed, None);
        assert!(page(seen.families).contains("heald_gpu_count 2\n"));
        let seen = Gpus::new(dir.path().join("nowhere")).collect().await;
        assert!(seen.failed.is_some() && seen.families.is_empty(), "a program that is not there has not counted cards");
    }

    #[tokio::test]
    async fn one_that_hangs_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let gpus = Gpus::new(program(dir.path(), &format!("echo $$ >{}; exec sleep 1000", pid.display())));
        let seen = gpus.collect().await;
        assert!(seen.failed.as_ref().is_some_and(|why| why.contains("killed after 4s")), "{:?}", seen.failed);
        let pid = fs::read_to_string(pid).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "it still runs");
    }
}
