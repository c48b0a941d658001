//! One process of a function: started, handed one invoke at a time, killed with everything it started.

use std::collections::HashSet;
use std::future::Future;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};

use bedplate_base::{Error, Kind, Result};
use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::function::Function;
use crate::logs::LogSink;
use crate::output::Output;
use crate::runtime_api::{Event, RuntimeApi, Work};
use crate::spawn::{self, Surroundings};

/// A live process. Dropping it kills its process group.
pub(crate) struct Process {
    work: mpsc::Sender<Work>,
    events: mpsc::Receiver<Event>,
    group: Group,
    /// Its log.
    pub(crate) output: Arc<Output>,
    /// Serving its Runtime API, reading its output, waiting for its end; ended with it.
    _tasks: JoinSet<()>,
}

/// How loading ended.
pub(crate) enum Loaded {
    /// It waits for an invoke.
    Ready,
    /// It told why it cannot.
    Failed { declared: Option<String>, body: Bytes },
    /// It ended.
    Exited(ExitStatus),
    /// It took too long.
    TimedOut,
}

/// How an invoke ended.
pub(crate) enum Ended {
    /// The handler's answer.
    Answered(Bytes),
    /// The runtime's report of a failure.
    Failed { declared: Option<String>, body: Bytes },
    /// An answer over the limit.
    TooLarge,
    /// The process ended; when the invoke was not taken, the handler has not seen it.
    Exited { status: ExitStatus, taken: bool },
    /// Time was up; the group has been killed.
    TimedOut,
}

impl Process {
    /// Starts a process; its log lines belong to `request_id` from the beginning.
    pub(crate) async fn start(
        function: &Function,
        around: &Surroundings,
        groups: &Arc<Groups>,
        request_id: &str,
        sink: Option<Arc<LogSink>>,
    ) -> Result<Self> {
        let failed = |what: &str, error: std::io::Error| {
            let message = format!("The process of function `{}` could not be started: {what}: {error}", function.name);
            Error::new(Kind::Dependency, message).with_resource(function.arn.as_str())
        };
        let (listener, address) = RuntimeApi::listen()
            .await
            .map_err(|error| failed("no port for its Runtime API", error))?;
        let (output, writer) = Output::new(&function.name).map_err(|error| failed("no pipe for its output", error))?;
        output.begin(request_id, sink);
        let mut command = spawn::command(function, around, address)?;
        let second = writer.try_clone().map_err(|error| failed("no pipe for its output", error))?;
        command.stdout(writer).stderr(second).process_group(0).kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|error| failed(&command.as_std().get_program().to_string_lossy(), error))?;
        drop(command); // its copies of the pipe's writing end
        let group = groups.add(child.id());
        // Held as long as it may live: what watches it sees this end of the pipe close with the server.
        let held = child.stdin.take();

        let (work, queue) = mpsc::channel(1);
        let (tell, events) = mpsc::channel(8); // Ready, an end of init, one answer, Exited: each at most once at a time
        let mut tasks = JoinSet::new();
        tasks.spawn(RuntimeApi::new(queue, tell.clone()).serve(listener));
        let reading = Arc::clone(&output);
        tasks.spawn(async move { reading.read_all().await });
        let left = group.clone();
        let isolated = around.isolation.is_some();
        tasks.spawn(async move {
            let status = child.wait().await;
            drop(held);
            left.kill(); // what it started and left behind
            let status = status.unwrap_or_default();
            let _ = tell.try_send(Event::Exited(if isolated { inner(status) } else { status }));
        });
        Ok(Self {
            work,
            events,
            group,
            output,
            _tasks: tasks,
        })
    }

    /// Waits until it has loaded, at most until `deadline`.
    pub(crate) async fn load(&mut self, deadline: impl Future<Output = ()>) -> Loaded {
        tokio::select! {
            biased;
            event = self.events.recv() => match event {
                Some(Event::Ready) => Loaded::Ready,
                Some(Event::InitError { declared, body }) => Loaded::Failed { declared, body },
                Some(Event::Exited(status)) => Loaded::Exited(status),
                // Answers are accepted only for an invoke that was handed over.
                Some(Event::Answered(_) | Event::Failed { .. } | Event::TooLarge) | None => Loaded::TimedOut,
            },
            () = deadline => {
                self.group.kill();
                Loaded::TimedOut
            }
        }
    }

    /// Hands over one invoke and waits for its end, at most until `deadline`. Only for a loaded process without one.
    pub(crate) async fn run(&mut self, work: Work, deadline: impl Future<Output = ()>) -> Ended {
        // The queue is empty: each invoke is taken before it is answered. When the API is gone, `Exited` says so.
        let _ = self.work.try_send(work);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                event = self.events.recv() => match event {
                    Some(Event::Answered(body)) => return Ended::Answered(body),
                    Some(Event::Failed { declared, body }) => return Ended::Failed { declared, body },
                    Some(Event::TooLarge) => return Ended::TooLarge,
                    Some(Event::Exited(status)) => return Ended::Exited { status, taken: self.work.capacity() > 0 },
                    Some(Event::Ready | Event::InitError { .. }) => {}
                    None => return Ended::Exited { status: ExitStatus::default(), taken: true },
                },
                () = &mut deadline => {
                    self.group.kill();
                    return Ended::TimedOut;
                }
            }
        }
    }

    /// Whether it can take an invoke as far as is known; asked of an idle one.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.events.try_recv().is_err() && self.group.is_alive()
    }
}

/// The process groups that live, so that a shutdown reaches all of them.
#[derive(Default)]
pub(crate) struct Groups(Mutex<HashSet<u32>>);

impl Groups {
    fn add(self: &Arc<Self>, pid: Option<u32>) -> Group {
        let pid = pid.unwrap_or_default();
        if pid > 0 {
            self.lock().insert(pid);
        }
        Group {
            pid,
            groups: Arc::clone(self),
        }
    }

    /// Kills everything.
    pub(crate) fn kill_all(&self) {
        let all: Vec<u32> = self.lock().drain().collect();
        all.into_iter().for_each(kill);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<u32>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One process group, named by its leader.
#[derive(Clone)]
struct Group {
    pid: u32,
    groups: Arc<Groups>,
}

impl Group {
    /// Kills it; a second time does nothing, because the number may belong to somebody else by then.
    fn kill(&self) {
        if self.groups.lock().remove(&self.pid) {
            kill(self.pid);
        }
    }

    fn is_alive(&self) -> bool {
        self.groups.lock().contains(&self.pid)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.group.kill();
    }
}

/// How the process inside of bubblewrap ended: that one tells signals as shells do, as 128 and their number.
fn inner(status: ExitStatus) -> ExitStatus {
    use std::os::unix::process::ExitStatusExt;
    match status.code() {
        Some(code @ 129..=192) => ExitStatus::from_raw(code - 128),
        _ => status,
    }
}

fn kill(pid: u32) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    match kill_process_group(pid, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => tracing::warn!(target: "lambda", %error, "a process group could not be killed"),
    }
}
