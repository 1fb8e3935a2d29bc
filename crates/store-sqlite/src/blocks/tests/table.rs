//! A generated table: rows as they come from a server, in the table and in the engine in memory.

use std::{collections::BTreeMap, sync::Arc};

use model::{Entropy, Epoch, NamespaceId, RunId, ShardId, Time, search_attribute::Datetime};
use proto::temporal::api::enums::v1::{IndexedValueType, WorkflowExecutionStatus};
use rusqlite::Connection;
use store::{
    Batch, Change, MemoryStore, Shards as _,
    visibility::{Row, Value},
};
use uuid::Uuid;

use crate::{
    blocks::Tails,
    rows::Changes,
    schema::{BLOCKS, VISIBILITY},
};

pub(super) const HERE: NamespaceId = NamespaceId(Uuid::from_u128(1));
pub(super) const ELSEWHERE: NamespaceId = NamespaceId(Uuid::from_u128(2));
pub(super) const START: i64 = 1_700_000_000_000_000_000;
const SHARD: ShardId = ShardId(0);

/// The custom attributes that rows have.
pub(super) const CUSTOM: [(&str, IndexedValueType); 8] = [
    ("Bool", IndexedValueType::Bool),
    ("Datetime", IndexedValueType::Datetime),
    ("Double", IndexedValueType::Double),
    ("Int", IndexedValueType::Int),
    ("Customer", IndexedValueType::Keyword),
    ("Region", IndexedValueType::Keyword),
    ("Tags", IndexedValueType::KeywordList),
    ("Note", IndexedValueType::Text),
];

/// Rows in both engines.
pub(super) struct Table {
    pub(super) connection: Connection,
    pub(super) memory: MemoryStore,
    epoch: Epoch,
    tails: Tails,
    draw: Entropy,
    /// All rows of the one namespace.
    pub(super) rows: BTreeMap<RunId, Row>,
    /// Rows that were ever made.
    made: u64,
}

impl Table {
    pub(super) fn new(seed: u128) -> Self {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(VISIBILITY).unwrap();
        connection.execute_batch(BLOCKS).unwrap();
        connection.set_prepared_statement_cache_capacity(64);
        let memory = MemoryStore::new();
        let epoch = memory.acquire(SHARD).unwrap();
        let draw = Entropy::new(seed);
        Self { connection, memory, epoch, tails: Tails::default(), draw, rows: BTreeMap::new(), made: 0 }
    }

    /// A table of so many runs that were started, of which most have ended and some were deleted.
    pub(super) fn grown(seed: u128, number: u64) -> Self {
        let mut table = Self::new(seed);
        while table.made < number {
            table.step();
        }
        table
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        (self.draw.fraction() * bound as f64) as u64
    }

    fn pick<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize].clone()
    }

    /// Some runs start, some end, few change or go; all in one transaction.
    pub(super) fn step(&mut self) {
        let mut changes = Vec::new();
        for _ in 0..1 + self.below(200) {
            let row = self.row();
            changes.push(Change::Show(Box::new(row)));
        }
        let open: Vec<RunId> =
            self.rows.values().filter(|row| row.close_time.is_none()).map(|row| row.run_id).collect();
        for run in open {
            let row = match self.below(8) {
                0 | 1 => self.closed(run),
                2 => self.changed(run),
                _ => continue,
            };
            changes.push(Change::Show(Box::new(row)));
        }
        let any: Vec<RunId> = self.rows.keys().copied().collect();
        for _ in 0..self.below(10).min(any.len() as u64) {
            let run_id = self.pick(&any);
            changes.push(Change::Hide { run_id });
        }
        self.apply(changes);
    }

    pub(super) fn apply(&mut self, changes: Vec<Change>) {
        for change in &changes {
            match change {
                Change::Show(row) if row.namespace == HERE => drop(self.rows.insert(row.run_id, Row::clone(row))),
                Change::Hide { run_id } => drop(self.rows.remove(run_id)),
                _ => {}
            }
        }
        let transaction = self.connection.transaction().unwrap();
        let mut writes = Changes::of(&transaction, &mut self.tails).unwrap();
        for change in &changes {
            match change {
                Change::Show(row) => writes.show(Row::clone(row)).unwrap(),
                Change::Hide { run_id } => writes.hide(*run_id).unwrap(),
                Change::Put { .. } | Change::Delete { .. } | Change::DeletePrefix { .. } => {}
            }
        }
        writes.finish().unwrap();
        transaction.commit().unwrap();
        assert_eq!(self.memory.commit(&[(SHARD, self.epoch, Arc::new(Batch { changes }))]), [Ok(())]);
    }

    /// As after a restart: what was kept in memory is not there.
    pub(super) fn forget(&mut self) {
        self.tails.clear();
    }

    /// A new row; every tenth is in another namespace.
    fn row(&mut self) -> Row {
        self.made += 1;
        let number = self.made;
        let start = START + number as i64 * 1_000_000 + self.below(500_000) as i64;
        let run_id = RunId(Uuid::from_u64_pair(start as u64, number));
        let workflow_id = match self.below(20) {
            0 => "again".to_owned(),
            _ => format!("{:08x}-order", number.wrapping_mul(0x9e37_79b9) as u32),
        };
        let is_child = self.below(10) == 0;
        let parent = (self.below(50), self.below(50));
        let (root_workflow_id, root_run_id) = match is_child {
            true => (format!("root-{}", parent.0), format!("run-{}", parent.1)),
            false => (workflow_id.clone(), run_id.to_string()),
        };
        let delay = if self.below(15) == 0 { self.below(1_000_000_000) as i64 } else { 0 };
        Row {
            namespace: if self.below(10) == 0 { ELSEWHERE } else { HERE },
            run_id,
            workflow_id,
            workflow_type: if number % 997 == 5 { "Rare".to_owned() } else { format!("Type{}", self.below(5)) },
            task_queue: match self.below(1_000) {
                0 => "rare-queue".to_owned(),
                other => format!("queue-{}", other % 40),
            },
            status: WorkflowExecutionStatus::Running,
            start_time: Time(start),
            execution_time: Time(start + delay),
            close_time: None,
            history_length: 0,
            history_size: 0,
            state_transitions: 0,
            parent_workflow_id: is_child.then(|| format!("parent-{}", parent.0)),
            parent_run_id: is_child.then(|| format!("run-{}", parent.1)),
            root_workflow_id,
            root_run_id,
            has_memo: number.is_multiple_of(2),
            search_attributes: self.attributes(),
        }
    }

    fn attributes(&mut self) -> BTreeMap<String, Value> {
        let mut attributes = BTreeMap::new();
        for (name, _) in CUSTOM {
            if self.below(3) > 0 {
                let value = self.value(name);
                attributes.insert(name.to_owned(), value);
            }
        }
        if self.below(100) == 0 {
            attributes.insert("TemporalNamespaceDivision".to_owned(), Value::Keyword("system".into()));
        }
        attributes
    }

    fn value(&mut self, name: &str) -> Value {
        // An attribute that was once of another type.
        if name == "Region" && self.below(20) == 0 {
            return Value::Int(self.below(10) as i64);
        }
        match name {
            "Bool" => Value::Bool(self.below(30) > 0),
            "Datetime" => match self.below(8) {
                // Beyond what a column of numbers holds.
                0 => Value::Datetime(Datetime::from_parts((i128::from(i64::MAX) + 1) * self.below(4) as i128, 3_600)),
                _ => Value::Datetime(Time(START + self.below(1_000_000) as i64 * 1_000).into()),
            },
            "Double" => Value::Double(self.below(10_000) as f64 / 8.0),
            "Int" => Value::Int(self.below(5_000) as i64 - 100),
            "Customer" => Value::Keyword(format!("customer-{}", self.below(3_000))),
            "Region" => Value::Keyword(self.pick(&["eu", "us", "asia", ""]).to_owned()),
            "Tags" => {
                let number = self.below(4);
                Value::KeywordList((0..number).map(|_| format!("tag-{}", self.below(200))).collect())
            }
            _ => {
                let words: Vec<_> = (0..self.below(5)).map(|_| format!("Word{}", self.below(800))).collect();
                Value::Text(words.join(if self.below(2) == 0 { " " } else { ", " }))
            }
        }
    }

    fn closed(&mut self, run: RunId) -> Row {
        let mut row = self.rows[&run].clone();
        let end = START + self.made as i64 * 1_000_000;
        row.close_time = Some(Time(end.max(row.start_time.0) + self.below(3_000_000) as i64));
        row.status = match self.below(40) {
            0 => WorkflowExecutionStatus::Failed,
            1 => WorkflowExecutionStatus::TimedOut,
            _ => WorkflowExecutionStatus::Completed,
        };
        row.history_length = 5 + self.below(300) as i64;
        row.history_size = 1_000 + self.below(100_000) as i64;
        row.state_transitions = 3 + self.below(100) as i64;
        row
    }

    fn changed(&mut self, run: RunId) -> Row {
        let mut row = self.rows[&run].clone();
        row.search_attributes = self.attributes();
        row
    }
}
