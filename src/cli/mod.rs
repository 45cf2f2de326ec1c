//! Floor 5: what the three programs share.
//!
//! [`ExitCode`] is the contract with scripts, [`Failure`] an error on its way to one. [`OutputArgs`] and [`Printer`] put
//! data on stdout in six formats and words on stderr. [`LogArgs`] sets up logging, [`Progress`] shows that work goes on.

mod block_on;
pub mod exit;
pub mod format;
pub mod logging;
pub mod printer;
pub mod progress;
pub mod rows;
pub mod suggest;
pub mod time;

pub use block_on::block_on;
pub use exit::{ExitCode, Failure, run};
pub use format::{Format, OutputArgs};
pub use logging::LogArgs;
pub use printer::Printer;
pub use progress::Progress;
pub use rows::{Column, Rows, Shape};
pub use suggest::closest;
pub use time::TimeStyle;
