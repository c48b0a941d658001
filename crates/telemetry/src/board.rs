//! Everything that is counted, by name: what `GET /metrics` shows.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::metrics::{Family, head, line};

/// A number that is asked for when somebody looks.
struct Gauge {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    labels: &'static [(&'static str, &'static str)],
    read: Box<dyn Fn() -> f64 + Send + Sync>,
}

/// All metrics of a server.
pub struct Board {
    requests: Family,
    request_seconds: Family,
    pub(crate) turns: Family,
    pub(crate) turn_seconds: Family,
    pub(crate) turn_model_calls: Family,
    pub(crate) model_calls: Family,
    pub(crate) model_seconds: Family,
    pub(crate) tokens: Family,
    pub(crate) dollars: Family,
    pub(crate) tool_calls: Family,
    pub(crate) tool_seconds: Family,
    pub(crate) cold_start_seconds: Family,
    pub(crate) errors: Family,
    pub(crate) spans: Family,
    commit_size: Family,
    commit_seconds: Family,
    gauges: Mutex<Vec<Gauge>>,
}

impl Default for Board {
    fn default() -> Self {
        let (counter, times, numbers) = (Family::counter, Family::times, Family::numbers);
        Self {
            requests: counter(
                "bedplate_http_requests_total",
                "HTTP requests that are over.",
                &["operation", "status"],
            ),
            request_seconds: times(
                "bedplate_http_request_seconds",
                "Time from a request's header to the end of its answer.",
                &["operation"],
            ),
            turns: counter("bedplate_turns_total", "Requests to agents that are over, by how.", &["outcome"]),
            turn_seconds: times(
                "bedplate_turn_seconds",
                "Time from a request's admission to its answer or question.",
                &["outcome"],
            ),
            turn_model_calls: numbers("bedplate_turn_model_calls", "Model calls of one request to an agent.", &[]),
            model_calls: counter("bedplate_model_calls_total", "Model calls.", &["provider", "model", "outcome"]),
            model_seconds: times(
                "bedplate_model_call_seconds",
                "Time of model calls, waiting and tries included.",
                &["provider"],
            ),
            tokens: counter(
                "bedplate_model_tokens_total",
                "Tokens: input (uncached), output, cache_read, cache_write.",
                &["provider", "model", "type"],
            ),
            dollars: Family::dollars(
                "bedplate_model_cost_dollars_total",
                "What model calls cost, where their price is known.",
                &["provider", "model"],
            ),
            tool_calls: counter(
                "bedplate_tool_calls_total",
                "Calls of functions by agents.",
                &["function", "outcome"],
            ),
            tool_seconds: times("bedplate_tool_call_seconds", "Time of calls of functions by agents.", &["function"]),
            cold_start_seconds: times(
                "bedplate_tool_cold_start_seconds",
                "Time to start and load a function's process.",
                &[],
            ),
            errors: counter(
                "bedplate_errors_total",
                "Failures by kind: of turns (Turn.…), model calls, functions and requests.",
                &["kind"],
            ),
            spans: counter(
                "bedplate_spans_total",
                "Spans by what became of them: exported, dropped (queue full), failed, unsampled.",
                &["outcome"],
            ),
            commit_size: numbers("bedplate_commit_group_size", "Commits that shared one transaction.", &[]),
            commit_seconds: times("bedplate_commit_seconds", "Time of one transaction of the store.", &[]),
            gauges: Mutex::default(),
        }
    }
}

impl Board {
    /// A request is over. Its operation is one of the routes' names, so the number of series is bounded.
    pub fn request(&self, operation: &str, status: u16, time: Duration) {
        let mut digits = [b'0'; 3];
        for (place, digit) in digits.iter_mut().enumerate() {
            *digit += u8::try_from(status / [100, 10, 1][place] % 10).unwrap_or(0);
        }
        let status = std::str::from_utf8(&digits).unwrap_or("000");
        self.requests.add(&[operation, status], 1);
        self.request_seconds.took(&[operation], time);
    }

    /// A request was refused or failed with this exception.
    pub fn failed(&self, code: &str) {
        self.errors.add(&[code], 1);
    }

    /// The store has written a group of commits.
    pub fn committed(&self, commits: usize, time: Duration) {
        self.commit_size.observe(&[], commits as u64);
        self.commit_seconds.took(&[], time);
    }

    /// A number that is read when somebody looks. Those of one name must be added one after the other.
    pub fn gauge(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [(&'static str, &'static str)],
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.add(name, help, "gauge", labels, Box::new(read));
    }

    /// The same for what only grows.
    pub fn count(&self, name: &'static str, help: &'static str, read: impl Fn() -> f64 + Send + Sync + 'static) {
        self.add(name, help, "counter", &[], Box::new(read));
    }

    fn add(
        &self,
        name: &'static str,
        help: &'static str,
        kind: &'static str,
        labels: &'static [(&'static str, &'static str)],
        read: Box<dyn Fn() -> f64 + Send + Sync>,
    ) {
        let gauge = Gauge {
            name,
            help,
            kind,
            labels,
            read,
        };
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner).push(gauge);
    }

    /// The text of `GET /metrics`: Prometheus' format, version 0.0.4.
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        let families = [
            &self.requests,
            &self.request_seconds,
            &self.turns,
            &self.turn_seconds,
            &self.turn_model_calls,
            &self.model_calls,
            &self.model_seconds,
            &self.tokens,
            &self.dollars,
            &self.tool_calls,
            &self.tool_seconds,
            &self.cold_start_seconds,
            &self.errors,
            &self.spans,
            &self.commit_size,
            &self.commit_seconds,
        ];
        families.into_iter().for_each(|family| family.write(&mut out));
        let mut last = "";
        for gauge in self.gauges.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if gauge.name != last {
                head(&mut out, gauge.name, gauge.help, gauge.kind);
                last = gauge.name;
            }
            let (labels, values): (Vec<_>, Vec<_>) = gauge.labels.iter().map(|(name, value)| (*name, (*value).to_owned())).unzip();
            line(&mut out, gauge.name, "", &labels, &values, &(gauge.read)().to_string());
        }
        out
    }
}
