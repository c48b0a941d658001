//! Text for terminals: colours, widths, and no control characters of strangers.

/// Red.
pub(crate) const RED: &str = "31";
/// Green.
pub(crate) const GREEN: &str = "32";
/// Yellow.
pub(crate) const YELLOW: &str = "33";
/// Cyan.
pub(crate) const CYAN: &str = "36";
/// Faint.
pub(crate) const DIM: &str = "2";

/// `text` in a colour, or as it is.
pub(crate) fn paint(colors: bool, color: &str, text: &str) -> String {
    if colors && !text.is_empty() {
        format!("\u{1b}[{color}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// Text of models, tools and servers without what steers a terminal; newlines and tabs stay.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || c == '\t' || !steers(c)).collect()
}

/// The same in one line: white space runs become one space.
pub(crate) fn one_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most `columns` characters; what is cut off leaves an ellipsis.
pub(crate) fn shorten(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(columns.saturating_sub(1)).collect();
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}

/// Control characters, and those that turn the direction of writing.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
