//! Reads on threads of their own: a cold page never blocks the runtime.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bedplate_store::ReadError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::OpenError;
use crate::failure::read_error;
use crate::open::connect;

/// Connections that read. More would wait for the same disk and the same two or four cores.
const READERS: usize = 2;

type Job = Box<dyn FnOnce(&Connection) + Send>;

pub(crate) struct Readers {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    file: PathBuf,
}

impl Readers {
    pub(crate) fn start(file: &Path) -> Result<Self, OpenError> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::new();
        for index in 0..READERS {
            let connection = connect(file, true)?;
            let queue = queue.clone();
            let thread = std::thread::Builder::new()
                .name(format!("state-read-{index}"))
                .spawn(move || serve(&connection, &queue));
            threads.push(thread.map_err(OpenError::io(file))?);
        }
        Ok(Self {
            jobs: Some(jobs),
            threads,
            file: file.to_owned(),
        })
    }

    /// Runs `query` on one of the connections.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move |connection: &Connection| {
            // Whoever asked may have gone.
            let _ = answer.send(query(connection));
        });
        let stopped = || ReadError("its readers have stopped".into());
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(stopped)?;
        let rows = answered.await.map_err(|_| stopped())?;
        rows.map_err(|error| read_error(&error, &self.file))
    }
}

fn serve(connection: &Connection, queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(connection),
            Err(_) => return,
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A reader that panicked has told so already.
            let _ = thread.join();
        }
    }
}
