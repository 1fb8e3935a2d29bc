//! Whatever is done to the files of a database, at every stage of its life: either all that was acknowledged is there, or
//! the open is refused in one line that names the file. Nothing is ever lost in silence.
//!
//! The damages are drawn from a seed. `PERDURE_DAMAGE_SEEDS=20` runs so many seeds instead of one.

mod folder;
mod life;
mod shown;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use life::{Draw, ENDS, Stage, everything_in, folder_in_memory, lives};
use store::StoreError;

/// What is done to one file of a set.
#[derive(Clone, Copy, Debug)]
enum Damage {
    FlipBit,
    FlipByte,
    ZeroRange,
    ZeroHead,
    ZeroTail,
    ZeroBlock,
    Truncate,
    TruncateBlock,
    Empty,
    Delete,
    AppendGarbage,
    AppendItself,
    OverwriteRange,
    /// It is as it was at an earlier stage of the same life.
    Older,
    /// It is another database's.
    Foreign,
    /// All others are gone.
    Alone,
    /// A range stands where another should.
    MoveRange,
}

const DAMAGES: [Damage; 17] = [
    Damage::FlipBit,
    Damage::FlipByte,
    Damage::ZeroRange,
    Damage::ZeroHead,
    Damage::ZeroTail,
    Damage::ZeroBlock,
    Damage::Truncate,
    Damage::TruncateBlock,
    Damage::Empty,
    Damage::Delete,
    Damage::AppendGarbage,
    Damage::AppendItself,
    Damage::OverwriteRange,
    Damage::Older,
    Damage::Foreign,
    Damage::Alone,
    Damage::MoveRange,
];

/// What a set of files holds, by their ends.
type Set = BTreeMap<&'static str, Vec<u8>>;

fn read(path: &Path) -> Set {
    let content = |end: &&'static str| Some((*end, fs::read(path_of(path, end)).ok()?));
    ENDS.iter().filter_map(content).collect()
}

fn write(path: &Path, set: &Set) {
    for end in ENDS {
        let path = path_of(path, end);
        match set.get(end) {
            Some(content) => fs::write(path, content).unwrap_or_else(|error| panic!("it can't be written: {error}")),
            None => drop(fs::remove_file(path)),
        }
    }
}

fn path_of(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

/// Does the damage to a set; whether it made a difference and there is something left to lose.
fn damage(set: &mut Set, end: &'static str, damage: Damage, draw: &mut Draw, older: &[Set], foreign: &Set) -> bool {
    let before = set.clone();
    let length = set.get(end).map_or(0, Vec::len);
    if length == 0 && !matches!(damage, Damage::Older | Damage::Foreign | Damage::AppendGarbage) {
        return false;
    }
    let at = draw.below(length.max(1));
    let some = 1 + draw.below((length - at).clamp(1, 5_000));
    let garbage: Vec<u8> = (0..1 + draw.below(9_000)).map(|_| draw.below(256) as u8).collect();
    let file = set.entry(end).or_default();
    match damage {
        Damage::FlipBit => file[at] ^= 1 << draw.below(8),
        Damage::FlipByte => file[at] ^= 1 + draw.below(255) as u8,
        Damage::ZeroRange => file[at..(at + some).min(length)].fill(0),
        Damage::ZeroHead => file[..some.min(length)].fill(0),
        Damage::ZeroTail => file[at..].fill(0),
        Damage::ZeroBlock => file[at / 4_096 * 4_096..(at / 4_096 * 4_096 + 4_096).min(length)].fill(0),
        Damage::Truncate => file.truncate(at),
        Damage::TruncateBlock => file.truncate(at / 4_096 * 4_096),
        Damage::Empty => file.clear(),
        Damage::Delete => drop(set.remove(end)),
        Damage::AppendGarbage => file.extend_from_slice(&garbage),
        Damage::AppendItself => file.extend_from_within(at..),
        Damage::OverwriteRange => {
            let end = (at + garbage.len()).min(length);
            file[at..end].copy_from_slice(&garbage[..end - at]);
        }
        Damage::Older | Damage::Foreign => {
            let from = match damage {
                Damage::Older if older.is_empty() => return false,
                Damage::Older => &older[draw.below(older.len())],
                _ => foreign,
            };
            match from.get(end) {
                Some(content) => file.clone_from(content),
                None => drop(set.remove(end)),
            }
        }
        Damage::Alone => set.retain(|name, _| *name == end),
        Damage::MoveRange => {
            let to = draw.below(length);
            let some = some.min(length - at).min(length - to);
            file.copy_within(at..at + some, to);
        }
    }
    // Of nothing at all it can't be known that it was something.
    *set != before && !set.is_empty()
}

/// How the opening of a damaged set may end.
#[derive(Clone, Copy, Debug, Default)]
struct Outcomes {
    whole: u32,
    refused: u32,
}

/// Opens a set, and says what is wrong with the way that went.
fn judge(path: &Path, stage: &Stage, outcomes: &mut Outcomes) -> Result<(), String> {
    match life::open(path, &stage.options) {
        Ok(store) => {
            if everything_in(&store) != stage.expected {
                return Err("it opens with something else than was acknowledged".into());
            }
            drop(store);
            let again = life::open(path, &stage.options).map_err(|error| format!("it does not open again: {error}"))?;
            outcomes.whole += 1;
            (everything_in(&again) == stage.expected).then_some(()).ok_or_else(|| "it changes when closed".into())
        }
        Err(StoreError::Unusable(text)) if text.contains(&*path.to_string_lossy()) && !text.contains('\n') => {
            outcomes.refused += 1;
            Ok(())
        }
        Err(other) => Err(format!("it is not refused as it should be: {other:?}")),
    }
}

#[test]
fn nothing_is_lost_in_silence() {
    let seeds = std::env::var_os("PERDURE_DAMAGE_SEEDS").and_then(|seeds| seeds.to_str()?.parse().ok()).unwrap_or(1);
    let folder = folder_in_memory("damage");
    let mut outcomes = Outcomes::default();
    let mut faults = Vec::new();
    for seed in 0..seeds {
        let mut draw = Draw::new(seed);
        let stages = lives(&folder, seed);
        let foreign = read(&lives(&folder, seed + 1_000)[0].path);
        for (number, stage) in stages.iter().enumerate() {
            let sound = read(&stage.path);
            let older: Vec<Set> = stages[..number]
                .iter()
                .filter(|older| older.life == stage.life)
                .map(|older| read(&older.path))
                .collect();
            let path = folder.file("damaged.db");
            write(&path, &sound);
            let mut is_sound = Outcomes::default();
            assert_eq!(judge(&path, stage, &mut is_sound), Ok(()), "{} undamaged", stage.name);
            assert_eq!(
                is_sound.whole,
                1,
                "{} undamaged is refused: {:?}",
                stage.name,
                life::open(&path, &stage.options).err()
            );
            for end in ENDS {
                for kind in DAMAGES {
                    let mut set = sound.clone();
                    if !damage(&mut set, end, kind, &mut draw, &older, &foreign) {
                        continue;
                    }
                    write(&path, &set);
                    if let Err(fault) = judge(&path, stage, &mut outcomes) {
                        faults.push(format!("seed {seed}, {}, {kind:?} of \"{end}\": {fault}", stage.name));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{outcomes:?}, {} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(outcomes.refused + outcomes.whole >= 500 && outcomes.whole >= 30, "{outcomes:?}");
}
