//! What the benchmark and the gates share: the floor, and stores to measure on.

pub mod bare;
pub mod floor;
pub mod keys;
