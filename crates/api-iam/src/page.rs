//! Pages of IAM's lists: `Marker` and `MaxItems`.

/// Items of a page when the request does not say (IAM API reference).
const ITEMS: usize = 100;

/// One page.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) is_truncated: Option<bool>,
    pub(crate) marker: Option<String>,
}

/// The page of `items`, which are in the order of their keys, that follows `marker`. Bounded lists only: all items are in memory.
pub(crate) fn page<T>(items: Vec<T>, key: impl Fn(&T) -> String, marker: Option<&str>, max_items: Option<i32>) -> Page<T> {
    let most = max_items.and_then(|most| usize::try_from(most).ok()).unwrap_or(ITEMS).max(1);
    let mut rest = items
        .into_iter()
        .filter(|item| marker.is_none_or(|marker| encode(&key(item)).as_str() > marker));
    let page: Vec<T> = rest.by_ref().take(most).collect();
    let more = rest.next().is_some();
    let marker = page.last().filter(|_| more).map(|last| encode(&key(last)));
    Page {
        items: page,
        is_truncated: Some(more),
        marker,
    }
}

/// Hexadecimal keeps the order of the keys, and shows clients that markers are not names.
fn encode(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}
