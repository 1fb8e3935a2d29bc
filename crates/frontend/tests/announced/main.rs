//! What the server says of itself and of its namespaces, beside what it does.

#[cfg(test)]
mod capabilities;
#[cfg(test)]
mod deletion;
#[cfg(test)]
mod served;
#[cfg(test)]
mod system_namespace;
#[cfg(test)]
mod task_ids;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod world;
