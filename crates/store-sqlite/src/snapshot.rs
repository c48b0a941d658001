//! Copies the state of a folder while a server may work with it, and looks at a state file without opening it.

use std::fs::File;
use std::path::Path;

use crate::open::{FORMAT, check_header, connect};
use crate::{OpenError, SqliteStore};

impl SqliteStore {
    /// The format of rows and journal that this binary writes, and the newest that it reads.
    pub const FORMAT: u32 = FORMAT;

    /// Writes what is committed in `folder` at this moment to the new file `into`, and the file to the disk. Another process may go on reading
    /// and writing meanwhile: SQLite shows one moment to a statement, however long it takes. The copy has the format of the original, whichever that is;
    /// the result says it.
    ///
    /// # Errors
    /// The folder has no state, or it cannot be read, is damaged, foreign or from a newer binary; `into` exists or cannot be written.
    pub fn snapshot(folder: &Path, into: &Path) -> Result<u32, OpenError> {
        let file = folder.join(Self::FILE);
        check_header(&file)?;
        let connection = connect(&file, true)?;
        let target = into.to_str().ok_or_else(|| {
            let why = "the name of the copy is no UTF-8";
            OpenError::io(into)(std::io::Error::new(std::io::ErrorKind::InvalidInput, why))
        })?;
        connection.execute("VACUUM INTO ?1", [target]).map_err(OpenError::sqlite(&file))?;
        drop(connection);
        File::open(into).and_then(|copy| copy.sync_all()).map_err(OpenError::io(into))?;
        check_header(into)
    }

    /// The format of the state file in `folder`, which is not opened and not changed.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it is cut off, foreign or from a newer binary.
    pub fn format_of(folder: &Path) -> Result<u32, OpenError> {
        check_header(&folder.join(Self::FILE))
    }
}
