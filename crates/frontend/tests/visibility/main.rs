//! What is shown of runs over the wire, and what finds them.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod attributes;
#[cfg(test)]
mod world;
