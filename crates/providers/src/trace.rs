//! The trace that calls to providers belong to. It goes beside the call: no protocol has a word for it, and nothing but the header depends on it.

use std::sync::Arc;

use reqwest::header::HeaderValue;

/// The header's name.
pub(crate) const NAME: &str = "traceparent";

tokio::task_local! {
    static PARENT: Option<Arc<str>>;
}

/// Does `work`; what it asks of providers is sent with this W3C `traceparent`.
pub async fn traced<T>(parent: Option<Arc<str>>, work: impl Future<Output = T>) -> T {
    PARENT.scope(parent, work).await
}

/// The header of a request that is sent now.
pub(crate) fn header() -> Option<HeaderValue> {
    let parent = PARENT.try_with(Clone::clone).ok().flatten()?;
    HeaderValue::from_str(&parent).ok()
}
