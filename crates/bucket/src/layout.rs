//! Keys and file names: which file a key is, and which key a file.
//!
//! A bucket of our own can hold every key of S3: what a file name cannot be is escaped, and can be read back. In a folder that somebody mapped,
//! names stand as they are, and keys that cannot be names are refused. No way leads out of the folder: a component is never `..`, never empty
//! and never holds a slash.

use crate::limits::{DEPTH_MAX, KEY_BYTES_MAX, NAME_BYTES_MAX};

/// How keys are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Ours: any key. A folder's name ends with `%_`, so that `a` and `a/b` can both be keys; percent signs, control characters and names of
    /// dots are written `%XX`; a name that is too long goes on in a folder whose name ends with `%+`; an empty name is `%-`.
    Own {
        /// Whether capital letters are escaped too, because the volume does not tell them from small ones.
        fold: bool,
    },
    /// Somebody's: names as they are.
    Plain,
}

/// Where an object's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Folders, from the bucket's own on.
    pub(crate) folders: Vec<String>,
    /// The file.
    pub(crate) file: String,
}

/// What a name in a folder means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// An object; this is the last piece of its key.
    File(String),
    /// A folder: its piece of the key with the slash.
    Folder(String),
    /// A folder that goes on with a long piece: what of it is known so far.
    Longer(String),
}

/// Names of files that are being written into a mapped folder.
pub(crate) const TEMPORARY: &str = ".bedplate-";

/// Bytes of a name before it is split: an escape and an ending fit behind them.
const PIECE_BYTES: usize = 200;
const FOLDER: &str = "%_";
const LONGER: &str = "%+";
const EMPTY: &str = "%-";

impl Layout {
    /// The file of `key`.
    ///
    /// # Errors
    /// One sentence for the client: why this key cannot be one here.
    pub(crate) fn place(self, key: &str) -> Result<Place, String> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(format!("A key has 1 to {KEY_BYTES_MAX} bytes."));
        }
        if key.split('/').count() > DEPTH_MAX {
            return Err(format!("The key has more than {DEPTH_MAX} parts between slashes."));
        }
        let mut folders = Vec::new();
        let mut pieces = key.split('/').peekable();
        while let Some(piece) = pieces.next() {
            let last = pieces.peek().is_none();
            let name = match self {
                Self::Own { fold } => own_name(piece, fold, last, &mut folders),
                Self::Plain => plain_name(piece)?.to_owned(),
            };
            if last {
                return Ok(Place { folders, file: name });
            }
            folders.push(name);
        }
        Err("A key has one part at least.".to_owned())
    }

    /// What a name means; nothing for names that are no part of any key.
    pub(crate) fn read(self, name: &str, folder: bool) -> Option<Entry> {
        match (self, folder) {
            (Self::Plain, _) if name.starts_with(TEMPORARY) => None,
            (Self::Plain, false) => Some(Entry::File(name.to_owned())),
            (Self::Plain, true) => Some(Entry::Folder(format!("{name}/"))),
            (Self::Own { .. }, false) if name == EMPTY => Some(Entry::File(String::new())),
            (Self::Own { .. }, false) => unescape(name).map(Entry::File),
            (Self::Own { .. }, true) => match (name.strip_suffix(FOLDER), name.strip_suffix(LONGER)) {
                (Some(piece), _) => Some(Entry::Folder(format!("{}/", unescape(piece)?))),
                (None, Some(piece)) => Some(Entry::Longer(unescape(piece)?)),
                (None, None) => None,
            },
        }
    }
}

fn plain_name(piece: &str) -> Result<&str, String> {
    let refused = |why: &str| Err(format!("The bucket is a folder of files, and a key is the path of one: {why}."));
    match piece {
        "" => refused("it does not begin or end with a slash, and has no two in a row"),
        "." | ".." => refused("'.' and '..' are no names"),
        _ if piece.contains('\0') => refused("no name holds a zero byte"),
        _ if piece.len() > NAME_BYTES_MAX => refused(&format!("no name is longer than {NAME_BYTES_MAX} bytes")),
        _ if piece.starts_with(TEMPORARY) => refused(&format!("names that begin with '{TEMPORARY}' are the server's")),
        _ => Ok(piece),
    }
}

/// The name of a piece; folders for what of it is too long go to `folders`.
fn own_name(piece: &str, fold: bool, last: bool, folders: &mut Vec<String>) -> String {
    let dots = !piece.is_empty() && piece.bytes().all(|byte| byte == b'.');
    let mut name = String::new();
    for letter in piece.chars() {
        if name.len() >= PIECE_BYTES {
            folders.push(std::mem::take(&mut name) + LONGER);
        }
        let escaped = letter == '%' || letter == '\\' || letter.is_control() || dots || (fold && letter.is_uppercase());
        if escaped {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                name.push_str(&format!("%{byte:02X}"));
            }
        } else {
            name.push(letter);
        }
    }
    match last {
        true if name.is_empty() => EMPTY.to_owned(),
        true => name,
        false => name + FOLDER,
    }
}

/// The text of an escaped name; nothing when we have not written it.
fn unescape(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: Layout = Layout::Own { fold: false };

    fn path(layout: Layout, key: &str) -> Option<String> {
        let place = layout.place(key).ok()?;
        Some([place.folders, vec![place.file]].concat().join("|"))
    }

    /// The key that a place is read back as.
    fn key(layout: Layout, place: &Place) -> Option<String> {
        let mut key = String::new();
        for folder in &place.folders {
            match layout.read(folder, true)? {
                Entry::Folder(piece) | Entry::Longer(piece) => key.push_str(&piece),
                Entry::File(_) => return None,
            }
        }
        match layout.read(&place.file, false)? {
            Entry::File(piece) => Some(key + &piece),
            _ => None,
        }
    }

    #[test]
    fn keys_and_their_files() {
        let long = "x".repeat(255);
        let longer = "x".repeat(256);
        let split = format!("{}%+|{}", "x".repeat(200), "x".repeat(56));
        for (key, own, plain) in [
            ("a.txt", Some("a.txt"), Some("a.txt")),
            ("a/b/c", Some("a%_|b%_|c"), Some("a|b|c")),
            ("über/ß", Some("über%_|ß"), Some("über|ß")),
            ("..", Some("%2E%2E"), None),
            ("a/../b", Some("a%_|%2E%2E%_|b"), None),
            ("./a", Some("%2E%_|a"), None),
            ("...", Some("%2E%2E%2E"), Some("...")),
            ("/a", Some("%_|a"), None),
            ("/etc/passwd", Some("%_|etc%_|passwd"), None),
            ("a//b", Some("a%_|%_|b"), None),
            ("a/", Some("a%_|%-"), None),
            ("100%", Some("100%25"), Some("100%")),
            ("a\0b", Some("a%00b"), None),
            ("a\nb", Some("a%0Ab"), Some("a\nb")),
            (".bedplate-x", Some(".bedplate-x"), None),
            (&longer, Some(&split), None),
            (&long, Some(&split[..split.len() - 1]), Some(&long)),
            ("", None, None),
        ] {
            assert_eq!(path(OWN, key).as_deref(), own, "{key:?}");
            assert_eq!(path(Layout::Plain, key).as_deref(), plain, "{key:?}");
        }
        assert_eq!(
            path(Layout::Own { fold: true }, "README.md").as_deref(),
            Some("%52%45%41%44%4D%45.md")
        );
        assert!(OWN.place(&"a/".repeat(200)).is_err());
        assert!(OWN.place(&"a".repeat(1025)).is_err());
        assert!(OWN.place(&"\u{1}".repeat(1024)).is_ok());
    }

    #[test]
    fn names_that_are_no_keys() {
        for (name, folder) in [("a", true), ("%", false), ("%GG", false), ("%C3", false)] {
            assert_eq!(OWN.read(name, folder), None, "{name}");
        }
        assert_eq!(Layout::Plain.read(".bedplate-0.part", false), None);
    }

    proptest! {
        #[test]
        fn every_key_can_be_read_back(text in "\\PC{0,40}|[./%_+A-Z\\-\0]{1,30}|.{1,250}", fold: bool) {
            let layout = Layout::Own { fold };
            if let Ok(place) = layout.place(&text) {
                prop_assert_eq!(key(layout, &place), Some(text.clone()));
                for name in place.folders.iter().chain([&place.file]) {
                    prop_assert!(name.len() <= NAME_BYTES_MAX && !name.contains(['/', '\0']) && !matches!(name.as_str(), "" | "." | ".."));
                }
            }
            if let Ok(place) = Layout::Plain.place(&text) {
                prop_assert_eq!(key(Layout::Plain, &place), Some(text.clone()));
            }
        }

        #[test]
        fn different_keys_have_different_files(one in "[ab./%+_\\-]{1,8}", other in "[ab./%+_\\-]{1,8}") {
            prop_assume!(one != other);
            prop_assert_ne!(OWN.place(&one).unwrap(), OWN.place(&other).unwrap());
        }
    }
}
