//! Numbers in words and digits.

/// The value of a single number word below one hundred, or of `hundred`, `thousand`, … (as multiplier).
fn unit(word: &str) -> Option<f64> {
    let words = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    if let Some(index) = words.iter().position(|known| *known == word) {
        return Some(index as f64);
    }
    let tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    tens.iter()
        .position(|known| *known == word)
        .map(|index| (index as f64 + 2.0) * 10.0)
}

fn scale(word: &str) -> Option<f64> {
    match word {
        "hundred" => Some(100.0),
        "thousand" | "k" | "grand" => Some(1_000.0),
        "million" => Some(1_000_000.0),
        "billion" => Some(1_000_000_000.0),
        "dozen" => Some(12.0),
        _ => None,
    }
}

/// Reads a number in words from the beginning of `words` (lower case): its value and how many words it took.
pub fn in_words(words: &[&str]) -> Option<(f64, usize)> {
    let mut total = 0.0;
    let mut current: Option<f64> = None;
    let mut used = 0;
    for (index, word) in words.iter().take(8).enumerate() {
        if let Some((tens, ones)) = word.split_once('-')
            && let (Some(a), Some(b)) = (unit(tens), unit(ones))
            && a >= 20.0
            && b < 10.0
            && current.is_none_or(|value| value >= 100.0)
        {
            current = Some(current.unwrap_or(0.0) + a + b);
        } else if let Some(value) = unit(word) {
            match current {
                None => current = Some(value),
                Some(before) if before >= 100.0 || (before >= 20.0 && before % 10.0 == 0.0 && value > 0.0 && value < 10.0) => {
                    current = Some(before + value)
                }
                Some(_) => break,
            }
        } else if let Some(factor) = scale(word) {
            let base = match current {
                Some(value) => value,
                None if index > 0 && words[index - 1] == "a" => 1.0,
                None if *word == "dozen" => 1.0,
                None => break,
            };
            if factor >= 1_000.0 {
                total += base * factor;
                current = None;
            } else {
                current = Some(base * factor);
            }
        } else {
            let article = *word == "a" && index == 0 && words.get(1).is_some_and(|next| scale(next).is_some());
            let joint = *word == "and"
                && index > 0
                && (current.is_some_and(|value| value >= 100.0) || total > 0.0)
                && words.get(index + 1).is_some_and(|next| unit(next).is_some());
            if article || joint {
                continue;
            }
            break;
        }
        used = index + 1;
    }
    (used > 0 && (current.is_some() || total > 0.0)).then(|| (total + current.unwrap_or(0.0), used))
}

/// Reads `1,250.50` or `12`.
pub fn in_digits(text: &str) -> Option<f64> {
    text.replace(',', "").parse().ok()
}

/// `first`, `2nd`, `third`, `last` (−1) as a position.
pub fn ordinal(word: &str) -> Option<i64> {
    let words = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    let late = [
        "twenty-first",
        "twenty-second",
        "twenty-third",
        "twenty-fourth",
        "twenty-fifth",
        "twenty-sixth",
        "twenty-seventh",
        "twenty-eighth",
        "twenty-ninth",
        "thirtieth",
        "thirty-first",
    ];
    if let Some(index) = late.iter().position(|known| *known == word) {
        return Some(index as i64 + 21);
    }
    if let Some(index) = words.iter().position(|known| *known == word) {
        return Some(index as i64 + 1);
    }
    if matches!(word, "last" | "latter" | "final") {
        return Some(-1);
    }
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    (digits.len() + 2 == word.len() && ["st", "nd", "rd", "th"].iter().any(|end| word.ends_with(end)))
        .then(|| digits.parse().ok())
        .flatten()
}
