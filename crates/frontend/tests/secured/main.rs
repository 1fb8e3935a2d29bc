//! A secured server as its clients see it: an account, its namespaces, keys and certificates, over TLS on both planes.

#[cfg(test)]
#[path = "../../src/tests/pki.rs"]
mod pki;
#[cfg(test)]
mod world;

#[cfg(test)]
mod audit;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod http;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod substitution;
#[cfg(test)]
mod substitution_cloud;
#[cfg(test)]
mod tenants;
#[cfg(test)]
mod waiting;
#[cfg(test)]
mod walk;
