//! How many files the process may have open, which bounds its connections: the system gives most processes few at first,
//! and lets them have many more for the asking.

use model::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that connections leave: those of the storage, of listeners and of the event loops.
const RESERVED: u64 = 256;
/// Connections there may be, however few descriptors there are.
const LEAST: u64 = 16;

/// Asks for as many as the system lets the process have, and has `limits` say how many connections that leaves room for.
pub(super) fn raise(limits: &mut Limits) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Without a maximum there is nothing to raise it to, and `current` may be anything.
    if let Some(most) = maximum.filter(|most| current.is_some_and(|current| current < *most))
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum })
    {
        tracing::warn!(%error, "the limit on open files can't be raised");
    }
    limits.connections = connections(getrlimit(Resource::Nofile).current, limits.connections);
}

/// Connections that so many open files leave room for, of those that are wanted.
fn connections(files: Option<u64>, wanted: usize) -> usize {
    let Some(files) = files else { return wanted };
    let room = files.saturating_sub(RESERVED).max(files / 2).max(LEAST);
    let connections = wanted.min(usize::try_from(room).unwrap_or(usize::MAX));
    if connections < wanted {
        tracing::info!(files, connections, "the limit on open files allows fewer connections than server.connections");
    }
    connections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_storage() {
        assert_eq!(connections(None, 10_000), 10_000);
        assert_eq!(connections(Some(1 << 20), 10_000), 10_000);
        assert_eq!(connections(Some(1_024), 10_000), 768);
        assert_eq!(connections(Some(256), 10_000), 128);
        assert_eq!(connections(Some(1_024), 10), 10);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: maximum.map(|most| most.min(512)), maximum }).unwrap();
        raise(&mut Limits::default());
        assert_eq!(getrlimit(Resource::Nofile).current, maximum.or(Some(512)));
    }
}
