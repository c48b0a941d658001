//! What a listener tells of itself: each request when it is over, and `GET /metrics`.
//!
//! What is counted, and how it is written down, is somebody else's matter; only the listener knows its own queues, so it adds those.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::listener::Shared;

/// Is told of every request when its answer is over: the operation (`bedrock-agent:GetAgent`, `admin`, `-`), the status (0 when the client left
/// before) and the time since its header. It is called on the request's way out and must not wait.
pub type Finished = Arc<dyn Fn(&str, u16, Duration) + Send + Sync>;

/// What is told, and what is shown. The default tells nothing.
#[derive(Clone, Default)]
pub struct Telemetry {
    /// Told of every request.
    pub finished: Option<Finished>,
    /// The text of `GET /metrics`, in Prometheus' format; without it there is no such path.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    /// Whether everybody may read that; otherwise whoever may use the admin door.
    pub is_public: bool,
}

/// The text, with the listener's own numbers.
pub(crate) fn text(shared: &Shared) -> String {
    let mut text = shared.telemetry.metrics.as_ref().map_or_else(String::new, |metrics| metrics());
    let gates = [
        ("requests", &shared.requests),
        ("turns", &shared.turns.agents),
        ("model_calls", &shared.turns.models),
        ("admin", &shared.admin),
    ];
    for (name, help, read) in [
        (
            "bedplate_http_running",
            "Work that has a place: requests, turns of agents among them, model calls without an agent.",
            crate::gate::Gate::running as fn(&_) -> usize,
        ),
        (
            "bedplate_http_waiting",
            "Work that waits for a place; more than the limit is refused.",
            crate::gate::Gate::waiting,
        ),
    ] {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (kind, gate) in gates {
            let _ = writeln!(text, "{name}{{kind=\"{kind}\"}} {}", read(gate));
        }
    }
    text
}
