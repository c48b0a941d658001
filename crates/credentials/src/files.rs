//! AWS's shared files: `~/.aws/credentials` and `~/.aws/config` (SDKs and tools reference guide, "Shared config and credentials files").

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes of a file that are read. Ours: people have some hundred profiles.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Both files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) credentials: PathBuf,
    pub(crate) config: PathBuf,
}

/// What changes when a file does.
pub(crate) type Stamp = Option<(SystemTime, u64)>;

/// What a profile says.
pub(crate) type Settings = BTreeMap<String, String>;

impl Files {
    /// Where the variables of AWS's tools say, or in the home folder.
    pub(crate) fn of(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let home = PathBuf::from(env("HOME").unwrap_or_default());
        let file = |variable: &str, name: &str| match env(variable).filter(|path| !path.is_empty()) {
            Some(path) => match path.strip_prefix("~/") {
                Some(rest) => home.join(rest),
                None => PathBuf::from(path),
            },
            None => home.join(".aws").join(name),
        };
        Self {
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            config: file("AWS_CONFIG_FILE", "config"),
        }
    }

    pub(crate) fn stamps(&self) -> [Stamp; 2] {
        let stamp = |metadata: Metadata| Some((metadata.modified().ok()?, metadata.len()));
        [&self.credentials, &self.config].map(|path| std::fs::metadata(path).ok().and_then(stamp))
    }

    /// What both say of a profile; the credentials file wins. None when neither knows it.
    pub(crate) fn read(&self, profile: &str) -> Result<Option<Settings>, String> {
        let mut found = section(&text(&self.config)?, |name| match name.strip_prefix("profile ") {
            Some(name) => name.trim() == profile,
            None => name == "default" && profile == "default",
        });
        if let Some(more) = section(&text(&self.credentials)?, |name| name == profile) {
            found.get_or_insert_default().extend(more);
        }
        Ok(found)
    }
}

/// A file's text; one that is not there is empty.
fn text(path: &Path) -> Result<String, String> {
    let unreadable = |what: &dyn std::fmt::Display| format!("{} cannot be read: {what}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(unreadable(&error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(&format_args!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| unreadable(&"it is not UTF-8"))
}

/// The settings of all sections that are meant. Indented lines belong to a setting that has parts, which nothing here does.
fn section(text: &str, is_meant: impl Fn(&str) -> bool) -> Option<Settings> {
    let mut found: Option<Settings> = None;
    let mut is_inside = false;
    for line in text.lines() {
        let plain = line.trim();
        if plain.is_empty() || plain.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = plain.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_inside = is_meant(name.trim());
            if is_inside {
                found.get_or_insert_default();
            }
        } else if let (true, false, Some((key, value))) = (is_inside, line.starts_with([' ', '\t']), plain.split_once('='))
            && let Some(settings) = &mut found
        {
            let value = value.split([' ', '\t']).take_while(|word| !word.starts_with(['#', ';']));
            let value = value.collect::<Vec<_>>().join(" ");
            settings.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_as_the_tools_read_them() {
        let text = "# all of it\n[default]\naws_access_key_id = A\n[work] ; mine\nAWS_Access_Key_Id=B # old: C\n\ns3 =\n  aws_access_key_id = D\nrole = x=y\n\
                    [work]\nregion = eu-west-1\n[broken\nx = 1\n";
        let settings = |name: &str| section(text, |section| section == name);
        assert_eq!(settings("default").unwrap()["aws_access_key_id"], "A");
        let work = settings("work").unwrap();
        assert_eq!(work["aws_access_key_id"], "B");
        assert_eq!(
            (work["role"].as_str(), work["region"].as_str(), work["s3"].as_str()),
            ("x=y", "eu-west-1", "")
        );
        assert_eq!(settings("play"), None);
    }

    #[test]
    fn the_credentials_file_wins() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_string_lossy().into_owned();
        let files = Files::of(&|name| (name == "HOME").then(|| home.clone()));
        assert_eq!(files.read("work"), Ok(None));
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        std::fs::write(
            &files.config,
            "[profile work]\nregion = eu-west-1\naws_access_key_id = old\n[work]\nregion = no\n",
        )
        .unwrap();
        assert_eq!(files.read("work").unwrap().unwrap()["region"], "eu-west-1");
        let before = files.stamps();
        std::fs::write(&files.credentials, "[work]\naws_access_key_id = new\n").unwrap();
        assert_ne!(files.stamps(), before);
        let both = files.read("work").unwrap().unwrap();
        assert_eq!((both["aws_access_key_id"].as_str(), both["region"].as_str()), ("new", "eu-west-1"));
        std::fs::write(&files.credentials, [0xff]).unwrap();
        assert!(files.read("work").unwrap_err().contains("UTF-8"));
    }
}
