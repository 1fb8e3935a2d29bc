//! What a synced write costs on the disk where the servers store, measured in the run that uses it: 4 KiB and
//! `fdatasync`, once at the end of a file that grows and once over space that the file has already.

use std::{
    fs::{File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, Instant},
};

use super::figures::quantile;
use crate::Fault;

/// Bytes of one write.
const BLOCK: usize = 4 << 10;

/// Medians, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Syncs {
    /// Where each write makes the file longer.
    pub(super) growing_ms: f64,
    /// Where each write goes to space that was written before.
    pub(super) allocated_ms: f64,
}

/// Writes so many blocks twice over: the second time the file has all of them.
pub(super) fn measure(folder: &Path, writes: usize) -> Result<Syncs, Fault> {
    let path = folder.join("syncs");
    let mut file = OpenOptions::new().create_new(true).write(true).open(&path)?;
    let growing_ms = pass(&mut file, writes)?;
    file.seek(SeekFrom::Start(0))?;
    let allocated_ms = pass(&mut file, writes)?;
    std::fs::remove_file(path)?;
    Ok(Syncs { growing_ms, allocated_ms })
}

fn pass(file: &mut File, writes: usize) -> Result<f64, Fault> {
    let mut took: Vec<Duration> = Vec::with_capacity(writes);
    for at in 0..writes {
        let block = [at.to_le_bytes()[0]; BLOCK];
        let started = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        took.push(started.elapsed());
    }
    took.sort();
    Ok(quantile(&took, 0.5))
}
