//! What can be saved of a damaged log: the commits that stand whole behind the tables, up to the first that does not.

use std::{collections::BTreeMap, fs, io, path::Path};

use bytes::Bytes;

use super::{
    HEAD_BYTES,
    read::{self, Known, Left},
    record::{self, Link},
};
use crate::OpenOptions;

/// What a log has behind the tables.
pub(crate) struct Salvaged {
    pub(crate) left: Left,
    /// Whole commits that follow none of those.
    pub(crate) behind: usize,
}

/// Reads the log at a path, whatever of it is damaged.
pub(crate) fn salvage(path: &Path, known: &Known) -> io::Result<Salvaged> {
    let content = match fs::read(path) {
        Ok(content) => Bytes::from(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Bytes::new(),
        Err(error) => return Err(error),
    };
    let segment_bytes = match read::parse(content.clone()) {
        read::Found::Log(log) => log.head.segment_bytes,
        read::Found::Nothing | read::Found::Blank | read::Found::Damaged => OpenOptions::default().segment_bytes,
    };
    let mut frames: BTreeMap<u64, (Link, Bytes)> = BTreeMap::new();
    read::each_frame(content.clone(), |rest, link, payload| {
        if link.generation > known.folded {
            frames.insert((content.len() - rest) as u64, (link, payload));
        }
    });
    let mut salvaged = follow(&mut frames, known, segment_bytes);
    salvaged.behind = frames.len();
    Ok(salvaged)
}

/// Takes the frames out that follow each other from where the tables end.
fn follow(frames: &mut BTreeMap<u64, (Link, Bytes)>, known: &Known, segment_bytes: u64) -> Salvaged {
    let logged = known.logged.filter(|(generation, _)| *generation == known.folded);
    let mut previous = logged.map(|(_, checksum)| checksum);
    let mut left = Left { payloads: Vec::new(), generation: known.folded, previous: previous.unwrap_or_default() };
    loop {
        let generation = left.generation + 1;
        let mut at = HEAD_BYTES + (generation % 2) * segment_bytes;
        let before = left.payloads.len();
        while let Some((link, payload)) = frames
            .remove_entry(&at)
            .filter(|(_, (link, _))| link.generation == generation && previous.is_none_or(|sum| sum == link.previous))
            .map(|(_, frame)| frame)
        {
            at += (record::HEAD + payload.len()) as u64;
            previous = Some(link.checksum);
            left.payloads.push((link, payload));
        }
        if left.payloads.len() == before {
            break;
        }
        (left.generation, left.previous) = (generation, previous.unwrap_or_default());
    }
    Salvaged { left, behind: 0 }
}

impl Left {
    /// Whether a frame is among them.
    pub(crate) fn has(&self, generation: u64, checksum: u32) -> bool {
        self.payloads.iter().any(|(link, _)| (link.generation, link.checksum) == (generation, checksum))
    }

    /// How many are of a generation.
    pub(crate) fn count(&self, generation: u64) -> usize {
        self.payloads.iter().filter(|(link, _)| link.generation == generation).count()
    }
}
