//! Deployment packages: zips from clients, unpacked once under their content address.
//!
//! A package is untrusted: names must stay inside the folder, sizes are counted while inflating (headers lie), links
//! and encrypted entries are refused. A folder appears under its name only when it is complete.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bedplate_base::{Error, Hash, Result, sha256};
use bytes::Bytes;
use zip::ZipArchive;

use crate::limits;

/// The folder of unpacked packages: `FOLDER/<sha256 of the zip>/…`.
#[derive(Clone, Debug)]
pub struct Packages {
    folder: PathBuf,
}

/// What functions that are defined or at work have on disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InUse {
    /// Folders of their code and layers.
    pub folders: BTreeSet<PathBuf>,
    /// Their names: each has a folder of temporary files.
    pub names: BTreeSet<String>,
}

/// An unpacked package.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// SHA-256 of the zip; `CodeSha256` is its Base64.
    pub sha256: Hash,
    /// Size of the zip in bytes; `CodeSize`.
    pub zip_bytes: u64,
    /// Where it is unpacked.
    pub folder: PathBuf,
}

impl Packages {
    /// Uses `folder`, an absolute path; it is made when the first package comes.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where the package with this hash is, when it is there.
    pub fn find(&self, sha256: Hash) -> Option<PathBuf> {
        Some(self.folder.join(sha256.to_string())).filter(|folder| folder.is_dir())
    }

    /// Unpacks a zip; one that is there already is not unpacked again. The error says what is wrong with the zip.
    pub async fn unpack(&self, zip: Bytes) -> Result<Package> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || unpack(&folder, &zip))
            .await
            .map_err(|error| Error::internal("Unpacking the deployment package was interrupted").with_source(error))?
    }

    /// Deletes the packages that are neither in `kept` nor run, temporary files of functions that are no more, and what
    /// earlier runs left half unpacked or half deleted; how many packages went. No package may be unpacked meanwhile.
    pub async fn sweep(&self, kept: BTreeSet<Hash>, in_use: InUse) -> Result<usize> {
        let folder = self.folder.clone();
        let swept = tokio::task::spawn_blocking(move || sweep(&folder, &kept, &in_use)).await;
        swept
            .map_err(|error| Error::internal("Deleting unused deployment packages was interrupted").with_source(error))?
            .map_err(|error| Error::internal("Unused deployment packages cannot be deleted").with_source(error))
    }
}

fn unpack(folder: &Path, zip: &[u8]) -> Result<Package> {
    if zip.is_empty() {
        return Err(invalid("it is empty".into()));
    }
    if zip.len() > limits::ZIP_BYTES_MAX {
        return Err(invalid(format!(
            "it has {} bytes; at most {} are allowed",
            zip.len(),
            limits::ZIP_BYTES_MAX
        )));
    }
    let hash = sha256(zip);
    let package = Package {
        sha256: hash,
        zip_bytes: zip.len() as u64,
        folder: folder.join(hash.to_string()),
    };
    if package.folder.is_dir() {
        return Ok(package);
    }
    let disk = |error: std::io::Error| Error::internal("The deployment package cannot be written to the state folder").with_source(error);
    let unfinished = Unfinished(folder.join(format!(".unpacking-{}", bedplate_base::random_id(12))));
    fs::create_dir_all(&unfinished.0).map_err(disk)?;
    extract(zip, &unfinished.0, limits::UNZIPPED_BYTES_MAX, limits::ZIP_ENTRIES_MAX)?;
    sync(&unfinished.0).map_err(disk)?;
    match fs::rename(&unfinished.0, &package.folder) {
        Err(_) if package.folder.is_dir() => Ok(package), // another request was faster
        Err(error) => Err(disk(error)),
        Ok(()) => Ok(package),
    }
}

fn sweep(folder: &Path, kept: &BTreeSet<Hash>, in_use: &InUse) -> std::io::Result<usize> {
    let mut gone = 0;
    // What cannot be deleted must not keep the rest.
    let mut failed = None;
    let mut delete = |path: &Path| {
        if let Err(error) = fs::remove_dir_all(path) {
            failed.get_or_insert(error);
        }
    };
    for of_functions in ["tmp", ".compiled"] {
        for entry in entries(&folder.join(of_functions))? {
            let is_in_use = entry.file_name().to_str().is_some_and(|name| in_use.names.contains(name));
            if !is_in_use && !is_being_made(&entry) {
                delete(&entry.path());
            }
        }
    }
    for entry in entries(&folder.join(crate::layers::MERGED))? {
        if !is_being_made(&entry) && !in_use.folders.contains(&entry.path()) {
            delete(&entry.path());
        }
    }
    for entry in entries(folder)? {
        let (name, path) = (entry.file_name(), entry.path());
        let Some(name) = name.to_str() else { continue };
        if name.starts_with(".unpacking-") || name.starts_with(".deleting-") {
            delete(&path);
        } else if let Some(hash) = Hash::parse(name)
            && !kept.contains(&hash)
            && !in_use.folders.contains(&path)
        {
            // Under another name first: a package is whole or not there, also after a crash.
            let doomed = folder.join(format!(".deleting-{name}"));
            fs::rename(&path, &doomed)?;
            delete(&doomed);
            let compiled = folder.join(".pycache").join(path.strip_prefix("/").unwrap_or(&path));
            if compiled.exists() {
                delete(&compiled);
            }
            gone += 1;
        }
    }
    failed.map_or(Ok(gone), Err)
}

/// What is in a folder; nothing when it is not there (yet).
fn entries(folder: &Path) -> std::io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.collect(),
    }
}

/// Whether a start is at it. What is unfinished for so long was left by a server that was killed.
fn is_being_made(entry: &fs::DirEntry) -> bool {
    const MADE_WITHIN: Duration = Duration::from_secs(3600);
    let changed = entry.metadata().and_then(|meta| meta.modified());
    let age = changed.ok().and_then(|changed| changed.elapsed().ok()).unwrap_or_default();
    entry.file_name().as_encoded_bytes().starts_with(b".unfinished-") && age < MADE_WITHIN
}

fn extract(zip: &[u8], folder: &Path, bytes_max: u64, folders_max: usize) -> Result<()> {
    let unreadable = |error: zip::result::ZipError| invalid(format!("it cannot be read: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(unreadable)?;
    if archive.len() > limits::ZIP_ENTRIES_MAX {
        return Err(invalid(format!(
            "it has {} entries; at most {} are allowed",
            archive.len(),
            limits::ZIP_ENTRIES_MAX
        )));
    }
    let mut room = bytes_max;
    let mut folders = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(unreadable)?;
        let name = entry.name().map_err(unreadable)?.into_owned();
        let path = inside(&name);
        let name = crate::function::shorten(&name, 200);
        let Some(path) = path else {
            return Err(invalid(format!("the entry `{name}` leads out of the package")));
        };
        if entry.is_symlink() {
            return Err(invalid(format!("the entry `{name}` is a symbolic link; put the file itself in")));
        }
        let failed = |error: std::io::Error| invalid(format!("the entry `{name}` cannot be unpacked: {error}"));
        let parent = if entry.is_dir() { Some(path.as_path()) } else { path.parent() };
        folders += parent.map_or(Ok(0), |parent| make_folders(folder, parent)).map_err(failed)?;
        if folders > folders_max {
            return Err(invalid(format!("it has more than {folders_max} folders, which is the limit")));
        }
        if entry.is_dir() {
            continue;
        }
        let path = folder.join(path);
        let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mode = if executable { 0o755 } else { 0o644 };
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(failed)?;
        room = copy(&mut entry, &mut file, room)
            .map_err(failed)?
            .ok_or_else(|| invalid(format!("it is more than {bytes_max} bytes unzipped, which is the limit")))?;
    }
    Ok(())
}

/// Makes the folders of `path` below `folder` that are not there; how many. A name of 64 KB has room for thousands.
fn make_folders(folder: &Path, path: &Path) -> std::io::Result<usize> {
    let mut made = 0;
    let mut whole = folder.to_path_buf();
    if whole.join(path).is_dir() {
        return Ok(0);
    }
    fs::create_dir_all(&whole)?;
    for part in path.components() {
        whole.push(part);
        match fs::create_dir(&whole) {
            Ok(()) => made += 1,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && whole.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}

/// The path of an entry when it stays inside: no absolute names, no `..`, no drive letters, no NUL.
fn inside(name: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
    let wrong = name.starts_with(['/', '\\']) || name.contains(['\0', ':']) || parts.is_empty() || parts.contains(&"..");
    (!wrong).then(|| parts.iter().collect())
}

/// Copies at most `room` bytes; what room is left then, nothing when there was more.
fn copy(from: &mut impl Read, to: &mut impl Write, mut room: u64) -> std::io::Result<Option<u64>> {
    let mut buffer = [0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(Some(room));
        }
        let Some(left) = room.checked_sub(count as u64) else {
            return Ok(None);
        };
        room = left;
        to.write_all(&buffer[..count])?;
    }
}

/// Everything written is on the disk before the folder gets its name.
fn sync(folder: &Path) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(fs::File::open(folder)?)?;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        rustix::fs::sync();
    }
    Ok(())
}

fn invalid(what: String) -> Error {
    Error::validation(format!("Could not unzip the deployment package: {what}")).with_field("code.zipFile", what)
}

/// A folder that is removed unless it got its name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.0.exists()
            && let Err(error) = fs::remove_dir_all(&self.0)
        {
            tracing::warn!(folder = %self.0.display(), %error, "a half unpacked package is left over");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{InUse, extract, inside, sweep, unpack};
    use std::io::{Cursor, Write};
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            let mode = if *name == "bootstrap" { 0o755 } else { 0o600 };
            writer
                .start_file(*name, SimpleFileOptions::default().unix_permissions(mode))
                .unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn names_stay_inside() {
        for name in ["../x", "/etc/passwd", "a/../../x", "..", "", "C:/x", "a\\..\\..\\x", "\\x", "a\0b"] {
            assert_eq!(inside(name), None, "{name}");
        }
        assert_eq!(inside("a/./b.py").unwrap().to_str(), Some("a/b.py"));
    }

    #[test]
    fn unpacks_once_and_refuses_what_is_wrong() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().unwrap();
        let good = zip(&[("app.py", b"x = 1"), ("lib/a.py", b""), ("bootstrap", b"#!/bin/sh\n")]);
        let package = unpack(state.path(), &good).unwrap();
        assert_eq!(std::fs::read_to_string(package.folder.join("app.py")).unwrap(), "x = 1");
        assert_eq!(
            std::fs::metadata(package.folder.join("bootstrap")).unwrap().permissions().mode() & 0o777,
            0o755
        );
        assert_eq!(
            std::fs::metadata(package.folder.join("app.py")).unwrap().permissions().mode() & 0o111,
            0
        );
        assert_eq!(unpack(state.path(), &good).unwrap(), package);

        let mut link = ZipWriter::new(Cursor::new(Vec::new()));
        link.add_symlink("a", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        for (what, bytes, word) in [
            ("slip", zip(&[("ok", b""), ("../evil", b"")]), "leads out"),
            ("link", link.finish().unwrap().into_inner(), "symbolic link"),
            ("text", b"not a zip".to_vec(), "cannot be read"),
            ("cut", good[..good.len() - 30].to_vec(), "cannot be read"),
            ("file below a file", zip(&[("a", b""), ("a/b", b"")]), "cannot be unpacked"),
            ("empty", Vec::new(), "empty"),
        ] {
            let error = unpack(state.path(), &bytes).unwrap_err();
            assert!(error.message.contains(word), "{what}: {}", error.message);
        }
        let bomb = zip(&[("a", &[0; 700]), ("b", &[0; 400])]);
        let aside = tempfile::tempdir().unwrap();
        assert!(extract(&bomb, &aside.path().join("fits"), 1100, 1).is_ok());
        assert!(
            extract(&bomb, &aside.path().join("bomb"), 1099, 1)
                .unwrap_err()
                .message
                .contains("more than 1099 bytes")
        );
        let left = || std::fs::read_dir(state.path()).unwrap().count();
        assert_eq!(left(), 1, "only the good package is left");

        let (none, all) = (Default::default(), [package.sha256].into());
        let run = InUse {
            folders: [package.folder.clone()].into(),
            names: ["book".to_owned()].into(),
        };
        std::fs::create_dir(state.path().join(".unpacking-1")).unwrap();
        assert_eq!(sweep(state.path(), &all, &Default::default()).unwrap(), 0);
        assert_eq!(sweep(state.path(), &none, &run).unwrap(), 0);
        assert_eq!(left(), 1, "a package that is named or run stays");
        let scratch = |name: &str| state.path().join("tmp").join(name);
        for name in ["book", "gone"] {
            std::fs::create_dir_all(scratch(name).join("more")).unwrap();
        }
        let half_made = state.path().join(".compiled/.unfinished-1");
        std::fs::create_dir_all(&half_made).unwrap();
        sweep(state.path(), &all, &run).unwrap();
        assert!(scratch("book").exists() && !scratch("gone").exists());
        assert!(half_made.exists(), "a start is at it");
        for folder in ["tmp", ".compiled"] {
            std::fs::remove_dir_all(state.path().join(folder)).unwrap();
        }
        std::fs::create_dir(state.path().join("tmp")).unwrap();
        std::fs::write(scratch("no-folder"), "").unwrap();
        assert!(sweep(state.path(), &none, &Default::default()).is_err(), "what stays is said");
        std::fs::remove_dir_all(state.path().join("tmp")).unwrap();
        assert_eq!(left(), 0, "and keeps nothing else");
    }

    #[test]
    fn a_small_zip_does_not_make_a_million_folders() {
        let names: Vec<String> = (0..3).map(|number| format!("{number}{}", "/a".repeat(40))).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
        let aside = tempfile::tempdir().unwrap();
        let error = extract(&zip(&entries), &aside.path().join("many"), 1, 119).unwrap_err();
        assert!(error.message.contains("more than 119 folders"), "{}", error.message);
        assert!(extract(&zip(&entries), &aside.path().join("fits"), 1, 120).is_ok());
    }
}
