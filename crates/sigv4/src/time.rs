//! Times as signatures write them.

use bedplate_base::Timestamp;

/// ISO 8601's basic form in whole seconds: `20261121T150405Z`.
pub fn basic(at: Timestamp) -> String {
    let whole = Timestamp(at.0.div_euclid(1_000_000_000).saturating_mul(1_000_000_000));
    whole.iso().chars().filter(|letter| !matches!(letter, '-' | ':')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_can_be_written() {
        for (nanos, text) in [
            (0, "19700101T000000Z"),
            (-1, "19691231T235959Z"),
            (1_795_273_445_999_999_999, "20261121T150405Z"),
        ] {
            assert_eq!(basic(Timestamp(nanos)), text);
        }
        assert!(basic(Timestamp(i64::MIN)).starts_with("16770921T"));
        assert!(basic(Timestamp(i64::MAX)).starts_with("22620411T"));
    }
}
