//! The account by its own door: requests in, answers and refusals out, over a store in memory.

mod audit;
mod desk;
mod identities;
mod keys;
mod namespaces;
mod opening;
mod operations;
