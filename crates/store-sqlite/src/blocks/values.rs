//! The values of one attribute in the rows of a block, as they are gathered before they are encoded.

use std::{collections::BTreeMap, sync::Arc};

use proto::temporal::api::enums::v1::IndexedValueType;
use store::visibility::{Row, Value};

/// What an attribute is called and of which type its values are: a block has a column for each such pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) attribute: String,
    pub(super) kind: Kind,
}

/// The type of a column's values; the numbers stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Int = 1,
    Double = 2,
    Bool = 3,
    Datetime = 4,
    Keyword = 5,
    Text = 6,
    List = 7,
    /// The ids of the runs: sixteen bytes each.
    Run = 8,
    /// Times beyond the years 1677 to 2262: their nanoseconds as texts, which are in no order.
    Far = 9,
}

impl Kind {
    pub(super) const ALL: [Kind; 9] = [
        Kind::Int,
        Kind::Double,
        Kind::Bool,
        Kind::Datetime,
        Kind::Keyword,
        Kind::Text,
        Kind::List,
        Kind::Run,
        Kind::Far,
    ];

    pub(super) fn of_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == number)
    }

    /// The type of the attributes whose values stand in such a column.
    pub(super) fn attribute(self) -> IndexedValueType {
        match self {
            Kind::Int => IndexedValueType::Int,
            Kind::Double => IndexedValueType::Double,
            Kind::Bool => IndexedValueType::Bool,
            Kind::Datetime | Kind::Far => IndexedValueType::Datetime,
            Kind::Keyword | Kind::Run => IndexedValueType::Keyword,
            Kind::Text => IndexedValueType::Text,
            Kind::List => IndexedValueType::KeywordList,
        }
    }
}

/// One value for each slot; none where the attribute is not set, or the slot has no row any more.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    /// Numbers, booleans and times.
    Ints(Vec<Option<i64>>),
    Doubles(Vec<Option<f64>>),
    Texts(Vec<Option<Arc<str>>>),
    Lists(Vec<Option<Vec<Arc<str>>>>),
    Runs(Vec<Option<[u8; 16]>>),
}

impl Values {
    /// No value in `rows` slots.
    pub(super) fn empty(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Int | Kind::Bool | Kind::Datetime => Self::Ints(vec![None; rows]),
            Kind::Double => Self::Doubles(vec![None; rows]),
            Kind::Keyword | Kind::Text | Kind::Far => Self::Texts(vec![None; rows]),
            Kind::List => Self::Lists(vec![None; rows]),
            Kind::Run => Self::Runs(vec![None; rows]),
        }
    }

    fn put(&mut self, slot: usize, value: &Value) {
        let text = |text: &String| Arc::<str>::from(text.as_str());
        match (self, value) {
            (Self::Ints(values), Value::Int(value)) => values[slot] = Some(*value),
            (Self::Ints(values), Value::Bool(value)) => values[slot] = Some(i64::from(*value)),
            (Self::Ints(values), Value::Datetime(time)) => values[slot] = time.time().map(|time| time.0),
            (Self::Texts(values), Value::Datetime(time)) => values[slot] = Some(text(&time.nanos().to_string())),
            (Self::Doubles(values), Value::Double(value)) => values[slot] = Some(*value),
            (Self::Texts(values), Value::Keyword(value) | Value::Text(value)) => values[slot] = Some(text(value)),
            (Self::Lists(values), Value::KeywordList(items)) => {
                values[slot] = Some(items.iter().map(text).collect());
            }
            _ => debug_assert!(false, "a value stands in the column of its type"),
        }
    }

    /// Appends the values of a block that follows.
    pub(super) fn append(&mut self, other: Values) {
        match (self, other) {
            (Self::Ints(values), Self::Ints(more)) => values.extend(more),
            (Self::Doubles(values), Self::Doubles(more)) => values.extend(more),
            (Self::Texts(values), Self::Texts(more)) => values.extend(more),
            (Self::Lists(values), Self::Lists(more)) => values.extend(more),
            (Self::Runs(values), Self::Runs(more)) => values.extend(more),
            _ => debug_assert!(false, "columns of one name are of one type"),
        }
    }
}

fn kind_of(value: &Value) -> Kind {
    match value {
        Value::Text(_) => Kind::Text,
        Value::Keyword(_) => Kind::Keyword,
        Value::Int(_) => Kind::Int,
        Value::Double(_) => Kind::Double,
        Value::Bool(_) => Kind::Bool,
        Value::Datetime(time) if time.time().is_none() => Kind::Far,
        Value::Datetime(_) => Kind::Datetime,
        Value::KeywordList(_) => Kind::List,
    }
}

/// The texts, of which one that follows itself is there once.
fn shared<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> Vec<Option<Arc<str>>> {
    let mut last: Option<Arc<str>> = None;
    let mut share = |text: &str| match &last {
        Some(last) if **last == *text => last.clone(),
        _ => last.insert(Arc::from(text)).clone(),
    };
    texts.map(|text| text.map(&mut share)).collect()
}

/// The columns of these rows; a slot without one has no value in any.
pub(super) fn columns(rows: &[Option<Row>]) -> BTreeMap<Name, Values> {
    let mut columns = BTreeMap::new();
    let mut put = |name: &str, kind, values| drop(columns.insert(Name { attribute: name.to_owned(), kind }, values));
    let ints = |value: fn(&Row) -> Option<i64>| Values::Ints(rows.iter().map(|row| value(row.as_ref()?)).collect());
    put("StartTime", Kind::Datetime, ints(|row| Some(row.start_time.0)));
    put("ExecutionTime", Kind::Datetime, ints(|row| Some(row.execution_time.0)));
    put("CloseTime", Kind::Datetime, ints(|row| Some(row.close_time?.0)));
    put("ExecutionStatus", Kind::Int, ints(|row| Some(i64::from(row.status as i32))));
    put("ExecutionDuration", Kind::Int, ints(Row::execution_duration));
    put("HistoryLength", Kind::Int, ints(|row| row.close_time.map(|_| row.history_length)));
    put("HistorySizeBytes", Kind::Int, ints(|row| row.close_time.map(|_| row.history_size)));
    put("StateTransitionCount", Kind::Int, ints(|row| row.close_time.map(|_| row.state_transitions)));
    let texts = |value: fn(&Row) -> Option<&str>| Values::Texts(shared(rows.iter().map(|row| value(row.as_ref()?))));
    let workflow_ids = texts(|row| Some(&row.workflow_id));
    let is_root = |row: &Row| row.root_workflow_id == row.workflow_id;
    // Most runs are their own roots, and equal texts that are shared are told at once.
    let roots = match rows.iter().flatten().all(is_root) {
        true => workflow_ids.clone(),
        false => texts(|row| Some(&row.root_workflow_id)),
    };
    put("RootWorkflowId", Kind::Keyword, roots);
    put("WorkflowId", Kind::Keyword, workflow_ids);
    put("WorkflowType", Kind::Keyword, texts(|row| Some(&row.workflow_type)));
    put("TaskQueue", Kind::Keyword, texts(|row| Some(&row.task_queue)));
    put("ParentWorkflowId", Kind::Keyword, texts(|row| row.parent_workflow_id.as_deref()));
    put("ParentRunId", Kind::Keyword, texts(|row| row.parent_run_id.as_deref()));
    put("RootRunId", Kind::Keyword, texts(|row| Some(&row.root_run_id)));
    let runs = rows.iter().map(|row| row.as_ref().map(|row| *row.run_id.as_bytes())).collect();
    put("RunId", Kind::Run, Values::Runs(runs));
    for (slot, row) in rows.iter().enumerate() {
        for (name, value) in row.iter().flat_map(|row| &row.search_attributes) {
            let kind = kind_of(value);
            let name = Name { attribute: name.clone(), kind };
            columns.entry(name).or_insert_with(|| Values::empty(kind, rows.len())).put(slot, value);
        }
    }
    columns
}

impl Values {
    /// Whether no slot has a value.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Ints(values) => values.iter().all(Option::is_none),
            Self::Doubles(values) => values.iter().all(Option::is_none),
            Self::Texts(values) => values.iter().all(Option::is_none),
            Self::Lists(values) => values.iter().all(Option::is_none),
            Self::Runs(values) => values.iter().all(Option::is_none),
        }
    }

    /// Whether each slot has one.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Ints(values) => values.iter().all(Option::is_some),
            Self::Doubles(values) => values.iter().all(Option::is_some),
            Self::Texts(values) => values.iter().all(Option::is_some),
            Self::Lists(values) => values.iter().all(Option::is_some),
            Self::Runs(values) => values.iter().all(Option::is_some),
        }
    }
}

impl Values {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Doubles(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Lists(values) => values.len(),
            Self::Runs(values) => values.len(),
        }
    }
}
