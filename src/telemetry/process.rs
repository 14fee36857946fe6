//! heald as a process, under the names that every Prometheus client uses; read when the page is asked for.

use super::metrics::Word;
use procfs::process::Process;
use procfs::{CurrentSI, KernelStats, WithCurrentSystemInfo};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;

#[derive(Debug)]
pub(super) struct ThisProcess;

impl Collector for ThisProcess {
    /// What the kernel does not tell is left out.
    fn encode(&self, mut page: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Ok(own) = Process::myself() else { return Ok(()) };
        if let Ok(stat) = own.stat() {
            let ticks = float(procfs::ticks_per_second());
            let cpu = ConstCounter::new(float(stat.utime + stat.stime) / ticks);
            say(&mut page, "process_cpu_seconds", "Processor time used", &cpu)?;
            let memory = ConstGauge::new(float(stat.rss_bytes().get()));
            say(&mut page, "process_resident_memory_bytes", "Memory in use", &memory)?;
            if let Ok(system) = KernelStats::current() {
                let started = ConstGauge::new(float(system.btime) + float(stat.starttime) / ticks);
                say(&mut page, "process_start_time_seconds", "When it was started, since 1970", &started)?;
            }
        }
        if let Ok(open) = own.fd_count() {
            let open = ConstGauge::new(float(u64::try_from(open).unwrap_or(u64::MAX)));
            say(&mut page, "process_open_fds", "Files and sockets that are open", &open)?;
        }
        Ok(())
    }
}

fn say(page: &mut DescriptorEncoder<'_>, name: Word, help: Word, metric: &impl EncodeMetric) -> Result<(), fmt::Error> {
    metric.encode(page.encode_descriptor(name, help, None, metric.metric_type())?)
}

#[expect(clippy::cast_precision_loss, reason = "bytes, ticks and seconds far below 2^53")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use crate::telemetry::Telemetry;

    #[test]
    fn the_page_tells_of_the_process() {
        let page = Telemetry::new("0").page();
        let value = |name: &str| -> f64 {
            let line =
                page.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("no {name} in\n{page}"));
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 1_000_000.0);
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_start_time_seconds") > 1_700_000_000.0);
        assert!(page.ends_with("# EOF\n") && page.matches("# EOF").count() == 1);
    }
}
