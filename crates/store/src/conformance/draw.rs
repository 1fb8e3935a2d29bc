//! Rows and filters drawn from a seed. Values are few, so that filters hit some rows and miss others.

use std::collections::BTreeMap;

use model::{Entropy, NamespaceId, RunId, Time, search_attribute::Datetime};
use proto::temporal::api::enums::v1::{IndexedValueType, WorkflowExecutionStatus};
use uuid::Uuid;

use crate::visibility::{Attribute, Comparison, Filter, Operand, Phrases, Row, Value};

const KEYWORDS: [&str; 6] = ["", "alpha", "Alpha", "beta%", "é_1", "beta%2"];
const TEXTS: [&str; 4] = ["The quick brown Fox", "a brown-fox", "", "ÉTÉ 2024!"];
const PHRASES: [&str; 5] = ["fox", "quick cat", "brown-fox", "été", "!!"];

/// One seed's draws.
pub(super) struct Draw(Entropy);

impl Draw {
    pub(super) fn new(seed: u128) -> Self {
        Self(Entropy::new(seed))
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.0.fraction() * bound as f64) as usize
    }

    fn pick<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())].clone()
    }

    fn often(&mut self) -> bool {
        self.below(3) > 0
    }

    fn keyword(&mut self) -> String {
        self.pick(&KEYWORDS).to_owned()
    }

    fn int(&mut self) -> i64 {
        self.pick(&[i64::MIN, -1, 0, 1, 2, 1 << 60])
    }

    fn double(&mut self) -> f64 {
        self.pick(&[-1.5, 0.0, 1.0, 1.25, 1e300])
    }

    fn time(&mut self) -> Time {
        Time(self.pick(&[1_700_000_000_000_000_000_i64, 1_700_000_000_000_000_001, 1_700_000_100_000_000_000]))
    }

    /// One of few instants in one of two zones, some beyond what a `Time` holds.
    fn datetime(&mut self) -> Datetime {
        let far = i128::from(i64::MAX) + 1;
        let nanos = self.pick(&[1_700_000_000_000_000_000, 1_700_000_000_000_000_001, -far - 1, far, far + 1, 2 * far]);
        Datetime::from_parts(nanos, self.pick(&[0, 3_600]))
    }

    /// A row of `namespace`; the number makes its run id, so rows of different numbers differ.
    pub(super) fn row(&mut self, namespace: NamespaceId, number: u64) -> Row {
        let start_time = self.time();
        let closed = self.often();
        let status = match closed {
            false => WorkflowExecutionStatus::Running,
            true => self.pick(&[
                WorkflowExecutionStatus::Completed,
                WorkflowExecutionStatus::Failed,
                WorkflowExecutionStatus::TimedOut,
            ]),
        };
        let child = !self.often();
        Row {
            namespace,
            run_id: RunId(Uuid::from_u64_pair(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number)),
            workflow_id: self.keyword(),
            workflow_type: self.keyword(),
            task_queue: self.keyword(),
            status,
            start_time,
            execution_time: self.time(),
            close_time: closed.then(|| self.time()),
            history_length: self.int(),
            history_size: self.int(),
            state_transitions: self.int(),
            parent_workflow_id: child.then(|| self.keyword()),
            parent_run_id: child.then(|| self.keyword()),
            root_workflow_id: self.keyword(),
            root_run_id: self.keyword(),
            has_memo: self.often(),
            search_attributes: self.attributes(),
        }
    }

    fn attributes(&mut self) -> BTreeMap<String, Value> {
        let mut attributes = BTreeMap::new();
        for (name, kind) in CUSTOM {
            if self.often() {
                // Some were set while the attribute had another type.
                let kind = if self.below(6) == 0 { self.pick(&CUSTOM).1 } else { kind };
                attributes.insert(name.to_owned(), self.value(kind));
            }
        }
        if self.below(5) == 0 {
            let division = Value::Keyword(self.keyword());
            attributes.insert("TemporalNamespaceDivision".to_owned(), division);
        }
        attributes
    }

    fn value(&mut self, kind: IndexedValueType) -> Value {
        match kind {
            IndexedValueType::Text => Value::Text(self.pick(&TEXTS).to_owned()),
            IndexedValueType::Int => Value::Int(self.int()),
            IndexedValueType::Double => Value::Double(self.double()),
            IndexedValueType::Bool => Value::Bool(self.often()),
            IndexedValueType::Datetime => Value::Datetime(self.datetime()),
            IndexedValueType::KeywordList => Value::KeywordList((0..self.below(4)).map(|_| self.keyword()).collect()),
            IndexedValueType::Keyword | IndexedValueType::Unspecified => Value::Keyword(self.keyword()),
        }
    }

    /// A filter whose nodes are at most `depth` deep.
    pub(super) fn filter(&mut self, depth: usize) -> Filter {
        if depth > 0 && self.often() {
            let number = 1 + self.below(4);
            let parts = (0..number).map(|_| self.filter(depth - 1)).collect();
            return match self.below(3) {
                0 => Filter::And(parts),
                1 => Filter::Or(parts),
                _ => Filter::Not(Box::new(Filter::Or(parts))),
            };
        }
        let (name, kind) = match self.often() {
            true => self.pick(&SYSTEM),
            false => self.pick(&CUSTOM),
        };
        let attribute = Attribute { name: name.to_owned(), kind };
        let negated = self.often();
        if self.below(6) == 0 {
            return Filter::IsNull { attribute, negated };
        }
        match kind {
            IndexedValueType::Text => Filter::Mentions { attribute, phrases: self.phrases(), negated },
            IndexedValueType::KeywordList => {
                Filter::Contains { attribute, any_of: (0..=self.below(2)).map(|_| self.keyword()).collect(), negated }
            }
            _ => self.scalar(attribute, negated),
        }
    }

    fn phrases(&mut self) -> Phrases {
        let text = self.pick(&PHRASES);
        match Phrases::parse(text) {
            Some(phrases) => phrases,
            None => panic!("\"{text}\" has no phrases"),
        }
    }

    fn scalar(&mut self, attribute: Attribute, negated: bool) -> Filter {
        let is_keyword = attribute.kind == IndexedValueType::Keyword && attribute.name != "ExecutionStatus";
        match self.below(5) {
            0 => Filter::Between { low: self.operand(&attribute), high: self.operand(&attribute), attribute, negated },
            1 => Filter::In {
                values: (0..=self.below(3)).map(|_| self.operand(&attribute)).collect(),
                attribute,
                negated,
            },
            2 if is_keyword => Filter::StartsWith {
                attribute,
                prefix: self.pick(&["", "a", "Al", "beta%", "é", "x"]).to_owned(),
                negated,
            },
            _ => Filter::Compare {
                comparison: self.pick(&[
                    Comparison::Equal,
                    Comparison::Equal,
                    Comparison::NotEqual,
                    Comparison::Less,
                    Comparison::LessOrEqual,
                    Comparison::Greater,
                    Comparison::GreaterOrEqual,
                ]),
                value: self.operand(&attribute),
                attribute,
            },
        }
    }

    fn operand(&mut self, attribute: &Attribute) -> Operand {
        match attribute.kind {
            _ if attribute.name == "ExecutionStatus" => Operand::Int(self.pick(&[0, 1, 2, 3, 7])),
            IndexedValueType::Int | IndexedValueType::Double if self.often() => Operand::Int(self.int()),
            IndexedValueType::Int | IndexedValueType::Double => Operand::Double(self.double()),
            IndexedValueType::Bool => Operand::Bool(self.often()),
            IndexedValueType::Datetime => Operand::Datetime(self.datetime()),
            _ => Operand::Text(self.keyword()),
        }
    }
}

const CUSTOM: [(&str, IndexedValueType); 7] = [
    ("CBool", IndexedValueType::Bool),
    ("CDatetime", IndexedValueType::Datetime),
    ("CDouble", IndexedValueType::Double),
    ("CInt", IndexedValueType::Int),
    ("CKeyword", IndexedValueType::Keyword),
    ("CList", IndexedValueType::KeywordList),
    ("CText", IndexedValueType::Text),
];

const SYSTEM: [(&str, IndexedValueType); 17] = [
    ("WorkflowId", IndexedValueType::Keyword),
    ("RunId", IndexedValueType::Keyword),
    ("WorkflowType", IndexedValueType::Keyword),
    ("TaskQueue", IndexedValueType::Keyword),
    ("ExecutionStatus", IndexedValueType::Keyword),
    ("StartTime", IndexedValueType::Datetime),
    ("ExecutionTime", IndexedValueType::Datetime),
    ("CloseTime", IndexedValueType::Datetime),
    ("ExecutionDuration", IndexedValueType::Int),
    ("HistoryLength", IndexedValueType::Int),
    ("HistorySizeBytes", IndexedValueType::Int),
    ("StateTransitionCount", IndexedValueType::Int),
    ("ParentWorkflowId", IndexedValueType::Keyword),
    ("ParentRunId", IndexedValueType::Keyword),
    ("RootWorkflowId", IndexedValueType::Keyword),
    ("RootRunId", IndexedValueType::Keyword),
    ("TemporalNamespaceDivision", IndexedValueType::Keyword),
];
