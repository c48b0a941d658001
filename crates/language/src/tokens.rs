//! Raw text into tokens: what one regular expression can tell by shape alone.

use crate::lexicon::classes;
use std::sync::LazyLock;

use regex::Regex;

use crate::stem::stem;

/// What a token looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Letters, with an apostrophe perhaps.
    Word,
    /// Digits.
    Number,
    /// What stands in quotation marks.
    Quoted,
    /// An address of the web.
    Url,
    /// An address of mail.
    Email,
    /// A UUID.
    Uuid,
    /// `2026-12-04T10:00`.
    DateTime,
    /// `2026-12-04`, `4.12.2026`.
    Date,
    /// `10:30`, `4pm`.
    Clock,
    /// An amount with the sign of its currency.
    Money,
    /// A telephone number.
    Phone,
    /// `5 %`.
    Percent,
    /// `5th`.
    Ordinal,
    /// Letters and digits mixed.
    Id,
    /// Everything else.
    Punct,
}

/// One token with its place in the text (bytes).
#[derive(Clone, Debug)]
pub struct Token {
    /// What it looks like.
    pub shape: Shape,
    /// As written; what is quoted without its marks.
    pub text: String,
    /// In lower case.
    pub lower: String,
    /// The stem of that.
    pub stem: String,
    /// First byte in the text.
    pub start: usize,
    /// Byte behind the last.
    pub end: usize,
}

/// Most tokens that are looked at; what comes later is cut off.
pub const TOKENS_MAX: usize = 400;

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?P<quoted>"[^"]{1,2000}"|“[^”]{1,2000}”|«[^»]{1,2000}»|‘[^’]{1,500}’)"#,
        r"|(?P<url>https?://[^\s<>]+|www\.[^\s<>]+)",
        r"|(?P<email>[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+)",
        r"|(?P<uuid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})",
        r"|(?P<datetime>\d{4}-\d{2}-\d{2}[T ]\d{1,2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:?\d{2})?)",
        r"|(?P<date>\d{4}[-/]\d{1,2}[-/]\d{1,2}\b|\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d{2})\b)",
        r"|(?P<clock>\d{1,2}[:.]\d{2}\s?[aApP]\.?[mM]\b|\d{1,2}\s?[aApP]\.?[mM]\b|\d{1,2}:\d{2}(?::\d{2})?\b)",
        r"|(?P<money>[$€£¥]\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s?(?:[kK]|million|thousand|hundred)\b)?)",
        r"|(?P<phone>\+\d[\d\s().\-]{6,17}\d|\(\d{3}\)\s?\d{3}-\d{4}|\b\d{3}[-.\s]\d{3}[-.\s]\d{4}\b|\b\d{3}-\d{4}\b|\b0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}\b|\b0\d{9,11}\b)",
        r"|(?P<grouped>\b[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?\b|\b\d{4}(?: \d{4}){3}\b|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[A-Z]{1,3}-[A-Z]{1,2} \d{1,4}\b)",
        r"|(?P<decimal>\b\d{1,3}(?:\.\d{3})+,\d{1,2}\b|\b\d+,\d{1,2}\b(?:\s?(?:°|€|kg\b|g\b|km\b|cm\b|mm\b|m\b|l\b|ml\b|h\b|kwh\b|kWh\b|eur\b|EUR\b|euros?\b|litres?\b|liters?\b|kilos?\b|degrees?\b|percent\b|%)))",
        r"|(?P<times>\b\d+x\b)",
        r"|(?P<percent>\d+(?:\.\d+)?\s?%)",
        r"|(?P<measure>\d+(?:\.\d+)?(?:°[cCfF]?|kg|km|cm|mm|mins?|hrs?|h|GB|MB|TB|gb|mb|tb|ml|lbs?|kwh|kWh|g|m|mg)\b|\d+°[cCfF]?|\d+-[a-z]{3,}\b)",
        r"|(?P<ordinal>\d+(?:st|nd|rd|th)\b)",
        r"|(?P<thousand>\d+(?:\.\d+)?[kK]\b)",
        r"|(?P<id>#[A-Za-z0-9][A-Za-z0-9_\-]*|[A-Za-z0-9]+(?:[-_/.][A-Za-z0-9]+)+|[A-Za-z]+\d[A-Za-z0-9]*|\d+[A-Za-z][A-Za-z0-9]*)",
        r"|(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)",
        r"|(?P<word>\p{L}[\p{L}\p{M}]*(?:['’]\p{L}+)*)",
        r"|(?P<punct>[^\s])",
    ))
    .expect("invariant: the token pattern is valid")
});

/// Splits `text`; never more than [`TOKENS_MAX`] tokens.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut at = 0;
    while out.len() < TOKENS_MAX
        && let Some(found) = PATTERN.captures_at(text, at)
    {
        let whole = found.get(0).expect("invariant: group 0 is the match");
        at = whole.end();
        let (start, end) = (whole.start(), whole.end());
        if found.name("quoted").is_some() {
            let inner = whole.as_str();
            let inner: String = inner.chars().skip(1).take(inner.chars().count() - 2).collect();
            out.push(token(Shape::Quoted, &inner, start, end));
        } else if found.name("url").is_some() {
            let url = whole.as_str().trim_end_matches(['.', ',', '?', '!', ')', ';']);
            at = start + url.len();
            out.push(token(Shape::Url, url, start, at));
        } else if found.name("measure").is_some() {
            let digits = whole.as_str().find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(0);
            out.push(token(Shape::Number, &whole.as_str()[..digits], start, start + digits));
            let unit = whole.as_str()[digits..].trim_start_matches('-');
            let unit = unit_word(unit);
            out.push(token(Shape::Word, unit, start + digits, end));
        } else if found.name("grouped").is_some() {
            // an account number and a card number are one code; a post code or a plate keeps its blank
            let groups = whole.as_str().split(' ').count();
            let code = if groups > 2 {
                whole.as_str().replace(' ', "")
            } else {
                whole.as_str().to_owned()
            };
            out.push(token(Shape::Id, &code, start, end));
        } else if found.name("decimal").is_some() {
            // "1.250,50", "3,5 kg": what is behind the number is read next
            let digits = whole
                .as_str()
                .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
                .unwrap_or(whole.len());
            let value = whole.as_str()[..digits].replace('.', "").replace(',', ".");
            at = start + digits;
            out.push(token(Shape::Number, &value, start, at));
        } else if found.name("times").is_some() {
            out.push(token(Shape::Number, whole.as_str().trim_end_matches('x'), start, end));
        } else if found.name("thousand").is_some() {
            let digits = whole.as_str().trim_end_matches(['k', 'K']);
            let value = digits.parse::<f64>().unwrap_or(0.0) * 1000.0;
            out.push(token(Shape::Number, &value.to_string(), start, end));
        } else if found.name("id").is_some() {
            let text = whole.as_str();
            // "3D", "4K": kinds, not codes
            let kind =
                text.len() == 2 && text.ends_with(|c: char| c.is_ascii_alphabetic()) && text.starts_with(|c: char| c.is_ascii_digit());
            if kind && matches!(text.to_ascii_lowercase().as_str(), "2d" | "3d" | "4d" | "4k" | "5k" | "8k") {
                out.push(token(Shape::Word, text, start, end));
            } else if text.parse::<f64>().is_ok() {
                out.push(token(Shape::Number, text, start, end));
            } else if text.chars().any(|c| c.is_ascii_digit()) {
                out.push(token(Shape::Id, text.trim_start_matches('#'), start, end));
            } else if is_file_name(text) || is_login(text) {
                out.push(token(Shape::Id, text, start, end));
            } else if text.starts_with('#') || text.contains(['_', '/']) || text.contains('.') {
                // `and/or`, `a.m`: the parts are words
                let first = text.find(['/', '.', '_']).filter(|index| *index > 0).unwrap_or(text.len());
                if text.contains('_') {
                    out.push(token(Shape::Id, text.trim_start_matches('#'), start, end));
                } else {
                    out.push(token(Shape::Word, text[..first].trim_start_matches('#'), start, start + first));
                    at = (start + first).max(start + 1);
                }
            } else {
                out.push(token(Shape::Word, text, start, end));
            }
        } else {
            let shape = [
                ("email", Shape::Email),
                ("uuid", Shape::Uuid),
                ("datetime", Shape::DateTime),
                ("date", Shape::Date),
                ("clock", Shape::Clock),
                ("money", Shape::Money),
                ("phone", Shape::Phone),
                ("percent", Shape::Percent),
                ("ordinal", Shape::Ordinal),
                ("number", Shape::Number),
                ("word", Shape::Word),
            ]
            .into_iter()
            .find(|(name, _)| found.name(name).is_some())
            .map_or(Shape::Punct, |(_, shape)| shape);
            out.push(token(shape, whole.as_str(), start, end));
        }
    }
    single_quotes(text, out)
}

/// What names of files and of hosts end with.
const ENDINGS: &str = " pdf doc docx xls xlsx csv tsv txt png jpg jpeg gif svg stl obj zip tar gz json xml yaml yml toml html htm css md mp3 mp4 wav mov avi \
    py rs js ts ppt pptx dwg dxf gcode step sql log ini conf cfg sh bat exe tex epub ics psd tif tiff bmp webp heic odt ods rtf com org net io dev eu de uk ";

/// `report.pdf`, `shop.example.com`: letters with a known ending.
fn is_file_name(text: &str) -> bool {
    text.rsplit_once('.')
        .is_some_and(|(name, ending)| name.len() >= 2 && ENDINGS.contains(&format!(" {} ", ending.to_lowercase())))
}

/// `j.smith`, `anna.kern`: not two words that lost the blank between them.
fn is_login(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let [first, .., last] = parts[..] else { return false };
    let letters = parts.iter().all(|part| part.chars().all(|c| c.is_ascii_lowercase()));
    letters && last.len() > 2 && (first.len() == 1 || !classes(last).known())
}

/// `'…'` is a quotation only when it opens after a space and closes before one.
fn single_quotes(text: &str, tokens: Vec<Token>) -> Vec<Token> {
    let opens = |token: &Token| {
        token.text == "'" && (token.start == 0 || text[..token.start].ends_with(|c: char| c.is_whitespace() || c == '(' || c == ':'))
    };
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut index = 0;
    while index < tokens.len() {
        if opens(&tokens[index])
            && let Some(close) = (index + 2..tokens.len()).find(|i| tokens[*i].text == "'")
        {
            let inner = text[tokens[index].end..tokens[close].start].to_owned();
            out.push(token(Shape::Quoted, &inner, tokens[index].start, tokens[close].end));
            index = close + 1;
            continue;
        }
        out.push(tokens[index].clone());
        index += 1;
    }
    out
}

fn unit_word(unit: &str) -> &str {
    match unit {
        "h" | "hr" | "hrs" => "hours",
        "min" | "mins" => "minutes",
        "m" => "meters",
        "°" | "°c" | "°C" | "°f" | "°F" => "degrees",
        "kg" => "kilograms",
        "km" => "kilometers",
        other => other,
    }
}

fn token(shape: Shape, text: &str, start: usize, end: usize) -> Token {
    let lower = text.to_lowercase().replace('’', "'");
    let stem = if shape == Shape::Word { stem(&lower) } else { lower.clone() };
    Token {
        shape,
        text: text.to_owned(),
        lower,
        stem,
        start,
        end,
    }
}

/// Splits a name such as `getOrderStatus`, `check-in_date`, `SKUList` into lower-case words.
pub fn name_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut current = String::new();
    let chars: Vec<char> = name.chars().take(200).collect();
    for (index, c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            if !current.is_empty() {
                words.push(std::mem::take(&mut current));
            }
            continue;
        }
        let before = index.checked_sub(1).map(|i| chars[i]);
        let after = chars.get(index + 1);
        let hump = c.is_uppercase()
            && before
                .is_some_and(|b| b.is_lowercase() || b.is_ascii_digit() || (b.is_uppercase() && after.is_some_and(|a| a.is_lowercase())));
        if hump && !current.is_empty() {
            words.push(std::mem::take(&mut current));
        }
        current.extend(c.to_lowercase());
    }
    if !current.is_empty() {
        words.push(current);
    }
    words
}
