//! Times as signatures write them.

use bedplate_base::Timestamp;

/// ISO 8601's basic form in whole seconds: `20261121T150405Z`.
pub fn basic(at: Timestamp) -> String {
    let whole = Timestamp(at.0 - at.0.rem_euclid(1_000_000_000));
    whole.iso().chars().filter(|letter| !matches!(letter, '-' | ':')).collect()
}
