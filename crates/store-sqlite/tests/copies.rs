//! Copies of files that are in use, and what a repair saves of damaged ones.

mod folder;
mod life;
mod shown;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use life::{Draw, ENDS, everything_in, folder_in_memory, lives};
use model::ShardId;
use store::{Batch, Change, Shards as _, StoreError, scan_all};
use store_sqlite::{OpenOptions, Repair, SqliteStore, backup};

const SHARD: ShardId = ShardId(0);

fn path_of(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

fn refusal<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Unusable(text)) if !text.contains('\n') => text,
        Err(other) => panic!("not unusable: {other:?}"),
        Ok(_) => panic!("it is not refused"),
    }
}

#[test]
fn a_copy_of_any_stage_holds_everything_and_is_one_file() {
    let folder = folder_in_memory("copy");
    for stage in lives(&folder, 3) {
        let copy = folder.file(&format!("copy of {}.db", stage.name));
        backup(&stage.path, &copy).unwrap_or_else(|error| panic!("{}: {error}", stage.name));
        assert!(ENDS[1..].iter().all(|end| !path_of(&copy, end).exists()), "{}", stage.name);
        let text = refusal(backup(&stage.path, &copy));
        assert!(text.contains("exists: give another name"), "{text}");
        for path in [&copy, &stage.path] {
            let store = life::open(path, &stage.options).unwrap_or_else(|error| panic!("{}: {error}", stage.name));
            assert!(everything_in(&store) == stage.expected, "{} of {}", stage.name, stage.life);
        }
    }
}

fn key(number: u64) -> Vec<u8> {
    [&b"number"[..], &number.to_be_bytes()].concat()
}

/// Has the other thread end when this one does, however that is.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Opens a file and commits one number after the other, as fast as it can, until it is told to stop.
fn commits(path: &Path, told: &AtomicU64, stop: &AtomicBool) {
    let options = OpenOptions { segment_bytes: 200_000, wal_pages: 200, ..OpenOptions::default() };
    let store = SqliteStore::open(path, options).unwrap_or_else(|error| panic!("it does not open: {error}"));
    let epoch = store.acquire(SHARD).unwrap_or_else(|error| panic!("it is not ours: {error}"));
    for number in 1.. {
        let put = |key, number: u64| Change::Put { key, value: vec![number as u8; 100].into() };
        let mut changes = vec![put(key(number), number), put(b"last".to_vec(), number)];
        if number % 400 == 0 {
            changes.push(put(b"large".to_vec(), number));
            changes.push(Change::Put { key: b"larger".to_vec(), value: vec![7; 210_000].into() });
        }
        assert_eq!(store.commit(&[(SHARD, epoch, Arc::new(Batch { changes }))]), [Ok(())]);
        told.store(number, Ordering::SeqCst);
        store.catch_up();
        if stop.load(Ordering::SeqCst) {
            return;
        }
    }
}

#[test]
fn a_copy_of_a_file_in_use_holds_what_was_acknowledged() {
    let folder = folder_in_memory("online");
    let path = folder.file("data.db");
    let (told, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| commits(&path, &told, &stop));
        let _stop = Stop(&stop);
        while told.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        for round in 0..6 {
            // Let it go through a few generations.
            let before = told.load(Ordering::SeqCst);
            while told.load(Ordering::SeqCst) < before + 300 {
                thread::yield_now();
            }
            let least = told.load(Ordering::SeqCst);
            let copy = folder.file(&format!("copy-{round}.db"));
            let made = backup(&path, &copy);
            let most = told.load(Ordering::SeqCst) + 1;
            made.unwrap_or_else(|error| panic!("round {round}: {error}"));
            let store = life::open(&copy, &OpenOptions::default()).unwrap_or_else(|error| panic!("{error}"));
            let pairs = scan_all(&store, SHARD, b"number".to_vec()..b"numbes".to_vec()).unwrap_or_default();
            let count = pairs.len() as u64;
            assert!((least..=most).contains(&count), "{count} of {least} to {most}");
            let off = (1..=count).zip(&pairs).find(|(number, (found, _))| *found != key(*number));
            assert_eq!(off, None, "they are the first {count}");
            let last = store.get(SHARD, b"last").unwrap_or_default();
            assert_eq!(last.as_deref(), Some(&[count as u8; 100][..]), "a commit is there whole");
        }
    });
}

#[test]
fn a_damaged_file_is_not_copied() {
    let folder = folder_in_memory("damaged-copy");
    for stage in lives(&folder, 5) {
        let mut content = fs::read(&stage.path).unwrap_or_default();
        // The first page of the tables, behind the one with their names.
        content[4_096 + 2_000] ^= 4;
        fs::write(&stage.path, content).unwrap_or_else(|error| panic!("{error}"));
        let copy = folder.file("copy.db");
        match backup(&stage.path, &copy) {
            // A newer one of it stands in SQLite's log.
            Ok(()) => {
                let store = life::open(&copy, &OpenOptions::default()).unwrap_or_else(|error| panic!("{error}"));
                assert!(everything_in(&store) == stage.expected, "{}", stage.name);
            }
            Err(error) => assert!(error.to_string().contains("page 2 is not what was written"), "{error}"),
        }
        ENDS.iter().for_each(|end| drop(fs::remove_file(path_of(&copy, end))));
        assert!(ENDS.iter().all(|end| !path_of(&folder.file("copy.db-new"), end).exists()), "nothing is left of it");
    }
}

/// What is saved of a set of files: how many of the findings there were, and the store.
fn repaired(path: &Path) -> (Vec<String>, SqliteStore) {
    let repair = Repair::prepare(path).unwrap_or_else(|error| panic!("it can't be repaired: {error}"));
    let findings = repair.findings().to_vec();
    if !findings.is_empty() {
        let kept = repair.carry_out().unwrap_or_else(|error| panic!("it can't be carried out: {error}"));
        assert!(kept.exists(), "the file is kept as it was");
    } else {
        drop(repair);
    }
    let store = life::open(path, &OpenOptions::default()).unwrap_or_else(|error| panic!("it does not open: {error}"));
    (findings, store)
}

#[test]
fn nothing_is_repaired_in_sound_files() {
    let folder = folder_in_memory("sound");
    for stage in lives(&folder, 6) {
        let (findings, store) = repaired(&stage.path);
        assert!(findings.is_empty(), "{}: {findings:?}", stage.name);
        assert!(everything_in(&store) == stage.expected, "{}", stage.name);
    }
}

#[test]
fn one_wrong_bit_of_a_closed_file_is_set_right() {
    let folder = folder_in_memory("bit");
    let mut draw = Draw::new(9);
    for stage in lives(&folder, 7).into_iter().filter(|stage| !path_of(&stage.path, "-log").exists()) {
        let sound = fs::read(&stage.path).unwrap_or_default();
        let pages = sound.len() / 4_100 * 4_096;
        for _ in 0..10 {
            let mut content = sound.clone();
            content[draw.below(pages)] ^= 1 << draw.below(8);
            fs::write(&stage.path, &content).unwrap_or_else(|error| panic!("{error}"));
            let text = refusal(life::open(&stage.path, &OpenOptions::default()));
            assert!(text.contains("perdure server repair"), "{text}");
            let (findings, store) = repaired(&stage.path);
            assert!(findings[0].contains("one wrong bit"), "{findings:?}");
            assert!(everything_in(&store) == stage.expected, "{}", stage.name);
        }
    }
}

#[test]
fn whatever_is_damaged_can_be_started_with_after_a_repair() {
    let folder = folder_in_memory("repair");
    let mut draw = Draw::new(11);
    for (number, stage) in lives(&folder, 8).into_iter().enumerate() {
        for (place, end) in ENDS.into_iter().enumerate() {
            for damage in (0..4).filter(|damage| (number + place + damage).is_multiple_of(4)) {
                let path = folder.file(&format!("{number}-{damage}{}.db", end));
                ENDS.iter().for_each(|end| drop(fs::copy(path_of(&stage.path, end), path_of(&path, end))));
                let Ok(mut content) = fs::read(path_of(&path, end)) else { continue };
                if content.is_empty() || (end.is_empty() && damage == 3) {
                    continue;
                }
                let at = draw.below(content.len());
                let end_at = content.len().min(at + draw.below(3_000));
                match damage {
                    0 => content[at] ^= 1,
                    1 => content[at..end_at].fill(0x5a),
                    2 => content.truncate(at.max(4_096)),
                    _ => content.clear(),
                }
                fs::write(path_of(&path, end), content).unwrap_or_else(|error| panic!("{error}"));
                let opens = life::open(&path, &OpenOptions::default()).is_ok();
                match Repair::prepare(&path) {
                    Ok(repair) if repair.findings().is_empty() => {
                        drop(repair);
                        let store = life::open(&path, &OpenOptions::default()).unwrap_or_else(|error| {
                            panic!(
                                "{}, damage {damage} of \"{end}\": nothing is wrong with it, but {error}",
                                stage.name
                            )
                        });
                        assert!(everything_in(&store) == stage.expected, "{}", stage.name);
                    }
                    Ok(repair) => {
                        assert!(!opens, "{}, damage {damage} of \"{end}\": {:?}", stage.name, repair.findings());
                        repair.carry_out().unwrap_or_else(|error| panic!("it can't be carried out: {error}"));
                        let opened = life::open(&path, &OpenOptions::default());
                        opened.unwrap_or_else(|error| panic!("{}, damage {damage} of \"{end}\": {error}", stage.name));
                    }
                    Err(error) => {
                        assert!(end.is_empty(), "{}, damage {damage} of \"{end}\": {error}", stage.name);
                        assert!(error.to_string().contains("restore a backup"), "{error}");
                    }
                }
            }
        }
    }
}
