//! A light suffix stemmer: enough to bring `cancelled`, `cancelling` and `cancellation` together, never meant to be shown.

/// Forms of verbs that no suffix tells. Left out are those that live as words of their own: "left", "lost", "found", "broken".
const IRREGULAR: [(&str, &str); 62] = [
    ("fed", "feed"),
    ("led", "lead"),
    ("bred", "breed"),
    ("lit", "light"),
    ("sent", "send"),
    ("paid", "pay"),
    ("bought", "buy"),
    ("made", "make"),
    ("sold", "sell"),
    ("took", "take"),
    ("taken", "take"),
    ("gave", "give"),
    ("given", "give"),
    ("brought", "bring"),
    ("kept", "keep"),
    ("held", "hold"),
    ("froze", "freeze"),
    ("frozen", "freeze"),
    ("chose", "choose"),
    ("chosen", "choose"),
    ("began", "begin"),
    ("begun", "begin"),
    ("lent", "lend"),
    ("told", "tell"),
    ("said", "say"),
    ("seen", "see"),
    ("saw", "see"),
    ("grew", "grow"),
    ("grown", "grow"),
    ("withdrew", "withdraw"),
    ("withdrawn", "withdraw"),
    ("wrote", "write"),
    ("written", "write"),
    ("drove", "drive"),
    ("driven", "drive"),
    ("spent", "spend"),
    ("woke", "wake"),
    ("woken", "wake"),
    ("shown", "show"),
    ("thrown", "throw"),
    ("threw", "throw"),
    ("drawn", "draw"),
    ("drew", "draw"),
    ("built", "build"),
    ("rebuilt", "build"),
    ("taught", "teach"),
    ("caught", "catch"),
    ("met", "meet"),
    ("hidden", "hide"),
    ("ridden", "ride"),
    ("rode", "ride"),
    ("eaten", "eat"),
    ("ate", "eat"),
    ("flown", "fly"),
    ("flew", "fly"),
    ("won", "win"),
    ("worn", "wear"),
    ("wore", "wear"),
    ("swum", "swim"),
    ("known", "know"),
    ("knew", "know"),
    ("heard", "hear"),
];

/// Whether a lower-case word is a form of a verb that no suffix tells.
pub(crate) fn irregular(word: &str) -> bool {
    IRREGULAR.iter().any(|(form, _)| *form == word)
}

/// Whether a lower-case word is a verb in the past that no suffix tells.
pub(crate) fn past_form(word: &str) -> bool {
    const MORE: &str = " broke fell left lost found got had went came ran put cut hit hurt let read stole blew rang sang drank ate stood felt slept dealt ";
    const NOT: &str =
        " given taken chosen frozen begun seen shown thrown known worn drawn hidden written driven eaten flown grown woken withdrawn ";
    irregular(word) && !NOT.contains(&format!(" {word} "))
        || MORE.contains(&format!(" {word} ")) && !matches!(word, "put" | "let" | "read" | "cut")
}

/// The stem of a lower-case word. Words of up to three letters are their own stems.
pub fn stem(word: &str) -> String {
    let mut s = word.trim_end_matches("'s").trim_end_matches("’s").to_owned();
    if s.len() <= 3 || !s.is_ascii() {
        return s;
    }
    if let Some((_, base)) = IRREGULAR.iter().find(|(form, _)| *form == s) {
        s = (*base).to_owned();
        if s.len() > 3 && s.ends_with('e') {
            s.pop();
        }
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
    // "inspection" and "inspect", "renewal" and "renew"
    if let Some(root) = s.strip_suffix("ion").or_else(|| s.strip_suffix("ions"))
        && root.len() >= 6
        && (root.ends_with("ct") || root.ends_with("pt"))
    {
        s.truncate(root.len());
    } else if let Some(root) = s.strip_suffix("al")
        && root.len() >= 5
        && ["w", "v", "s", "nt"].iter().any(|end| root.ends_with(end))
    {
        s.truncate(root.len());
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
