//! The account by its own calls: requests in, answers and refusals out, over a store in memory.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod namespaces;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod operations;
