//! What a server takes of its machine, where nothing else is said: lanes and event loops for its processors, and half of the
//! memory. The other half is for the pages of its file, which the system keeps, and for the programs beside it.

use std::{fs, path::Path};

use model::Limits;

/// The least that a server can do its work in, in bytes.
const LEAST: usize = 64 * 1024 * 1024;
/// What a server takes for itself, where that is not more than a quarter of what it has: its code, the pages of its file that it
/// keeps, what the allocator holds on to.
const ITSELF: usize = 128 * 1024 * 1024;

/// What a server that may take so much may hold for its callers.
fn for_callers(memory: usize) -> usize {
    memory - (memory / 4).min(ITSELF)
}

/// Reads how much a server may take, and says how much of it is for callers: a whole number of bytes, or of KiB, MiB or GiB.
///
/// # Errors
/// What is wrong with it, and what is accepted.
pub(crate) fn read(text: &str) -> Result<usize, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let (digits, shift) = units
        .iter()
        .find_map(|(unit, shift)| text.strip_suffix(unit).map(|digits| (digits, *shift)))
        .unwrap_or((text, 0));
    let bytes = digits.trim_end().parse::<usize>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.filter(|bytes| *bytes >= LEAST).map(for_callers).ok_or_else(|| {
        format!("--memory {text}: give a size such as 512MiB, 2GiB or a number of bytes, and not less than 64MiB")
    })
}

/// The limits that hold where nothing else is said.
pub(crate) fn limits() -> Limits {
    let defaults = Limits::default();
    Limits { memory: of_machine().map_or(defaults.memory, for_callers), lanes: lanes_for(processors()), ..defaults }
}

/// Processors that the process may use.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Lanes of a server that has so many processors: on two, one lane and what is beside it fill both.
fn lanes_for(processors: usize) -> u32 {
    u32::try_from(processors / 2).unwrap_or(u32::MAX).clamp(1, 64)
}

/// Half of the machine's memory, or of what the process' control group may use, if that is less; `None` where neither is
/// known.
fn of_machine() -> Option<usize> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = of_groups(&groups, Path::new("/sys/fs/cgroup"));
    let given = machine.into_iter().chain(group).min()?;
    Some((given / 2).max(LEAST))
}

/// The memory of the machine, from `/proc/meminfo`.
fn total(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The least that a group of the process, or one that it is in, may use. `groups` is `/proc/self/cgroup`; a line of it is
/// `number:controllers:path`, and in the unified hierarchy number and controllers say nothing.
fn of_groups(groups: &str, mounted: &Path) -> Option<usize> {
    let mut least: Option<usize> = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, name) = match controllers {
            "" => (mounted.to_owned(), "memory.max"),
            more if more.split(',').any(|controller| controller == "memory") => {
                (mounted.join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let group = root.join(path.trim_start_matches('/'));
        for directory in group.ancestors().take_while(|directory| directory.starts_with(&root)) {
            let limit = fs::read_to_string(directory.join(name)).ok().and_then(|text| text.trim().parse().ok());
            least = least.into_iter().chain(limit).min();
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        let mebibyte = 1024 * 1024;
        let rows = [("67108864", 64), ("65536KiB", 64), ("512MiB", 512), ("2 GiB", 2048)];
        for (text, mebibytes) in rows {
            assert_eq!(read(text), Ok(for_callers(mebibytes * mebibyte)), "{text}");
        }
        for text in ["", "MiB", "63MiB", "-1", "1.5GiB", "2GB", "99999999999GiB"] {
            assert!(read(text).unwrap_err().starts_with(&format!("--memory {text}: give a size")), "{text}");
        }
    }

    #[test]
    fn a_server_takes_something_for_itself() {
        assert_eq!(for_callers(64 << 20), 48 << 20);
        assert_eq!(for_callers(2 << 30), (2 << 30) - ITSELF);
    }

    #[test]
    fn the_least_limit_of_all_groups_counts() {
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       2048 kB\n"), Some(2048 * 1024));
        let mounted = std::env::temp_dir().join(format!("perdure-groups-{}", std::process::id()));
        let put = |path: &str, text: &str| {
            let path = mounted.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("a/memory.max", "5000\n");
        put("a/b/memory.max", "max\n");
        assert_eq!(of_groups("0::/a/b\n", &mounted), Some(5000));
        put("memory/c/memory.limit_in_bytes", "3000\n");
        assert_eq!(of_groups("4:cpu,memory:/c\n1:name=systemd:/c\n0::/a/b\n", &mounted), Some(3000));
        assert_eq!(of_groups("1:cpu:/c\n", &mounted), None);
        fs::remove_dir_all(&mounted).unwrap();
    }
}
