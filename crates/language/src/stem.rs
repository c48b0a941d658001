//! A light suffix stemmer: enough to bring `cancelled`, `cancelling` and `cancellation` together, never meant to be shown.

/// The stem of a lower-case word. Words of up to three letters are their own stems.
pub fn stem(word: &str) -> String {
    let mut s = word.trim_end_matches("'s").trim_end_matches("’s").to_owned();
    if s.len() <= 3 || !s.is_ascii() {
        return s;
    }
    // not the same as "state"
    if s.starts_with("statement") {
        return "statement".into();
    }
    if let Some(root) = s.strip_suffix("ies") {
        s = if root.len() >= 2 { format!("{root}y") } else { s };
    } else if s.ends_with("sses") || s.ends_with("xes") || s.ends_with("ches") || s.ends_with("shes") || s.ends_with("zzes") {
        s.truncate(s.len() - 2);
    } else if s.ends_with('s') && !s.ends_with("ss") && !s.ends_with("us") && !s.ends_with("is") {
        s.pop();
    }
    for (suffix, to, least) in [
        ("ability", "abl", 3),
        ("ations", "", 4),
        ("ation", "", 4),
        ("ment", "", 3),
        ("ingly", "", 4),
        ("ing", "", 3),
        ("edly", "", 4),
        ("ied", "y", 2),
        ("ed", "", 3),
        ("ate", "", 4),
        ("ator", "", 4),
        ("ly", "", 4),
    ] {
        if let Some(root) = s.strip_suffix(suffix) {
            if root.len() >= least && root.contains(['a', 'e', 'i', 'o', 'u', 'y']) {
                s = format!("{root}{to}");
                undouble(&mut s);
            }
            break;
        }
    }
    if s.len() > 3 && s.ends_with('e') {
        s.pop();
    }
    s
}

fn undouble(s: &mut String) {
    let bytes = s.as_bytes();
    let n = bytes.len();
    if n > 3 && bytes[n - 1] == bytes[n - 2] && !matches!(bytes[n - 1], b's' | b'z' | b'e' | b'o') {
        s.pop();
    }
}
