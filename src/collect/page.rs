//! What a collector hands over, and how it becomes text.
//!
//! Each scrape makes its page anew, so that what is gone has no series. Rows keep their order: two scrapes
//! of the same world are the same text.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;

/// All series of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// A counter's without `_total`, which the encoder adds.
    name: &'static str,
    /// One sentence.
    help: &'static str,
    is_counter: bool,
    rows: Vec<(Labels, f64)>,
}

/// In the order in which they are shown.
pub type Labels = Vec<(&'static str, String)>;

/// Longer texts of others are cut: a label is kept for as long as Prometheus keeps anything.
const VALUE_MAX: usize = 200;
/// Whole numbers up to here are exact in a float, and are written without a point.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// The page, in the order of `families`; those without a row are left out.
pub fn page(families: Vec<Family>) -> String {
    let mut registry = Registry::default();
    for family in families {
        registry.register_collector(Box::new(family));
    }
    let mut page = String::new();
    // Writing to a string fails only where a metric is malformed; then an empty page is the honest one.
    match encode(&mut page, &registry) {
        Ok(()) => page,
        Err(fmt::Error) => "# EOF\n".to_owned(),
    }
}

/// A label's value from a stranger's text: one line, and not too long.
pub fn value(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(VALUE_MAX).collect()
}

// === impl Family ===

impl Family {
    pub fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, is_counter: false, rows: Vec::new() }
    }

    pub fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, is_counter: true, rows: Vec::new() }
    }

    /// A gauge of one series without labels.
    pub fn single(name: &'static str, help: &'static str, value: f64) -> Self {
        Self { rows: vec![(Labels::new(), value)], ..Self::gauge(name, help) }
    }

    pub fn add(&mut self, labels: Labels, value: f64) {
        self.rows.push((labels, value));
    }
}

impl Collector for Family {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return Ok(());
        }
        let kind = if self.is_counter { MetricType::Counter } else { MetricType::Gauge };
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        for (labels, value) in &self.rows {
            if labels.is_empty() {
                number(&mut metric, self.is_counter, *value)?;
            } else {
                number(&mut metric.encode_family(labels)?, self.is_counter, *value)?;
            }
        }
        Ok(())
    }
}

fn number(metric: &mut MetricEncoder<'_>, is_counter: bool, value: f64) -> fmt::Result {
    let is_whole = value.fract() == 0.0 && value.abs() <= WHOLE_MAX;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number in range; counts are never negative"
    )]
    match (is_counter, is_whole) {
        (true, true) => metric.encode_counter::<NoLabelSet, u64, f64>(&(value as u64), None),
        (true, false) => metric.encode_counter::<NoLabelSet, f64, f64>(&value, None),
        (false, true) => metric.encode_gauge(&(value as i64)),
        (false, false) => metric.encode_gauge(&value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let mut restarts = Family::counter("heald_container_restarts", "Restarts");
        restarts.add(vec![("container", "a".to_owned()), ("service", String::new())], 3.0);
        let mut info = Family::gauge("heald_container_info", "About it");
        info.add(vec![("error", value("exec: \"/nope\":\n\u{1b}no such file"))], 1.0);
        let parts = vec![
            Family::single("heald_container_engine_up", "Whether it answers", 1.0),
            restarts,
            Family::gauge("heald_gpu_count", "Nobody has seen one"),
            info,
            Family::single("heald_gpu_utilization_ratio", "Busy", 0.25),
        ];
        let text = "\
# HELP heald_container_engine_up Whether it answers.
# TYPE heald_container_engine_up gauge
heald_container_engine_up 1
# HELP heald_container_restarts Restarts.
# TYPE heald_container_restarts counter
heald_container_restarts_total{container=\"a\",service=\"\"} 3
# HELP heald_container_info About it.
# TYPE heald_container_info gauge
heald_container_info{error=\"exec: \\\"/nope\\\":  no such file\"} 1
# HELP heald_gpu_utilization_ratio Busy.
# TYPE heald_gpu_utilization_ratio gauge
heald_gpu_utilization_ratio 0.25
# EOF
";
        assert_eq!(page(parts), text.replace(".\n# TYPE", "\n# TYPE"));
    }
}
