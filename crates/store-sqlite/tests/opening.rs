//! Files that can't be opened say why in one line, and those that can hold what was committed.

mod first;
mod folder;
mod left;

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process,
    sync::Arc,
};

use bytes::Bytes;
use first::FIRST_LISTS;
use folder::Folder;
use left::copy_as_killed;
use model::{NamespaceId, RunId, ShardId};
use proto::temporal::api::enums::v1::IndexedValueType;
use rusqlite::params;
use store::{
    Batch, Change, CommitError, Key, Lists as _, Shards as _, StoreError,
    visibility::{Attribute, Comparison, Filter, Operand, Query, Value, encode_attributes},
};
use store_sqlite::{OpenOptions, SqliteStore};
use uuid::Uuid;

const SHARD: ShardId = ShardId(0);

fn options(pragmas: &[(&str, &str)]) -> OpenOptions {
    OpenOptions {
        address: "127.0.0.1:7233".into(),
        pragmas: pragmas.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..OpenOptions::default()
    }
}

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, options(&[]))
}

/// Why the file can't be opened; one line.
fn refusal(path: &Path) -> String {
    match open(path) {
        Ok(_) => panic!("\"{}\" opens", path.display()),
        Err(StoreError::Unusable(text)) => {
            assert!(!text.contains('\n') && text.contains(&*path.to_string_lossy()), "{text}");
            text
        }
        Err(other) => panic!("not unusable: {other:?}"),
    }
}

fn put(key: u8, value: Bytes) -> Arc<Batch> {
    let key = vec![key];
    let changes = vec![Change::Put { key, value }];
    Arc::new(Batch { changes })
}

#[test]
fn a_reopened_file_holds_what_was_committed() {
    let folder = Folder::new("reopened");
    let path = folder.file("data.db");
    let value = Bytes::from_static(b"value");
    let first = {
        let store = open(&path).unwrap();
        let epoch = store.acquire(SHARD).unwrap();
        assert_eq!(store.commit(&[(SHARD, epoch, put(1, value.clone()))]), [Ok(())]);
        epoch
    };
    let store = open(&path).unwrap();
    assert_eq!(store.get(SHARD, &[1]).unwrap(), Some(value.clone()));
    assert_eq!(
        store.commit(&[(SHARD, first, put(2, value))]),
        [Ok(())],
        "the epoch stands until the shard is acquired"
    );
    assert_eq!(store.acquire(SHARD).unwrap().0, first.0 + 1);
}

#[test]
fn a_log_left_by_a_killed_process_is_read() {
    let folder = Folder::new("killed");
    let path = folder.file("data.db");
    let store = open(&path).unwrap();
    let epoch = store.acquire(SHARD).unwrap();
    assert_eq!(store.commit(&[(SHARD, epoch, put(1, Bytes::from_static(b"value")))]), [Ok(())]);
    let copy = folder.file("copy.db");
    copy_as_killed(&path, &copy);
    // A torn write at the end of SQLite's own log is no commit.
    let mut log = File::options().append(true).open(folder.file("copy.db-wal")).unwrap();
    log.write_all(&[0xa5; 5_000]).unwrap();
    let copy = open(&copy).unwrap();
    assert_eq!(copy.get(SHARD, &[1]).unwrap(), Some(Bytes::from_static(b"value")));
}

#[test]
fn a_second_owner_is_told_about_the_first() {
    let folder = Folder::new("second");
    let path = folder.file("data.db");
    let first = open(&path).unwrap();
    let text = refusal(&path);
    let owner = format!("is in use by process {} at 127.0.0.1:7233: stop that server", process::id());
    assert!(text.contains(&owner), "{text}");
    let epoch = first.acquire(SHARD).unwrap();
    assert_eq!(first.commit(&[(SHARD, epoch, put(1, Bytes::new()))]), [Ok(())]);
    drop(first);
    open(&path).unwrap();
}

#[test]
fn foreign_and_damaged_files_are_refused() {
    let folder = Folder::new("foreign");
    let garbage = folder.file("garbage.db");
    fs::write(&garbage, "This is not a database. ".repeat(500)).unwrap();
    assert!(refusal(&garbage).contains("is damaged"));
    assert!(fs::read(&garbage).unwrap().starts_with(b"This is not"), "it is left as it was");

    let other = folder.file("other.db");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE mine (id INTEGER)").unwrap();
    drop(connection);
    assert!(refusal(&other).contains("was written by another program"));

    let torn = folder.file("torn.db");
    drop(open(&torn).unwrap());
    let mut bytes = fs::read(&torn).unwrap();
    bytes[40..4_000].fill(0x5a);
    fs::write(&torn, bytes).unwrap();
    assert!(refusal(&torn).contains("is damaged"), "{}", refusal(&torn));
}

#[test]
fn a_newer_format_is_refused() {
    let folder = Folder::new("newer");
    let path = folder.file("data.db");
    drop(open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let text = refusal(&path);
    assert!(text.contains("has format 99, and this version reads up to 8: use the newer version"), "{text}");
}

/// Takes the newest lists out of a file.
const WITHOUT_LISTS: &str = "
DELETE FROM meta WHERE name IN ('log', 'folded');
DROP TABLE visibility; DROP TABLE keyword; DROP TABLE block; DROP TABLE cell; DROP TABLE tail;
";
/// A row in the lists of the first format.
const FIRST_ROW: &str = "
INSERT INTO visibility VALUES (7, x'0102030405060708090a0b0c0d0e0f10', x'1112131415161718191a1b1c1d1e1f20', 9, 5, 5, 2,
    'order-1', 'Order', 'orders', 3, 100, 2, NULL, NULL, 'order-1', 'r', NULL, x'0a00', NULL);
INSERT INTO attribute VALUES (7, 'Amount', 12), (7, 'Tags', '');
INSERT INTO item VALUES (7, 'Tags', 'new');
PRAGMA user_version = 1;
";

#[test]
fn the_first_format_is_brought_up_to_date() {
    let folder = Folder::new("first");
    let path = folder.file("data.db");
    drop(open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(&[WITHOUT_LISTS, FIRST_LISTS, FIRST_ROW].concat()).unwrap();
    let attributes =
        [("Amount".to_owned(), Value::Int(12)), ("Tags".to_owned(), Value::KeywordList(vec!["new".to_owned()]))];
    let attributes = encode_attributes(&attributes.into()).to_vec();
    connection.execute("UPDATE visibility SET attributes = ?1", [attributes]).unwrap();
    let history = Key::History(RunId(Uuid::from_u128(7)), 1).encode();
    // Then a history had a tag of its own before the run id, and none behind it.
    let old = [&[0x30], &history[1..17], &history[18..]].concat();
    connection.execute("INSERT INTO pair VALUES (?1, ?2, x'00aa00bb')", params![SHARD.0, old]).unwrap();
    drop(connection);
    let store = open(&path).unwrap();
    assert_eq!(store.get(SHARD, &history).unwrap().as_deref(), Some(&[0x00, 0xaa, 0x00, 0xbb][..]));
    assert_eq!(store.get(SHARD, &old).unwrap(), None);
    let amount = Attribute { name: "Amount".to_owned(), kind: IndexedValueType::Int };
    let filter = Filter::Compare { attribute: amount, comparison: Comparison::Equal, value: Operand::Int(12) };
    let namespace = NamespaceId(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10));
    let query = Query { namespace, filter: Some(filter), group_by: Vec::new(), limit: 10, after: None };
    let found: Vec<_> = store.query(&query).unwrap().rows.into_iter().map(|row| row.workflow_id).collect();
    assert_eq!(found, ["order-1"]);
    drop(store);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let found: (String, bool, String) = connection
        .query_row(
            "SELECT workflow_id, has_memo, k.value FROM visibility v JOIN keyword k ON k.run = v.run AND k.name = 'Tags'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    assert_eq!(found, ("order-1".to_owned(), true, "new".to_owned()));
    assert!(folder.file("data.db-format-1").exists(), "the copy from before");
}

#[test]
fn places_that_cant_be_written_are_named() {
    let folder = Folder::new("places");
    assert!(refusal(&folder.file("missing/data.db")).contains("its folder does not exist"));
    let inner = folder.file("folder.db");
    fs::create_dir(&inner).unwrap();
    assert!(refusal(&inner).contains("is a folder"));

    let locked = folder.file("locked");
    fs::create_dir(&locked).unwrap();
    let mut permissions = fs::metadata(&locked).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&locked, permissions).unwrap();
    // The superuser writes where it likes; then there is nothing to see here.
    if File::create(locked.join("probe")).is_err() {
        assert!(refusal(&locked.join("data.db")).contains("make it and its folder writable"));
    }
}

#[test]
fn a_bad_pragma_is_named() {
    let folder = Folder::new("pragma");
    let open = |name, value| SqliteStore::open(folder.file("data.db"), options(&[(name, value)]));
    let text = |result: Result<SqliteStore, StoreError>| result.err().unwrap().to_string();
    assert!(text(open("journal_mode", "WAL; DROP TABLE pair")).contains("is not a name and a plain value"));
    open("synchronous", "NORMAL").unwrap();
}

#[test]
fn a_full_disk_fails_the_commit_and_no_more() {
    let folder = Folder::new("full");
    let store = SqliteStore::open(folder.file("data.db"), options(&[("max_page_count", "40")])).unwrap();
    let epoch = store.acquire(SHARD).unwrap();
    let large = Bytes::from(vec![7; 5_000_000]);
    let results = store.commit(&[
        (SHARD, epoch, put(1, Bytes::from_static(b"small"))),
        (SHARD, model::Epoch(0), put(2, Bytes::new())),
        (SHARD, epoch, put(3, large)),
    ]);
    let is_full = |result: &Result<(), CommitError>| matches!(result, Err(CommitError::Store(StoreError::Full(_))));
    assert!(is_full(&results[0]) && is_full(&results[2]), "{results:?}");
    assert!(matches!(results[1], Err(CommitError::Fenced { .. })), "{results:?}");
    assert_eq!(store.get(SHARD, &[1]).unwrap(), None, "nothing of it happened");
    assert_eq!(store.commit(&[(SHARD, epoch, put(1, Bytes::from_static(b"small")))]), [Ok(())]);
    assert_eq!(store.get(SHARD, &[1]).unwrap(), Some(Bytes::from_static(b"small")));
}

#[test]
fn what_is_looked_at_afterwards_is_found_too() {
    let folder = Folder::new("afterwards");
    let path = folder.file("data.db");
    let store = open(&path).unwrap();
    let epoch = store.acquire(SHARD).unwrap();
    for key in 0..200 {
        assert_eq!(store.commit(&[(SHARD, epoch, put(key, Bytes::from(vec![key; 20_000])))]), [Ok(())]);
    }
    drop(store);
    let brief = OpenOptions { verified_bytes: 8_192, ..options(&[]) };
    let opened = || SqliteStore::open(&path, brief.clone()).unwrap();
    let store = opened();
    assert!(!store.is_verified());
    while store.verify_next().unwrap() {}
    assert!(store.is_verified());
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let store = opened();
    let found = std::iter::repeat_with(|| store.verify_next()).find_map(Result::err);
    assert!(matches!(found, Some(StoreError::Unusable(text)) if text.contains("is not what was written")));
    drop(store);
    assert!(refusal(&path).contains("is not what was written"), "closing it does not make it good");
}
