//! The agent: replies and arguments case by case, and whole sessions over the engine, each also with a process that dies at
//! every commit.

#![allow(clippy::unwrap_used, reason = "a test that fails has failed")]

mod chaos;
mod desk;
mod messages;
mod reading;
mod scenario;
mod scenarios;
mod show;
mod world;
