//! A filter as SQL, with every value bound.
//!
//! Columns and search attributes are null where the contract says so, and SQL's own logic of three values does the rest:
//! the text follows the tree, node by node.

use rusqlite::{ToSql, types::Value as Cell};
use store::visibility::{Comparison, Filter, Operand};
use uuid::Uuid;

use crate::rows::{DIVISION, OPEN};

/// A piece of SQL and what is bound to its question marks, in order.
#[derive(Debug, Default)]
pub(crate) struct Clause {
    pub(crate) text: String,
    pub(crate) values: Vec<Cell>,
}

impl Clause {
    pub(crate) fn of(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub(crate) fn bind(&mut self, values: impl IntoIterator<Item = Cell>) {
        self.values.extend(values);
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn and(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.push(" AND ");
        }
        self.push(text);
    }

    pub(crate) fn and_all(&mut self, other: &Clause) {
        if !other.text.is_empty() {
            self.and(&other.text);
            self.bind(other.values.iter().cloned());
        }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &dyn ToSql> {
        self.values.iter().map(|value| value as &dyn ToSql)
    }

    fn append(&mut self, other: Clause) {
        self.push(&other.text);
        self.values.extend(other.values);
    }
}

/// A condition that is true for the rows the filter selects.
pub(crate) fn filter(filter: &Filter) -> Clause {
    let mut clause = Clause::default();
    node(&mut clause, filter);
    narrow(&mut clause, filter);
    clause
}

fn node(clause: &mut Clause, filter: &Filter) {
    match filter {
        Filter::And(all) => join(clause, all, " AND ", "1"),
        Filter::Or(all) => join(clause, all, " OR ", "0"),
        Filter::Not(inner) => {
            clause.push("(NOT ");
            node(clause, inner);
            clause.push(")");
        }
        Filter::Compare { .. } | Filter::Between { .. } | Filter::In { .. } | Filter::StartsWith { .. } => {
            scalar(clause, filter);
        }
        Filter::Contains { .. } | Filter::Mentions { .. } | Filter::IsNull { .. } => member(clause, filter),
    }
}

/// A condition on the value of an attribute.
fn scalar(clause: &mut Clause, filter: &Filter) {
    match filter {
        Filter::Compare { attribute, comparison, value } => {
            clause.append(column(&attribute.name));
            clause.push(sign(*comparison));
            clause.bind([cell(value)]);
        }
        Filter::Between { attribute, low, high, negated } => {
            clause.push("(");
            clause.append(column(&attribute.name));
            clause.push(if *negated { " NOT BETWEEN ? AND ?)" } else { " BETWEEN ? AND ?)" });
            clause.bind([cell(low), cell(high)]);
        }
        Filter::In { attribute, values, negated } => {
            clause.append(column(&attribute.name));
            clause.push(if *negated { " NOT IN " } else { " IN " });
            list(clause, values.iter().map(cell));
        }
        Filter::StartsWith { attribute, prefix, negated } => {
            clause.push(if *negated { "NOT starts_with(" } else { "starts_with(" });
            clause.append(column(&attribute.name));
            clause.push(", ?)");
            clause.bind([Cell::Text(prefix.clone())]);
        }
        Filter::And(_)
        | Filter::Or(_)
        | Filter::Not(_)
        | Filter::Contains { .. }
        | Filter::Mentions { .. }
        | Filter::IsNull { .. } => {}
    }
}

/// A condition on what an attribute holds, or that it is there.
fn member(clause: &mut Clause, filter: &Filter) {
    match filter {
        Filter::Contains { attribute, any_of, negated } => {
            clause.push(membership(*negated));
            clause.push("(SELECT run FROM item WHERE name = ? AND value IN ");
            clause.bind([Cell::Text(attribute.name.clone())]);
            list(clause, any_of.iter().cloned().map(Cell::Text));
            clause.push(")");
        }
        Filter::Mentions { attribute, phrases, negated } => {
            clause.push(membership(*negated));
            clause.push("(SELECT run FROM attribute WHERE name = ? AND mentions(value, ?))");
            clause.bind([Cell::Text(attribute.name.clone()), Cell::Text(phrases.to_text())]);
        }
        Filter::IsNull { attribute, negated } => {
            clause.append(column(&attribute.name));
            clause.push(if *negated { " IS NOT NULL" } else { " IS NULL" });
        }
        Filter::And(_)
        | Filter::Or(_)
        | Filter::Not(_)
        | Filter::Compare { .. }
        | Filter::Between { .. }
        | Filter::In { .. }
        | Filter::StartsWith { .. } => {}
    }
}

/// Joins conditions as a balanced tree: SQLite bounds the depth of an expression, not its length.
fn join(clause: &mut Clause, all: &[Filter], word: &str, none: &str) {
    match all {
        [] => clause.push(none),
        [one] => node(clause, one),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            clause.push("(");
            join(clause, left, word, none);
            clause.push(word);
            join(clause, right, word, none);
            clause.push(")");
        }
    }
}

fn membership(negated: bool) -> &'static str {
    if negated { "v.run NOT IN " } else { "v.run IN " }
}

fn list(clause: &mut Clause, values: impl Iterator<Item = Cell>) {
    let before = clause.values.len();
    clause.bind(values);
    let marks = vec!["?"; clause.values.len() - before];
    clause.push(&format!("({})", marks.join(", ")));
}

/// Says again, in a form that an index answers, what every selected row must satisfy anyway.
fn narrow(clause: &mut Clause, filter: &Filter) {
    match filter {
        Filter::And(all) => {
            for part in all {
                narrow(clause, part);
            }
        }
        Filter::Compare { attribute, comparison: Comparison::Equal, value } => {
            match (builtin(&attribute.name), value) {
                (Some(_), Operand::Text(text)) if attribute.name == "RunId" => match Uuid::parse_str(text) {
                    Ok(run) => {
                        clause.and("v.run = ?");
                        clause.bind([Cell::Blob(run.as_bytes().to_vec())]);
                    }
                    Err(_) => clause.and("0"),
                },
                (Some(_), _) => {}
                (None, _) => {
                    clause.and("v.run IN (SELECT run FROM attribute WHERE name = ? AND value = ?)");
                    clause.bind([Cell::Text(attribute.name.clone()), cell(value)]);
                }
            }
        }
        Filter::In { attribute, values, negated: false } if builtin(&attribute.name).is_none() => {
            clause.and("v.run IN (SELECT run FROM attribute WHERE name = ? AND value IN ");
            clause.bind([Cell::Text(attribute.name.clone())]);
            list(clause, values.iter().map(cell));
            clause.push(")");
        }
        Filter::Or(..)
        | Filter::Not(_)
        | Filter::Compare { .. }
        | Filter::Between { .. }
        | Filter::In { .. }
        | Filter::StartsWith { .. }
        | Filter::Contains { .. }
        | Filter::Mentions { .. }
        | Filter::IsNull { .. } => {}
    }
}

/// An attribute as an expression.
pub(crate) fn column(name: &str) -> Clause {
    match builtin(name) {
        Some(text) => Clause::of(&text),
        None => Clause { text: "attribute(v.attributes, ?)".into(), values: vec![Cell::Text(name.to_owned())] },
    }
}

/// The expression of an attribute that is a column.
fn builtin(name: &str) -> Option<String> {
    // What is only known at the end is null before it.
    let at_end = |text: &str| format!("iif(v.close_time < {}, {text}, NULL)", OPEN.0);
    Some(match name {
        "WorkflowId" => "v.workflow_id".into(),
        "RunId" => "run_text(v.run)".into(),
        "WorkflowType" => "v.workflow_type".into(),
        "TaskQueue" => "v.task_queue".into(),
        "ExecutionStatus" => "v.status".into(),
        "StartTime" => "v.start_time".into(),
        "ExecutionTime" => "v.execution_time".into(),
        "CloseTime" => at_end("v.close_time"),
        "ExecutionDuration" => at_end("v.close_time - v.execution_time"),
        "HistoryLength" => at_end("v.history_length"),
        "HistorySizeBytes" => at_end("v.history_size"),
        "StateTransitionCount" => at_end("v.state_transitions"),
        "ParentWorkflowId" => "v.parent_workflow_id".into(),
        "ParentRunId" => "v.parent_run_id".into(),
        "RootWorkflowId" => "v.root_workflow_id".into(),
        "RootRunId" => "v.root_run_id".into(),
        DIVISION => "v.division".into(),
        _ => return None,
    })
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => " = ?",
        Comparison::NotEqual => " <> ?",
        Comparison::Less => " < ?",
        Comparison::LessOrEqual => " <= ?",
        Comparison::Greater => " > ?",
        Comparison::GreaterOrEqual => " >= ?",
    }
}

fn cell(operand: &Operand) -> Cell {
    match operand {
        Operand::Text(text) => Cell::Text(text.clone()),
        Operand::Int(value) => Cell::Integer(*value),
        Operand::Double(value) => Cell::Real(*value),
        Operand::Bool(value) => Cell::Integer(i64::from(*value)),
        Operand::Datetime(time) => Cell::Integer(time.0),
    }
}
