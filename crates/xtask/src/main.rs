//! `cargo xtask`: the verbs of the developer loop.

fn main() {}
