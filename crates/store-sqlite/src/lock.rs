//! One process per state folder: a lock that the system frees when the process dies, however it dies.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::OpenError;

/// The folder is ours while this lives.
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    const FILE: &str = "lock";

    /// Makes the folder if needed and takes it.
    pub(crate) fn take(folder: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(folder).map_err(OpenError::io(folder))?;
        let path = folder.join(Self::FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(OpenError::io(&path))?;
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(OpenError::io(&path)(error.into()));
            }
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            let folder = folder.to_owned();
            return Err(OpenError::Held { folder, pid });
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(OpenError::io(&path))?;
        Ok(Self { _file: file })
    }
}
