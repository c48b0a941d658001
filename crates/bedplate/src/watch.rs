//! Watches files and folders and says when something in them was changed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Editors write a file in several steps: changes within this time count as one.
const SETTLE: Duration = Duration::from_millis(120);

/// A watch over some paths.
pub(crate) struct Watch {
    watcher: notify::RecommendedWatcher,
    changes: mpsc::Receiver<()>,
    watched: Vec<PathBuf>,
    /// The paths that were asked for: a file is watched through its folder, where much else may change.
    wanted: Arc<Mutex<Vec<PathBuf>>>,
}

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// The system has no watches left.
    pub(crate) fn new() -> Result<Self, notify::Error> {
        let (tell, changes) = mpsc::channel(1);
        let wanted: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
        let asked = wanted.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            let matters = event.is_ok_and(|event| {
                !matches!(event.kind, EventKind::Access(_))
                    && event
                        .paths
                        .iter()
                        .any(|path| !noise(path) && asked.iter().any(|one| path.starts_with(one)))
            });
            if matters {
                // A change that is not told yet stands for this one, too.
                let _ = tell.try_send(());
            }
        })?;
        Ok(Self {
            watcher,
            changes,
            watched: Vec::new(),
            wanted,
        })
    }

    /// Watches exactly these: folders with all below, files through their folder, because editors replace files.
    pub(crate) fn set(&mut self, paths: &[PathBuf]) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = paths.to_vec();
        let mut wanted: Vec<(PathBuf, RecursiveMode)> = Vec::new();
        for path in paths {
            let entry = if path.is_dir() {
                (path.clone(), RecursiveMode::Recursive)
            } else {
                (path.parent().unwrap_or(Path::new(".")).to_path_buf(), RecursiveMode::NonRecursive)
            };
            if !wanted.contains(&entry) {
                wanted.push(entry);
            }
        }
        for path in self.watched.drain(..) {
            let _ = self.watcher.unwatch(&path);
        }
        // Wider watches last: they replace narrower ones of the same folder.
        wanted.sort_by_key(|(_, mode)| *mode == RecursiveMode::Recursive);
        for (path, mode) in wanted {
            match self.watcher.watch(&path, mode) {
                Ok(()) => self.watched.push(path),
                Err(error) => tracing::warn!(target: "bedplate", path = %path.display(), %error, "changes are not watched"),
            }
        }
    }

    /// Resolves when something was changed and has settled.
    pub(crate) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        while tokio::time::timeout(SETTLE, self.changes.recv())
            .await
            .is_ok_and(|more| more.is_some())
        {}
    }
}

/// Files that change because the functions run, or because an editor keeps notes.
fn noise(path: &Path) -> bool {
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    parts
        .into_iter()
        .any(|part| part == "__pycache__" || part == ".bedplate" || part == ".git")
        || path
            .extension()
            .is_some_and(|extension| extension == "pyc" || extension == "swp" || extension == "tmp")
        || path.to_string_lossy().ends_with('~')
}
