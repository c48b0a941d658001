//! Deciders: pure folds that say what follows.

use crate::{CallId, Commands, Event, Now, Part, Payload};

/// A program's logic, pure: it never awaits, reads a clock, rolls dice or touches a store.
pub trait Decider: Send {
    /// Folds one event (values are loaded). It decodes but evaluates nothing, so it cannot fail.
    fn apply(&mut self, event: &Event);

    /// What follows from the state, which it only reads. Called again until it wants nothing more.
    fn decide(&self, now: &Now, out: &mut Commands);

    /// The payload of a call whose input is `Rendered`, from the state as of that call.
    fn render(&self, call: CallId) -> Payload;

    /// Reads progress of an open call into text that may be shown now; none when nothing of it may be shown.
    fn reader(&self, call: CallId) -> Option<Box<dyn Reader>>;
}

/// Turns what a target produces into what a client may see; keeps its place over parts.
pub trait Reader: Send {
    /// Text that may be shown after this part; empty when it is held back.
    fn read(&mut self, part: &Part) -> String;
}
