//! Names of blobs in texts, found without knowing what the texts mean.

use bedplate_base::Hash;

/// Digits of a blob's name.
const DIGITS: usize = 64;

/// All that may be a blob's name in `text`: every 64 lower-case hexadecimal digits in a row.
pub fn blob_names(text: &str) -> impl Iterator<Item = Hash> {
    text.split(|sign: char| !matches!(sign, '0'..='9' | 'a'..='f'))
        .filter(|run| run.len() >= DIGITS)
        .flat_map(|run| (0..=run.len() - DIGITS).filter_map(|begin| Hash::parse(&run[begin..begin + DIGITS])))
}

#[cfg(test)]
mod tests {
    use bedplate_base::sha256;

    use super::blob_names;

    #[test]
    fn names_are_found_wherever_they_stand() {
        let (a, b) = (sha256(b"a"), sha256(b"b"));
        let names = |text: String| blob_names(&text).collect::<Vec<_>>();
        assert_eq!(names(format!("{{\"prepared\":\"{a}\",\"other\":[\"sha256:{b}\"]}}")), [a, b]);
        assert!(names(format!("0{a}f")).contains(&a));
        assert_eq!(names(a.to_string()[1..].to_owned()), []);
        assert_eq!(names("".into()), []);
    }
}
