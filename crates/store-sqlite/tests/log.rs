//! The commit log: what was committed is there, whole, wherever it stands and however the process ended.

mod folder;
mod left;
mod shown;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use folder::Folder;
use left::copy_as_killed;
use model::{Entropy, Epoch, RunId, ShardId, Time};
use shown::{everything, row};
use store::{
    Batch, Change, CommitError, Lists as _, MemoryStore, Shards as _, StoreError,
    visibility::{Query, Row, Value},
};
use store_sqlite::{OpenOptions, SqliteStore};
use uuid::Uuid;

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(7)];

/// The value of a call that has no reason to fail.
fn done<T, E: Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("it failed: {error:?}"),
    }
}

fn open_with(path: &Path, segment_bytes: u64) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, OpenOptions { segment_bytes, ..OpenOptions::default() })
}

/// With segments so small that a few commits fill one.
fn open(path: &Path) -> SqliteStore {
    done(open_with(path, 2_000))
}

fn put(key: &[u8], value: &[u8]) -> Change {
    Change::Put { key: key.to_vec(), value: Bytes::copy_from_slice(value) }
}

fn batch(changes: Vec<Change>) -> Arc<Batch> {
    Arc::new(Batch { changes })
}

/// One seed's commits.
struct Draw(Entropy);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.fraction() * bound as f64) as usize
    }

    /// One to three letters, so that some keys begin with others.
    fn key(&mut self) -> Vec<u8> {
        (0..=self.below(3)).map(|_| b"abcd"[self.below(4)]).collect()
    }

    /// What never changes of a run is told by its id.
    fn row(&mut self) -> Row {
        let run_id = self.run_id();
        let start_time = Time(run_id.as_bytes()[15].into());
        let list = (0..self.below(3)).map(|item| format!("item {item}")).collect();
        Row {
            start_time,
            execution_time: start_time,
            close_time: (self.below(2) == 0).then_some(Time(99)),
            parent_workflow_id: (start_time.0 % 3 == 0).then(|| "parent".into()),
            search_attributes: BTreeMap::from([
                ("Amount".to_owned(), Value::Int(self.below(3) as i64)),
                ("Tags".to_owned(), Value::KeywordList(list)),
            ]),
            ..row(run_id)
        }
    }

    fn run_id(&mut self) -> RunId {
        RunId(Uuid::from_u128(self.below(20) as u128))
    }

    fn change(&mut self) -> Change {
        match self.below(12) {
            0..5 => {
                let length = self.below(60);
                put(&self.key(), &vec![self.below(256) as u8; length])
            }
            5..8 => Change::Delete { key: self.key() },
            8 => Change::DeletePrefix { prefix: self.key() },
            9 | 10 => Change::Show(Box::new(self.row())),
            _ => Change::Hide { run_id: self.run_id() },
        }
    }

    fn batches(&mut self, epochs: [Epoch; 2]) -> Vec<(ShardId, Epoch, Arc<Batch>)> {
        let number = 1 + self.below(3);
        (0..number)
            .map(|_| {
                let shard = self.below(2);
                let changes = (0..1 + self.below(8)).map(|_| self.change()).collect();
                (SHARDS[shard], epochs[shard], batch(changes))
            })
            .collect()
    }
}

/// Reads by key and by range say the same of both; the lists too if they are looked at, which folds their rows.
fn same(store: &SqliteStore, model: &MemoryStore, draw: &mut Draw) {
    for shard in SHARDS {
        let all = model.scan(shard, b"", b"z", usize::MAX);
        assert_eq!(store.scan(shard, b"", b"z", usize::MAX), all);
        let (start, end, limit) = (draw.key(), draw.key(), 1 + draw.below(6));
        assert_eq!(store.scan(shard, &start, &end, limit), model.scan(shard, &start, &end, limit));
        let key = draw.key();
        assert_eq!(store.get(shard, &key), model.get(shard, &key));
    }
    if draw.below(4) == 0 {
        assert_eq!(store.query(&everything()), model.query(&everything()));
        assert_eq!(store.count(&everything()), model.count(&everything()));
    }
}

#[test]
fn what_is_folded_by_now_makes_no_difference() {
    let folder = Folder::new("folded");
    for seed in 0..8 {
        let mut draw = Draw(Entropy::new(seed));
        let mut path = folder.file(&format!("{seed}.db"));
        let mut store = open(&path);
        let model = MemoryStore::new();
        let acquire = |store: &SqliteStore| SHARDS.map(|shard| store.acquire(shard).unwrap());
        let mut epochs = acquire(&store);
        assert_eq!(SHARDS.map(|shard| model.acquire(shard).unwrap()), epochs);
        for step in 0..250 {
            match draw.below(20) {
                0 => {
                    drop(store);
                    assert!(!PathBuf::from(format!("{}-log", path.display())).exists(), "a closed file has no log");
                    store = open(&path);
                }
                1 => {
                    let copy = folder.file(&format!("{seed}-{step}.db"));
                    copy_as_killed(&path, &copy);
                    store = open(&copy);
                    path = copy;
                }
                2 => {
                    epochs = acquire(&store);
                    assert_eq!(SHARDS.map(|shard| model.acquire(shard).unwrap()), epochs);
                }
                3 => {
                    // More than a segment holds.
                    let large = batch(vec![put(&draw.key(), &[1; 3_000]), Change::Show(Box::new(draw.row()))]);
                    let commit = [(SHARDS[0], epochs[0], large)];
                    assert_eq!(store.commit(&commit), model.commit(&commit));
                }
                4..8 => store.catch_up(),
                _ => {
                    let batches = draw.batches(epochs);
                    assert_eq!(store.commit(&batches), model.commit(&batches));
                }
            }
            same(&store, &model, &mut draw);
        }
    }
}

/// How many of `commit_twenty` a file holds: the first ones, each whole.
fn commits_in(store: &SqliteStore) -> usize {
    let held = |prefix: u8| {
        let page = done(store.scan(SHARDS[0], &[prefix], &[prefix + 1], usize::MAX));
        let held: Vec<u8> = page.pairs.iter().map(|(key, _)| key[1]).collect();
        assert!(held.iter().copied().eq(0..held.len() as u8), "they are the first: {held:?}");
        held.len()
    };
    assert_eq!(held(b'a'), held(b'b'), "a commit is there whole or not at all");
    held(b'a')
}

/// Twenty commits of two pairs, as a kill leaves them; beside it what it was told of its log after ten.
fn commit_twenty(folder: &Folder, segment_bytes: u64) -> PathBuf {
    let path = folder.file("data.db");
    let store = done(open_with(&path, segment_bytes));
    let epoch = done(store.acquire(SHARDS[0]));
    for number in 0..20_u8 {
        let changes = vec![put(&[b'a', number], &[number; 20]), put(&[b'b', number], &[number; 40])];
        assert_eq!(store.commit(&[(SHARDS[0], epoch, batch(changes))]), [Ok(())]);
        if number == 9 {
            done(fs::copy(folder.file("data.db-sums"), folder.file("half.db-sums")));
        }
    }
    let killed = folder.file("killed.db");
    copy_as_killed(&path, &killed);
    killed
}

/// Damages the log at every few bytes of a range, and tells what then opens with the checksums of another moment.
fn damaged(
    folder: &Folder,
    sums: &str,
    range: Range<usize>,
    damage: fn(&mut Vec<u8>, usize),
) -> Vec<Result<usize, StoreError>> {
    let log = done(fs::read(folder.file("killed.db-log")));
    let torn = folder.file("torn.db");
    let mut found = Vec::new();
    for at in range.step_by(61) {
        copy_as_killed(&folder.file("killed.db"), &torn);
        done(fs::copy(folder.file(sums), folder.file("torn.db-sums")));
        let mut bytes = log.clone();
        damage(&mut bytes, at);
        done(fs::write(folder.file("torn.db-log"), bytes));
        found.push(open_with(&torn, 1).map(|store| commits_in(&store)));
        for end in ["", "-log", "-sums", "-wal"] {
            let _ = fs::remove_file(folder.file(&format!("torn.db{end}")));
        }
    }
    found
}

fn is_refused(found: &Result<usize, StoreError>) -> bool {
    matches!(found, Err(StoreError::Unusable(text)) if text.contains("torn.db-log") && !text.contains('\n'))
}

/// Where the frames of `commit_twenty` end in the log, if one segment holds them. The first generation is in the second.
fn end_of_twenty(folder: &Folder) -> usize {
    let log = done(fs::read(folder.file("killed.db-log")));
    log.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// A power cut may leave less than was written, of what nothing is known to be acknowledged.
#[test]
fn a_log_that_was_torn_holds_whole_commits() {
    let folder = Folder::new("torn");
    commit_twenty(&folder, 4_000);
    let damages: [fn(&mut Vec<u8>, usize); 2] = [|log, at| log[at..].fill(0), |log, at| log.truncate(at)];
    for damage in damages {
        let found = damaged(&folder, "half.db-sums", 8_096..11_500, damage);
        let (refused, whole): (Vec<_>, Vec<_>) = found.into_iter().partition(is_refused);
        let whole: Vec<usize> = whole.into_iter().map(Result::unwrap).collect();
        assert!(!refused.is_empty() && (10..=20).all(|commits| whole.contains(&commits)), "{refused:?} {whole:?}");
        assert!(whole.iter().all(|commits| *commits >= 10), "as many were known to be acknowledged: {whole:?}");
    }
    // One wrong bit is no torn write.
    let end = end_of_twenty(&folder);
    let found = damaged(&folder, "half.db-sums", 8_096..end, |log, at| log[at] ^= 0x10);
    assert!(found.iter().all(is_refused), "{found:?}");
    let found = damaged(&folder, "half.db-sums", end - 170..end, |log, at| log[at] ^= 0x01);
    assert!(found.iter().all(is_refused), "{found:?}");
}

#[test]
fn a_log_without_what_was_acknowledged_is_refused() {
    let folder = Folder::new("acknowledged");
    commit_twenty(&folder, 4_000);
    let damages: [fn(&mut Vec<u8>, usize); 4] = [
        |log, at| log[at..].fill(0),
        |log, at| log[at] ^= 0x10,
        |log, at| log.truncate(at),
        |log, at| log[at..].fill(0xa5),
    ];
    for damage in damages {
        let found = damaged(&folder, "killed.db-sums", 8_096..end_of_twenty(&folder), damage);
        assert!(found.iter().all(is_refused), "{found:?}");
    }
}

#[test]
fn a_log_with_a_hole_is_refused() {
    let folder = Folder::new("hole");
    commit_twenty(&folder, 2_000);
    // The first generation, with the second one behind it, and the second.
    for range in [6_096..7_900, 4_096..4_300] {
        let found = damaged(&folder, "half.db-sums", range, |log, at| log[at] ^= 0x10);
        assert!(found.iter().all(is_refused), "{found:?}");
    }
}

fn refusal(path: &Path) -> String {
    match open_with(path, 2_000) {
        Err(StoreError::Unusable(text)) => text,
        Err(other) => panic!("not unusable: {other:?}"),
        Ok(_) => panic!("\"{}\" opens", path.display()),
    }
}

#[test]
fn a_log_goes_with_its_file() {
    let folder = Folder::new("foreign-log");
    let [one, other] = ["one.db", "other.db"].map(|name| folder.file(name));
    let fill = |path: &Path, commits: u8| {
        let store = open(path);
        let epoch = store.acquire(SHARDS[0]).unwrap();
        for number in 0..commits {
            assert_eq!(store.commit(&[(SHARDS[0], epoch, batch(vec![put(&[number], &[7; 300])]))]), [Ok(())]);
        }
        store
    };
    drop(fill(&one, 1));
    fs::copy(&one, folder.file("before.db")).unwrap();
    let first = fill(&one, 60);
    let second = fill(&other, 60);
    // Another file's.
    copy_as_killed(&one, &folder.file("mixed.db"));
    fs::copy(folder.file("other.db-log"), folder.file("mixed.db-log")).unwrap();
    assert!(refusal(&folder.file("mixed.db")).contains("do not belong together"));
    // The same file's, but of a later time.
    fs::copy(folder.file("one.db-log"), folder.file("before.db-log")).unwrap();
    assert!(refusal(&folder.file("before.db")).contains("is not of that time"));
    // One whose file is gone.
    fs::copy(folder.file("one.db-log"), folder.file("new.db-log")).unwrap();
    assert!(refusal(&folder.file("new.db")).contains("is missing, but"));
    drop((first, second));
    // And one that was made but never begun.
    fs::write(folder.file("one.db-log"), [0; 4_096]).unwrap();
    assert_eq!(open(&one).get(SHARDS[0], &[59]).unwrap().unwrap().len(), 300);
}

/// Who commits need not fold to have everything folded in time: it is enough to have it done when there is something.
#[test]
fn a_store_tells_when_there_is_something_to_fold() {
    let folder = Folder::new("behind");
    let store = done(open_with(&folder.file("data.db"), 100_000));
    let epoch = store.acquire(SHARDS[0]).unwrap();
    let mut slices = 0;
    for commit in 0..5_000_u32 {
        let change = put(&commit.to_be_bytes(), &[7; 100]);
        assert_eq!(store.commit(&[(SHARDS[0], epoch, batch(vec![change]))]), [Ok(())]);
        if store.is_behind() {
            store.catch_up();
            slices += 1;
            assert!(!store.is_behind(), "one slice was due");
        }
    }
    // Six segments were filled, of some 700 pairs each.
    assert!((20..100).contains(&slices), "{slices}");
}

#[test]
fn tables_that_are_full_fail_only_what_no_log_holds() {
    let folder = Folder::new("full-tables");
    let path = folder.file("data.db");
    let pragmas = vec![("max_page_count".to_owned(), "40".to_owned())];
    let options = OpenOptions { segment_bytes: 100_000, pragmas, ..OpenOptions::default() };
    let store = SqliteStore::open(&path, options).unwrap();
    let epoch = store.acquire(SHARDS[0]).unwrap();
    let mut kept = Vec::new();
    let refused = loop {
        let key = [kept.len() as u8];
        let result = store.commit(&[(SHARDS[0], epoch, batch(vec![put(&key, &[3; 10_000])]))]).remove(0);
        store.catch_up();
        match result {
            Ok(()) => kept.push(key),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, CommitError::Store(StoreError::Full(_))), "{refused:?}");
    assert!(kept.len() > 10, "both segments were filled: {}", kept.len());
    let all_there = |store: &SqliteStore| kept.iter().all(|key| store.get(SHARDS[0], key).unwrap().is_some());
    assert!(all_there(&store));
    drop(store);
    assert!(folder.file("data.db-log").exists(), "what can't be folded stays");
    let store = open(&path);
    assert!(all_there(&store));
    assert_eq!(store.get(SHARDS[0], &[kept.len() as u8]).unwrap(), None);
    assert_eq!(store.commit(&[(SHARDS[0], epoch, batch(vec![put(b"new", &[3; 100_000])]))]), [Ok(())]);
}

#[test]
fn lists_go_on_while_the_tables_are_full() {
    let folder = Folder::new("full-lists");
    let pragmas = vec![("max_page_count".to_owned(), "24".to_owned())];
    let options = OpenOptions { segment_bytes: 40_000, pragmas, ..OpenOptions::default() };
    let store = done(SqliteStore::open(folder.file("data.db"), options));
    let model = MemoryStore::new();
    let epoch = done(store.acquire(SHARDS[0]));
    assert_eq!(model.acquire(SHARDS[0]), Ok(epoch));
    let mut draw = Draw(Entropy::new(3));
    for number in 0..90_u128 {
        // Some runs are new, others change, and some go.
        let run_id = RunId(Uuid::from_u128(number / 2 * 2));
        let shown = Row { history_length: number as i64, workflow_id: "w".repeat(2_000), ..row(run_id) };
        let mut changes = vec![Change::Show(Box::new(shown))];
        if draw.below(4) == 0 {
            changes.push(Change::Hide { run_id: RunId(Uuid::from_u128(draw.below(90) as u128)) });
        }
        let commit = [(SHARDS[0], epoch, batch(changes))];
        if store.commit(&commit) != [Ok(())] {
            assert!(number > 30, "both segments are filled: {number}");
            return;
        }
        assert_eq!(model.commit(&commit), [Ok(())]);
        store.catch_up();
        let page = Query { limit: 3, ..everything() };
        for query in [everything(), page] {
            assert_eq!(store.query(&query), model.query(&query));
        }
        assert_eq!(store.count(&everything()), model.count(&everything()));
    }
    panic!("the tables are never full");
}

#[test]
fn a_fold_that_failed_takes_nothing_with_it_that_came_later() {
    let folder = Folder::new("failed-fold");
    let path = folder.file("data.db");
    let pragmas = vec![("busy_timeout".to_owned(), "1".to_owned())];
    let store = SqliteStore::open(&path, OpenOptions { segment_bytes: 2_000, pragmas, ..OpenOptions::default() });
    let store = store.unwrap();
    let epoch = store.acquire(SHARDS[0]).unwrap();
    let commit =
        |key: &[u8], length| store.commit(&[(SHARDS[0], epoch, batch(vec![put(key, &vec![3; length])]))]).remove(0);
    let other = rusqlite::Connection::open(&path).unwrap();
    // What comes first is folded for the sake of the large one: with nothing in the segment, and with something.
    for [before, after] in [[b"", b"b" as &[u8]], [b"c", b"d"]] {
        assert!(before.is_empty() || commit(before, 10) == Ok(()));
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(commit(b"large", 3_000).is_err(), "somebody else writes to the tables");
        assert_eq!(commit(after, 10), Ok(()));
        let copy = folder.file("copy.db");
        copy_as_killed(&path, &copy);
        assert!(open(&copy).get(SHARDS[0], after).unwrap().is_some(), "the tables are behind");
        other.execute_batch("ROLLBACK").unwrap();
        store.catch_up();
        copy_as_killed(&path, &copy);
        assert!(open(&copy).get(SHARDS[0], after).unwrap().is_some(), "the tables have caught up");
    }
    assert_eq!(commit(b"larger", 3_000), Ok(()));
    assert_eq!(store.get(SHARDS[0], b"large").unwrap(), None);
}
