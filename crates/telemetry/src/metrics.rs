//! Counters and histograms in Prometheus' text format. Whoever counts pays one look-up and one atomic addition.
//!
//! Our own instead of a crate: a hundred lines, no task, no clock, and a bound on the number of series that no label value of a stranger
//! can break.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Series of one family; what comes after them is counted as `other`. Ours: operations are about 400 known ones, and names of models and
/// functions come from users.
pub const SERIES_MAX: usize = 512;
/// Characters of a label's value. Ours.
const LABEL_MAX: usize = 128;
/// Between the values of a key; cannot stand in one of ours and does no harm in one of a stranger.
const BETWEEN: char = '\u{1f}';

/// Upper bounds of times, in microseconds: from half a millisecond, which a turn without a model takes, to ten minutes, the longest that a
/// model is waited for by default.
const TIMES: &[u64] = &[
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    600_000_000,
];
/// Upper bounds of small numbers: commits in a group, steps of a turn.
const NUMBERS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    One,
    /// Kept in microseconds, shown in seconds.
    Time,
    /// Kept in billionths, shown in dollars.
    Money,
}

/// All series of one name.
#[derive(Debug)]
pub(crate) struct Family {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    unit: Unit,
    /// Of a histogram; none for a counter.
    bounds: &'static [u64],
    series: RwLock<HashMap<String, Arc<Series>>>,
}

#[derive(Debug)]
struct Series {
    labels: Vec<String>,
    sum: AtomicU64,
    buckets: Vec<AtomicU64>,
}

impl Family {
    fn new(name: &'static str, help: &'static str, labels: &'static [&'static str], unit: Unit, bounds: &'static [u64]) -> Self {
        Self {
            name,
            help,
            labels,
            unit,
            bounds,
            series: RwLock::default(),
        }
    }

    pub(crate) fn counter(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::new(name, help, labels, Unit::One, &[])
    }

    pub(crate) fn dollars(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::new(name, help, labels, Unit::Money, &[])
    }

    pub(crate) fn times(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::new(name, help, labels, Unit::Time, TIMES)
    }

    pub(crate) fn numbers(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::new(name, help, labels, Unit::One, NUMBERS)
    }

    /// Counts `number` more.
    pub(crate) fn add(&self, labels: &[&str], number: u64) {
        self.of(labels).sum.fetch_add(number, Ordering::Relaxed);
    }

    /// Counts one time.
    pub(crate) fn took(&self, labels: &[&str], time: Duration) {
        self.observe(labels, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts one observation.
    pub(crate) fn observe(&self, labels: &[&str], value: u64) {
        let series = self.of(labels);
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        series.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        series.sum.fetch_add(value, Ordering::Relaxed);
    }

    fn of(&self, labels: &[&str]) -> Arc<Series> {
        debug_assert_eq!(labels.len(), self.labels.len(), "{}", self.name);
        let mut key = String::with_capacity(64);
        for label in labels {
            key.extend(label.chars().take(LABEL_MAX));
            key.push(BETWEEN);
        }
        let found = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        found.unwrap_or_else(|| self.make(key))
    }

    fn make(&self, mut key: String) -> Arc<Series> {
        let mut all = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SERIES_MAX && !all.contains_key(&key) {
            key = format!("other{BETWEEN}").repeat(self.labels.len());
        }
        let labels = key.split(BETWEEN).take(self.labels.len()).map(str::to_owned).collect();
        let series = || Series {
            labels,
            sum: AtomicU64::new(0),
            buckets: (0..=self.bounds.len()).map(|_| AtomicU64::new(0)).collect(),
        };
        Arc::clone(all.entry(key).or_insert_with(|| Arc::new(series())))
    }

    pub(crate) fn write(&self, out: &mut String) {
        let all = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = all.values().cloned().collect();
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        head(
            out,
            self.name,
            self.help,
            if self.bounds.is_empty() { "counter" } else { "histogram" },
        );
        for series in all {
            let sum = series.sum.load(Ordering::Relaxed);
            if self.bounds.is_empty() {
                line(out, self.name, "", self.labels, &series.labels, &self.shown(sum));
                continue;
            }
            let mut count = 0;
            let (mut names, mut values) = (self.labels.to_vec(), series.labels.clone());
            names.push("le");
            for (bucket, bound) in series.buckets.iter().zip(self.bounds.iter().map(Some).chain([None])) {
                count += bucket.load(Ordering::Relaxed);
                values.push(bound.map_or_else(|| "+Inf".to_owned(), |bound| self.shown(*bound)));
                line(out, self.name, "_bucket", &names, &values, &count.to_string());
                values.pop();
            }
            line(out, self.name, "_sum", self.labels, &series.labels, &self.shown(sum));
            line(out, self.name, "_count", self.labels, &series.labels, &count.to_string());
        }
    }

    fn shown(&self, value: u64) -> String {
        match self.unit {
            Unit::One => value.to_string(),
            Unit::Time => (value as f64 / 1e6).to_string(),
            Unit::Money => (value as f64 / 1e9).to_string(),
        }
    }
}

/// `# HELP` and `# TYPE`.
pub(crate) fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// One sample.
pub(crate) fn line(out: &mut String, name: &str, suffix: &str, labels: &[&str], values: &[String], number: &str) {
    let _ = write!(out, "{name}{suffix}");
    for (index, (label, value)) in labels.iter().zip(values).enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(out, "{}{label}=\"{value}\"", if index == 0 { '{' } else { ',' });
    }
    let _ = writeln!(out, "{} {number}", if labels.is_empty() { "" } else { "}" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_prometheus() {
        let calls = Family::counter("calls_total", "Calls.", &["model", "outcome"]);
        calls.add(&["a \"b\"\n", "ok"], 2);
        calls.add(&["a \"b\"\n", "ok"], 1);
        let mut out = String::new();
        calls.write(&mut out);
        assert_eq!(
            out,
            "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total{model=\"a \\\"b\\\"\\n\",outcome=\"ok\"} 3\n"
        );
        let sizes = Family::numbers("sizes", "Sizes.", &[]);
        [1, 2, 3, 1_000].into_iter().for_each(|size| sizes.observe(&[], size));
        let mut out = String::new();
        sizes.write(&mut out);
        for sample in [
            "sizes_bucket{le=\"1\"} 1\n",
            "sizes_bucket{le=\"2\"} 2\n",
            "sizes_bucket{le=\"4\"} 3\n",
            "sizes_bucket{le=\"512\"} 3\n",
        ] {
            assert!(out.contains(sample), "{sample} in {out}");
        }
        assert!(
            out.ends_with("sizes_bucket{le=\"+Inf\"} 4\nsizes_sum 1006\nsizes_count 4\n"),
            "{out}"
        );
        let times = Family::times("seconds", "Times.", &[]);
        times.took(&[], Duration::from_millis(3));
        let mut out = String::new();
        times.write(&mut out);
        assert!(
            out.contains("seconds_bucket{le=\"0.0025\"} 0\nseconds_bucket{le=\"0.005\"} 1\n"),
            "{out}"
        );
        assert!(out.contains("seconds_sum 0.003\n"), "{out}");
    }

    #[test]
    fn strangers_cannot_make_series_without_end() {
        let family = Family::counter("f", "", &["name"]);
        for number in 0..SERIES_MAX + 100 {
            family.add(&[&format!("n{number}")], 1);
        }
        family.add(&[&"x".repeat(10_000)], 1);
        let mut out = String::new();
        family.write(&mut out);
        assert!(out.contains("f{name=\"other\"} 101\n"), "{out}");
        assert_eq!(out.lines().count(), SERIES_MAX + 1 + 2);
    }
}
