//! A process that commits and folds as fast as it can, and is killed in the middle of it: what it was told is there, whole.

mod folder;
mod shown;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use folder::Folder;
use model::{Entropy, Epoch, RunId, ShardId};
use shown::{everything, row};
use store::{Batch, Change, Lists as _, Shards as _, visibility::Row};
use store_sqlite::{OpenOptions, SqliteStore};
use uuid::Uuid;

const SHARD: ShardId = ShardId(0);
const ROUNDS: u64 = 15;
/// Slots that commits write in turn, and runs that they show.
const SLOTS: u64 = 2_000;
const RUNS: u64 = 40;
/// How the child is told its file.
const FILE: &str = "PERDURE_TEST_FILE";

/// Segments that a few hundred commits fill and a dozen slices fold.
fn open(path: &Path) -> SqliteStore {
    match SqliteStore::open(path, OpenOptions { segment_bytes: 100_000, ..OpenOptions::default() }) {
        Ok(store) => store,
        Err(error) => panic!("it does not open: {error}"),
    }
}

fn put(key: Vec<u8>, number: u64) -> Change {
    Change::Put { key, value: Bytes::copy_from_slice(&number.to_be_bytes()) }
}

fn slot(number: u64) -> Vec<u8> {
    [&b"slot"[..], &(number % SLOTS).to_be_bytes()].concat()
}

fn numbered(number: u64) -> Row {
    let run_id = RunId(Uuid::from_u128((number % RUNS).into()));
    Row { history_length: number as i64, ..row(run_id) }
}

/// What the commit of that number changes: the counter, a slot, a row, and a task that the next one takes away; now and
/// then more than a segment holds.
fn changes(number: u64) -> Vec<Change> {
    let task = |number: u64| [&b"task"[..], &number.to_be_bytes()].concat();
    let mut changes = vec![
        put(b"counter".to_vec(), number),
        put(slot(number), number),
        put(task(number), number),
        Change::Delete { key: task(number - 1) },
        Change::Show(Box::new(numbered(number))),
    ];
    if number.is_multiple_of(997) {
        changes.push(Change::DeletePrefix { prefix: b"large".to_vec() });
        changes.push(Change::Put { key: b"large".to_vec(), value: vec![7; 130_000].into() });
    }
    changes
}

fn number_at(store: &SqliteStore, key: &[u8]) -> u64 {
    let value = store.get(SHARD, key).unwrap_or_default();
    value.and_then(|value| value[..].try_into().ok()).map_or(0, u64::from_be_bytes)
}

#[test]
#[ignore = "it never ends; the test below starts it and kills it"]
fn commits_until_it_is_killed() {
    let store = open(Path::new(&std::env::var_os(FILE).expect("the file is given")));
    let epoch: Epoch = store.acquire(SHARD).expect("it is ours");
    for number in number_at(&store, b"counter") + 1.. {
        let batch = Arc::new(Batch { changes: changes(number) });
        assert_eq!(store.commit(&[(SHARD, epoch, batch)]), [Ok(())]);
        writeln!(std::io::stdout(), "{number}").expect("somebody reads");
        store.catch_up();
    }
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let folder = Folder::new("outlives");
    let path = folder.file("data.db");
    let mut dice = Entropy::new(11);
    let mut told = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "commits_until_it_is_killed"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut numbers = lines.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok());
        let life = (dice.fraction() * 1_500.0) as u64;
        told = numbers.by_ref().find(|number| *number >= told + life).unwrap_or(told);
        child.kill().unwrap();
        told = numbers.last().unwrap_or(told);
        child.wait().unwrap();
        // Every other time the next process is the one that finds what was left.
        if round % 2 == 1 {
            check(&open(&path), told);
        }
    }
    assert!(told > 5_000, "it went through many generations: {told}");
}

/// All commits up to the last that was told are there, and the one that was not told yet is whole or not there at all.
fn check(store: &SqliteStore, told: u64) {
    let count = number_at(store, b"counter");
    assert!(count == told || count == told + 1, "{told} were told and {count} are there");
    for number in count.saturating_sub(SLOTS - 1).max(1)..=count {
        assert_eq!(number_at(store, &slot(number)), number, "of {count}");
    }
    let tasks = store.scan(SHARD, b"task", b"tasl", usize::MAX).unwrap_or_default();
    assert_eq!(tasks.pairs.len(), usize::from(count > 0), "each commit takes away the task of the one before");
    let mut lengths: Vec<i64> =
        store.query(&everything()).unwrap_or_default().rows.iter().map(|row| row.history_length).collect();
    lengths.sort_unstable();
    let expected: Vec<i64> = (count.saturating_sub(RUNS - 1).max(1)..=count).map(|number| number as i64).collect();
    assert_eq!(lengths, expected);
}
