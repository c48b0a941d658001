//! Keys: path segments, escaped so that no name can reach into another's.

/// Joins segments with `/`; `/` and `%` inside a segment are escaped.
pub fn key<S: AsRef<str>>(segments: &[S]) -> String {
    let escaped: Vec<String> = segments
        .iter()
        .map(|segment| segment.as_ref().replace('%', "%25").replace('/', "%2F"))
        .collect();
    escaped.join("/")
}
