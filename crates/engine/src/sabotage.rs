//! Bugs on purpose, for the proof that the simulator finds them. Nothing but tests may ask for one.

/// A rule of the engine that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Whoever sends a signal is told that it is durable when it is not, so a crash loses it.
    LostSignal,
    /// A call is performed twice.
    DoubleEffect,
    /// Commits are written whatever version the execution has. The simulator's store does this part.
    NoVersionCheck,
    /// A timer that is set is forgotten.
    DroppedTimer,
    /// What a commit will say counts before it is written: calls are performed at once.
    AppliedBeforeCommit,
}
