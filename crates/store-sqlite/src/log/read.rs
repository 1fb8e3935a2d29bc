//! The commit log of a process that did not close its file, read back.
//!
//! What ends a segment is told from what is damaged: a write that never ended leaves nothing whole behind it, for the next
//! one is begun only after it. So a whole frame behind a damaged one was acknowledged, and so was the damaged one. The last
//! frame has no frame behind it. Where it ends is written down elsewhere ([`crate::sums::Tail`]); and since that may be a
//! little old after a power cut, a last frame that would be whole but for one bit counts as damaged too.

use std::{fs, io, path::Path};

use bytes::{Buf as _, Bytes};
use uuid::Uuid;

use super::{
    CHECKED, HEAD_BYTES, MAGIC,
    record::{self, Link},
};
use crate::{bits, sums::Tail};

/// The log of format 4: no session stood in it, and no generation that it begins behind.
const OLD_MAGIC: [u8; 8] = *b"PERDLOG\x01";
/// Bytes of its head before its checksum.
const OLD_CHECKED: usize = 32;
/// The longest frame that is tried for a flipped bit. In a longer one a torn write might look like that by chance.
const TRIED_BYTES: usize = 256 << 10;

/// What is found where the log should be.
pub(crate) enum Found {
    Nothing,
    /// A file without a head and with nothing else in it: it was never begun.
    Blank,
    /// Its head is damaged.
    Damaged,
    Log(Content),
}

/// What the log says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) id: Uuid,
    /// Nil in a log of format 4.
    pub(crate) session: Uuid,
    /// The generation before its first one.
    pub(crate) base: u64,
    pub(crate) segment_bytes: u64,
}

/// A log as it is read.
pub(crate) struct Content {
    pub(crate) head: Head,
    /// Bytes of the file.
    pub(crate) length: u64,
    /// The generations that stand in it, the older one first.
    chains: Vec<Chain>,
}

/// The frames of a segment that stand one behind the other from its start.
struct Chain {
    /// 0 when there is none.
    generation: u64,
    frames: Vec<Frame>,
    /// The latest generation of which there is a frame behind something else.
    stray: u64,
    /// What follows the last frame would be the next but for one bit.
    is_bit_off: bool,
}

struct Frame {
    link: Link,
    end: u64,
    payload: Bytes,
}

/// What the tables know of their log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The id that file and log share, drawn when the file was made.
    pub(crate) id: Uuid,
    /// The last generation that is in the tables.
    pub(crate) folded: u64,
    /// The latest frame, by generation and checksum, of which something is in the tables.
    pub(crate) logged: Option<(u64, u32)>,
}

/// What the log holds behind the tables.
pub(crate) struct Left {
    /// The payloads, each with its frame's place in the log.
    pub(crate) payloads: Vec<(Link, Bytes)>,
    /// The last generation.
    pub(crate) generation: u64,
    /// The checksum of the last frame.
    pub(crate) previous: u32,
}

/// Why the log is not what was written, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// A frame is damaged that was acknowledged.
    Hole { generation: u64 },
    /// It does not begin where the tables end.
    Gap,
    /// It ends before something that is in the tables.
    Older,
    /// Acknowledged frames are missing at its end.
    Short { found: u32, of: u32 },
}

/// Reads the log at a path.
pub(crate) fn read(path: &Path) -> io::Result<Found> {
    match fs::read(path) {
        Ok(content) => Ok(parse(content.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

pub(super) fn parse(mut content: Bytes) -> Found {
    let length = content.len() as u64;
    if content.iter().all(|byte| *byte == 0) {
        return Found::Blank;
    }
    let Some(head) = content.get(..HEAD_BYTES as usize).and_then(Head::decode) else { return Found::Damaged };
    content.advance(HEAD_BYTES as usize);
    let mut segment = || content.split_to(content.len().min(head.segment_bytes as usize));
    let mut chains: Vec<_> = [segment(), segment()].into_iter().map(Chain::read).collect();
    chains.sort_by_key(|chain| chain.generation);
    Found::Log(Content { head, length, chains })
}

impl Head {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(self.id.as_bytes());
        head.extend_from_slice(&self.segment_bytes.to_le_bytes());
        head.extend_from_slice(self.session.as_bytes());
        head.extend_from_slice(&self.base.to_le_bytes());
        head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        head.resize(HEAD_BYTES as usize, 0);
        head
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let is_old = bytes.starts_with(&OLD_MAGIC);
        let (mut fields, mut rest) = bytes.split_at_checked(if is_old { OLD_CHECKED } else { CHECKED })?;
        if crc32fast::hash(fields) != rest.get_u32_le() || !(is_old || fields.starts_with(&MAGIC)) {
            return None;
        }
        // The rest of the block was never anything but zeros.
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        fields.advance(MAGIC.len());
        let (id, segment_bytes) = (Uuid::from_u128(fields.get_u128()), fields.get_u64_le());
        let (session, base) = match is_old {
            true => (Uuid::nil(), 0),
            false => (Uuid::from_u128(fields.get_u128()), fields.get_u64_le()),
        };
        Some(Self { id, session, base, segment_bytes })
    }

    /// Whether it is of format 4.
    pub(crate) fn is_old(&self) -> bool {
        self.session.is_nil()
    }
}

impl Content {
    /// Whether it holds no frame, whole or not.
    pub(crate) fn is_unused(&self) -> bool {
        self.chains.iter().all(|chain| chain.frames.is_empty() && chain.stray == 0 && !chain.is_bit_off)
    }

    /// Whether all it holds is in the tables of a file that was closed behind this frame.
    pub(crate) fn ends_at(&self, generation: u64, checksum: u32) -> bool {
        let is_past = |chain: &Chain| chain.generation.max(chain.stray) < generation;
        let ends = |chain: &Chain| {
            let last = chain.frames.last().map(|frame| frame.link);
            chain.stray <= generation
                && last.is_some_and(|last| (last.generation, last.checksum) == (generation, checksum))
        };
        self.chains.iter().all(|chain| is_past(chain) || ends(chain))
    }

    /// Follows the log from where the tables end.
    ///
    /// # Errors
    /// When something that was acknowledged is not there, as far as `known` and the `tail` tell.
    pub(crate) fn follow(&self, known: &Known, tail: Option<Tail>) -> Result<Left, Fault> {
        let newest = self.chains.iter().map(|chain| chain.generation).max().unwrap_or_default();
        if let Some(hole) = self.hole(known.folded) {
            return Err(Fault::Hole { generation: hole });
        }
        let left = self.left(known)?;
        if let Some((generation, checksum)) = known.logged
            && generation > self.head.base
            && generation + 2 > newest
            && !self.frames(generation).any(|frame| frame.link.checksum == checksum)
        {
            return Err(Fault::Older);
        }
        if let Some(tail) = tail
            && tail.generation > 0
            && tail.generation + 1 >= newest
            && !self.frames(tail.generation).any(|frame| frame.end == tail.end && frame.link.checksum == tail.checksum)
        {
            return Err(Fault::Short { found: self.frames(tail.generation).count() as u32, of: tail.frames });
        }
        Ok(left)
    }

    /// The generation, if there is one that is not in the tables, of which a frame is known to be damaged.
    fn hole(&self, folded: u64) -> Option<u64> {
        let newest = self.chains.last().map(|chain| chain.generation);
        let is_hole = |chain: &&Chain| {
            let is_broken = chain.stray >= chain.generation && chain.stray > folded;
            is_broken || (chain.is_bit_off && Some(chain.generation) == newest)
        };
        self.chains.iter().find(is_hole).map(|chain| chain.generation.max(chain.stray))
    }

    fn left(&self, known: &Known) -> Result<Left, Fault> {
        let follows = known.logged.filter(|(generation, _)| *generation == known.folded).map(|(_, checksum)| checksum);
        let mut left = Left { payloads: Vec::new(), generation: known.folded, previous: follows.unwrap_or_default() };
        let mut follows = follows;
        for chain in self.chains.iter().filter(|chain| chain.generation > known.folded) {
            let first = chain.frames.first().map(|frame| frame.link.previous);
            if chain.generation != left.generation + 1 || follows.is_some_and(|previous| Some(previous) != first) {
                return Err(Fault::Gap);
            }
            left.generation = chain.generation;
            left.payloads.extend(chain.frames.iter().map(|frame| (frame.link, frame.payload.clone())));
            follows = chain.frames.last().map(|frame| frame.link.checksum);
        }
        left.previous = follows.unwrap_or_default();
        Ok(left)
    }

    fn frames(&self, generation: u64) -> impl Iterator<Item = &Frame> {
        self.chains.iter().filter(move |chain| chain.generation == generation).flat_map(|chain| &chain.frames)
    }
}

impl Chain {
    fn read(segment: Bytes) -> Self {
        let mut rest = segment.clone();
        let mut chain = Self { generation: 0, frames: Vec::new(), stray: 0, is_bit_off: false };
        let mut last: Option<Link> = None;
        loop {
            let mut next = rest.clone();
            let Some((link, payload)) = record::next(&mut next) else { break };
            // Behind the last frame of this turn may stand frames of an earlier one.
            if last.is_some_and(|last| link.generation != last.generation || link.previous != last.checksum) {
                break;
            }
            let end = (segment.len() - next.len()) as u64;
            chain.frames.push(Frame { link, end, payload });
            (last, rest) = (Some(link), next);
        }
        chain.generation = last.map_or(0, |link| link.generation);
        chain.is_bit_off = last.is_some_and(|last| is_bit_off(&rest, last));
        chain.stray = stray(rest);
        chain
    }
}

/// The latest generation of which there is a whole frame anywhere.
fn stray(rest: Bytes) -> u64 {
    let mut latest = 0;
    each_frame(rest, |_, link, _| latest = latest.max(link.generation));
    latest
}

/// Gives every whole frame, wherever it stands, with the number of bytes from its start to the end.
pub(super) fn each_frame(mut rest: Bytes, mut each: impl FnMut(usize, Link, Bytes)) {
    while !rest.is_empty() {
        let bytes = rest.len();
        match record::next(&mut rest) {
            Some((link, payload)) => each(bytes, link, payload),
            None => {
                // No frame begins with more zeros: its checksum can't be made of them.
                let zeros = rest.iter().take_while(|byte| **byte == 0).count();
                rest.advance(zeros.saturating_sub(8).max(1));
            }
        }
    }
}

/// Whether what stands here is the frame behind `last`, with one bit that is wrong.
fn is_bit_off(rest: &Bytes, last: Link) -> bool {
    let follows = |bytes: &Bytes| {
        record::next(&mut bytes.clone())
            .is_some_and(|(link, _)| (link.generation, link.previous) == (last.generation, last.checksum))
    };
    let in_head = (0..record::HEAD * 8).any(|bit| {
        let Some(window) = rest.get(..record::HEAD) else { return false };
        let mut flipped = window.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Some(end) = record::end(&flipped).filter(|end| *end <= rest.len().min(TRIED_BYTES)) else { return false };
        // Two of three fields are as expected anyway; most bits need no look at the payload.
        if !record::is_behind(&flipped, last) {
            return false;
        }
        flipped.extend_from_slice(&rest[record::HEAD..end]);
        follows(&flipped.into())
    });
    in_head || is_payload_bit_off(rest, last)
}

/// Whether it is so with one bit of the payload.
fn is_payload_bit_off(frame: &[u8], last: Link) -> bool {
    let Some(end) = record::end(frame).filter(|end| *end <= TRIED_BYTES.min(frame.len())) else { return false };
    let stored = frame[4..8].first_chunk().map_or(0, |sum| u32::from_le_bytes(*sum));
    let payload = end - record::HEAD;
    record::is_behind(frame, last) && bits::flipped(crc32fast::hash(&frame[8..end]) ^ stored, payload).is_some()
}
