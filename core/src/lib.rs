//! keyfob: an embedded store of API keys.
pub mod limits;
mod error;
mod id;
pub use error::{Code, Denied, Error, Misuse, Refused, StoreError, VerifyError};
