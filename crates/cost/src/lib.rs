//! Paid: what model calls use, what that costs, and sums that survive every restart.
//!
//! It exists so that money stands next to each step. Kept are tokens by day, agent and model; prices are applied when somebody asks, so a price
//! that was unknown or wrong is made good by writing it down. It refuses to guess: what has no price is told as such, never as zero.

mod ledger;
mod price;
mod tokens;

pub use ledger::{Ledger, Row, SessionRows, day};
pub use price::{BUILTIN, Price, PriceConfig, Prices};
pub use tokens::Tokens;
