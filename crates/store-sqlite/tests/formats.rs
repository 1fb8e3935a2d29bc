//! A file of each format that was ever released, of literal statements and bytes, is opened by this version, and holds then
//! what it held.

mod first;
mod folder;

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use bytes::Bytes;
use first::FIRST_LISTS;
use folder::Folder;
use model::{NamespaceId, ShardId};
use proto::temporal::api::enums::v1::IndexedValueType;
use rusqlite::{Connection, params};
use store::{
    Key, Lists as _, OwnedKey, Shards as _, StoreError, scan_all, upgrade,
    visibility::{Attribute, Comparison, Filter, Operand, Query},
};
use store_sqlite::{OpenOptions, SqliteStore};
use uuid::Uuid;

const SHARD: ShardId = ShardId(3);
const NAMESPACE: NamespaceId = NamespaceId(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10));

/// What all formats have alike. `<run>` and `<ns>` stand for the bytes of the ids.
const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE epoch (shard INTEGER PRIMARY KEY, epoch INTEGER NOT NULL);
CREATE TABLE pair (shard INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (shard, key)) WITHOUT ROWID;
INSERT INTO epoch VALUES (3, 8);
INSERT INTO pair VALUES
    (3, x'10<ns>6f726465722d310001', x'01aa'), (3, x'20<run>01', x'01bb'), (3, x'20<run>05740001', x'01cc'),
    (3, x'408000000000000009<run>', x''),
    (3, x'50<ns>017100018000000380000000000000008000000000000005<run>8000000000000002', x'01dd'),
    (3, x'60<run>028000000000000007', x'');
PRAGMA application_id = 1346720324;
";

/// What the keys of all formats have to become, in order.
const KEYS: [(&str, &[u8]); 7] = [
    ("11<ns>016f726465722d310001", b"\x01\xaa"),
    ("20<run>01", b"\x01\xbb"),
    ("20<run>05740001", b"\x01\xcc"),
    ("20<run>7f8000000000000001", b"\x0a\x00"),
    ("41800000000000000901<run>", b""),
    ("51<ns>01710001800000038000000000000000800000000000000501<run>8000000000000002", b"\x01\xdd"),
    ("6101<run>028000000000000007", b""),
];

/// The history of the first two formats, and of those that followed.
const HISTORY_APART: &str = "INSERT INTO pair VALUES (3, x'30<run>8000000000000001', x'0a00');";
const HISTORY: &str = "INSERT INTO pair VALUES (3, x'20<run>7f8000000000000001', x'0a00');";

const LOG: &str = "INSERT INTO meta VALUES ('log', '00112233445566778899AABBCCDDEEFF');";

/// The search attributes of the run: `Amount` is 12, `Tags` are `new`.
const ATTRIBUTES: &str = "x'010a0c0a06416d6f756e74120218180a0f0a045461677312073a050a036e6577'";

/// A row in the lists of the first format.
const FIRST_ROW: &str = "
INSERT INTO visibility VALUES (7, x'<ns>', x'<run>', 9, 5, 5, 2, 'order-1', 'Order', 'orders', 3, 100, 2, NULL, NULL, 'order-1',
    'r', NULL, x'0a00', <attributes>);
INSERT INTO attribute VALUES (7, 'Amount', 12), (7, 'Tags', '');
INSERT INTO item VALUES (7, 'Tags', 'new');
";

/// The columns of a row from the second format on, up to where they differ.
const ROW: &str = "
    run BLOB PRIMARY KEY, namespace BLOB NOT NULL, close_time INTEGER NOT NULL, start_time INTEGER NOT NULL,
    execution_time INTEGER NOT NULL, status INTEGER NOT NULL, workflow_id TEXT NOT NULL, workflow_type TEXT NOT NULL,
    task_queue TEXT NOT NULL, history_length INTEGER NOT NULL, history_size INTEGER NOT NULL,
    state_transitions INTEGER NOT NULL, parent_workflow_id TEXT, parent_run_id TEXT, root_workflow_id TEXT NOT NULL,
    root_run_id TEXT NOT NULL";
const VALUES: &str =
    "x'<run>', x'<ns>', 9, 5, 5, 2, 'order-1', 'Order', 'orders', 3, 100, 2, NULL, NULL, 'order-1', 'r'";

const OLD_INDEXES: &str = "
CREATE INDEX visibility_order ON visibility
    (namespace, close_time DESC, start_time DESC, run, status, division, workflow_type);
CREATE INDEX visibility_workflow ON visibility (namespace, workflow_id);
CREATE INDEX visibility_parent ON visibility (namespace, parent_workflow_id) WHERE parent_workflow_id IS NOT NULL;
";

const SECOND_LISTS: &str = "
CREATE TABLE visibility (<row>, division TEXT, memo BLOB, attributes BLOB) WITHOUT ROWID;
<indexes>
CREATE TABLE attribute (run BLOB NOT NULL, name TEXT NOT NULL, value, PRIMARY KEY (run, name)) WITHOUT ROWID;
CREATE INDEX attribute_value ON attribute (name, value, run);
CREATE TABLE item (run BLOB NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run, name, value)) WITHOUT ROWID;
CREATE INDEX item_value ON item (name, value, run);
INSERT INTO visibility VALUES (<values>, NULL, x'0a00', <attributes>);
INSERT INTO attribute VALUES (x'<run>', 'Amount', 12), (x'<run>', 'Tags', '');
INSERT INTO item VALUES (x'<run>', 'Tags', 'new');
";

/// Of the formats three to six.
const OLD_ATTRIBUTES: &str = "
CREATE TABLE attribute (name TEXT NOT NULL, value NOT NULL, run BLOB NOT NULL, PRIMARY KEY (name, value, run)) WITHOUT ROWID;
CREATE TABLE item (name TEXT NOT NULL, value TEXT NOT NULL, run BLOB NOT NULL, PRIMARY KEY (name, value, run)) WITHOUT ROWID;
INSERT INTO attribute VALUES ('Amount', 12, x'<run>');
INSERT INTO item VALUES ('Tags', 'new', x'<run>');
";

/// Of the third format and the fourth.
const LISTS_WITH_MEMOS: &str = "
CREATE TABLE visibility (<row>, division TEXT, memo BLOB, attributes BLOB) WITHOUT ROWID;
<indexes>
INSERT INTO visibility VALUES (<values>, NULL, x'0a00', <attributes>);
";

/// Of the fifth format and the sixth.
const LISTS_WITHOUT_MEMOS: &str = "
CREATE TABLE visibility (<row>, division TEXT, has_memo INTEGER NOT NULL, attributes BLOB) WITHOUT ROWID;
<indexes>
INSERT INTO visibility VALUES (<values>, NULL, 1, <attributes>);
";

/// Of the seventh format and the eighth.
const LISTS_IN_BLOCKS: &str = "
CREATE TABLE visibility (<row>, has_memo INTEGER NOT NULL, attributes BLOB, place INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX visibility_order ON visibility (namespace, close_time DESC, start_time DESC, run);
CREATE INDEX visibility_workflow ON visibility (namespace, workflow_id);
CREATE TABLE keyword (namespace BLOB NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, run BLOB NOT NULL,
    PRIMARY KEY (namespace, name, value, run)) WITHOUT ROWID;
CREATE TABLE block (namespace BLOB NOT NULL, number INTEGER NOT NULL, rows INTEGER NOT NULL, dead_rows INTEGER NOT NULL,
    newest_close INTEGER NOT NULL, newest_start INTEGER NOT NULL, oldest_close INTEGER NOT NULL,
    oldest_start INTEGER NOT NULL, head BLOB NOT NULL, dead BLOB, PRIMARY KEY (namespace, number)) WITHOUT ROWID;
CREATE INDEX block_order ON block (namespace, newest_close DESC, newest_start DESC, oldest_close, oldest_start, number);
CREATE TABLE cell (namespace BLOB NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL, block INTEGER NOT NULL,
    data BLOB NOT NULL, PRIMARY KEY (namespace, name, kind, block)) WITHOUT ROWID;
CREATE TABLE tail (namespace BLOB NOT NULL, is_closed INTEGER NOT NULL, first INTEGER NOT NULL, runs BLOB NOT NULL,
    PRIMARY KEY (namespace, is_closed, first)) WITHOUT ROWID;
INSERT INTO visibility VALUES (<values>, 1, <attributes>, 1);
INSERT INTO keyword VALUES (x'<ns>', 'Tags', 'new', x'<run>'), (x'<ns>', 'RootRunId', 'r', x'<run>');
INSERT INTO tail VALUES (x'<ns>', 1, 0, x'<run>');
";

/// Each format with what it is made of. Those of the eighth have their new keys when the engine has opened them once; here
/// it was stopped before that.
fn formats() -> [(i64, Vec<&'static str>); 8] {
    [
        (1, vec![HISTORY_APART, FIRST_LISTS, FIRST_ROW]),
        (2, vec![HISTORY_APART, SECOND_LISTS]),
        (3, vec![HISTORY, LISTS_WITH_MEMOS, OLD_ATTRIBUTES]),
        (4, vec![HISTORY, LISTS_WITH_MEMOS, OLD_ATTRIBUTES, LOG]),
        (5, vec![HISTORY, LISTS_WITHOUT_MEMOS, OLD_ATTRIBUTES, LOG]),
        (6, vec![HISTORY, LISTS_WITHOUT_MEMOS, OLD_ATTRIBUTES, LOG]),
        (7, vec![HISTORY, LISTS_IN_BLOCKS, LOG]),
        (8, vec![HISTORY, LISTS_IN_BLOCKS, LOG]),
    ]
}

fn filled_in(text: &str) -> String {
    let names = [
        ("<indexes>", OLD_INDEXES),
        ("<row>", ROW),
        ("<values>", VALUES),
        ("<attributes>", ATTRIBUTES),
        ("<run>", "1112131415161718191a1b1c1d1e1f20"),
        ("<ns>", "0102030405060708090a0b0c0d0e0f10"),
    ];
    names.iter().fold(text.to_owned(), |text, (name, meaning)| text.replace(name, meaning))
}

/// Writes a file as its version left it when it was closed.
fn write(path: &Path, format: i64, parts: &[&str]) {
    let connection = Connection::open(path).expect("a file can be made");
    connection.pragma_update(None, "journal_mode", "WAL").expect("it can be set");
    let script: String = [&[TABLES], parts].concat().iter().map(|part| filled_in(part)).collect();
    connection.execute_batch(&script).unwrap_or_else(|error| panic!("format {format}: {error}"));
    connection.pragma_update(None, "user_version", format).expect("it can be set");
    connection.close().expect("it can be closed");
    if format >= 6 {
        seal(path);
    }
}

/// Puts the checksums of the pages at the end of the file, and the foot that says that they are all.
fn seal(path: &Path) {
    let content = fs::read(path).expect("it can be read");
    let page_bytes = 4_096;
    let sums: Vec<u8> = content.chunks(page_bytes).flat_map(|page| crc32fast::hash(page).to_le_bytes()).collect();
    let page_count = (content.len() / page_bytes) as u32;
    let mut foot = b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff".to_vec();
    // The last generation of the log that is in the tables, and the checksum of its last frame: there never was one.
    foot.extend([0; 12]);
    for number in [page_bytes as u32, page_count, crc32fast::hash(&sums), 0, 0, 1] {
        foot.extend(number.to_le_bytes());
    }
    foot.extend(b"PERDSEAL");
    foot.extend(crc32fast::hash(&foot).to_le_bytes());
    let mut file = File::options().append(true).open(path).expect("it is there");
    file.write_all(&[sums, foot].concat()).expect("it can be written");
}

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, OpenOptions::default())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = filled_in(hex).chars().map(|digit| digit.to_digit(16).expect("a digit") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn check(store: &SqliteStore, format: i64) {
    let found = store.scan(SHARD, b"", b"\xff", usize::MAX).expect("it can be read").pairs;
    let expected: Vec<_> = KEYS.iter().map(|(key, value)| (bytes(key), Bytes::from_static(value))).collect();
    assert_eq!(found, expected, "format {format}");
    let attribute = |name: &str, kind| Attribute { name: name.to_owned(), kind };
    let (amount, tags) = (attribute("Amount", IndexedValueType::Int), attribute("Tags", IndexedValueType::KeywordList));
    let filters = [
        Filter::Compare { attribute: amount, comparison: Comparison::Equal, value: Operand::Int(12) },
        Filter::Contains { attribute: tags, any_of: vec!["new".to_owned()], negated: false },
    ];
    for filter in filters {
        let query =
            Query { namespace: NAMESPACE, filter: Some(filter.clone()), group_by: Vec::new(), limit: 10, after: None };
        let found = store.query(&query).expect("it can be read").rows;
        let found: Vec<_> = found.iter().map(|row| (row.workflow_id.as_str(), row.has_memo)).collect();
        assert_eq!(found, [("order-1", true)], "format {format}, {filter:?}");
    }
}

#[test]
fn a_file_of_each_format_is_brought_up_to_date() {
    let folder = Folder::new("formats");
    for (format, parts) in formats() {
        let path = folder.file(&format!("{format}.db"));
        write(&path, format, &parts);
        let store = open(&path).unwrap_or_else(|error| panic!("format {format}: {error}"));
        assert_eq!(store.acquire(SHARD).unwrap().0, 9, "epochs go on");
        assert_eq!(upgrade::run(&store, &[SHARD]).unwrap(), 4);
        check(&store, format);
        drop(store);
        let store = open(&path).unwrap_or_else(|error| panic!("format {format} again: {error}"));
        assert_eq!(upgrade::run(&store, &[SHARD]).unwrap(), 0);
        check(&store, format);
        let copy = folder.file(&format!("{format}.db-format-{format}"));
        assert_eq!(copy.exists(), format < 8, "the copy from before");
    }
}

/// How the child is told its file.
const FILE: &str = "PERDURE_TEST_FILE";
/// Wake-ups in the file whose upgrade is killed.
const WAKES: u64 = 30_000;

#[test]
#[ignore = "the test below starts it and kills it"]
fn rewrites_keys_until_it_is_killed() {
    let store = open(Path::new(&std::env::var_os(FILE).expect("the file is given"))).expect("it opens");
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut rewritten = 0;
            while rewritten < WAKES as usize {
                rewritten = wakes(&store).1;
                writeln!(std::io::stdout(), "{rewritten}").expect("the test reads");
            }
        });
        upgrade::run(&store, &[SHARD]).expect("it can be written");
    });
}

/// The wake-ups by their times, and how many of them have their new keys.
fn wakes(store: &SqliteStore) -> (Vec<i64>, usize) {
    let found = scan_all(store, SHARD, vec![0x40]..vec![0x42]).expect("it can be read");
    let time = |key: &[u8]| match Key::decode(key) {
        Ok(OwnedKey::Wake(time, _)) => time.0,
        _ => i64::from_be_bytes(key[1..9].try_into().expect("eight bytes")) ^ i64::MIN,
    };
    let mut times: Vec<_> = found.iter().map(|(key, _)| time(key)).collect();
    times.sort_unstable();
    (times, found.iter().filter(|(key, _)| key[0] == 0x41).count())
}

#[test]
fn a_kill_in_the_middle_of_the_upgrade_loses_nothing() {
    let folder = Folder::new("killed-upgrade");
    let path = folder.file("data.db");
    write(&path, 5, &[HISTORY, LISTS_WITHOUT_MEMOS, OLD_ATTRIBUTES, LOG]);
    let mut connection = Connection::open(&path).unwrap();
    let transaction = connection.transaction().unwrap();
    transaction.execute("DELETE FROM pair WHERE key > x'40' AND key < x'41'", []).unwrap();
    for number in 0..WAKES {
        let key = [&b"\x40\x80\0\0"[..], &number.to_be_bytes()[3..], &[7; 16]].concat();
        transaction.execute("INSERT INTO pair VALUES (?1, ?2, x'')", params![SHARD.0, key]).unwrap();
    }
    transaction.commit().unwrap();
    connection.close().unwrap();
    let mut seen = Vec::new();
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "rewrites_keys_until_it_is_killed"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut numbers = lines.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok());
        // The first two are killed while the tables are being brought up to date, or before.
        if round >= 2 {
            numbers.any(|rewritten| rewritten >= WAKES * (round - 1) / 8);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Every other time the next process is the one that finds what was left.
        if round % 2 == 1 {
            let (times, rewritten) = wakes(&open(&path).unwrap());
            assert!(times.iter().copied().eq(0..WAKES as i64), "each is there once");
            seen.push(rewritten);
        }
    }
    let store = open(&path).unwrap();
    upgrade::run(&store, &[SHARD]).unwrap();
    let (times, rewritten) = wakes(&store);
    assert!(times.iter().copied().eq(0..WAKES as i64), "{seen:?} were seen");
    assert_eq!(rewritten, WAKES as usize);
}
