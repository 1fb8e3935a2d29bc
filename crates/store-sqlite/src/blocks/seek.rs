//! Runs that an index finds, where a part of a filter that must hold selects few.
//!
//! What is given may hold more than the filter selects, never less: each row is looked at afterwards.

use std::{collections::BTreeSet, ops::Bound};

use rusqlite::params;
use store::visibility::{Comparison, Filter, Operand};
use uuid::Uuid;

use super::{
    read::Source,
    truth::{self, Spans},
};
use crate::readers::Read;

/// Conjuncts that are tried.
const TRIED: usize = 8;

/// Ids of runs.
type Runs = BTreeSet<[u8; 16]>;

/// The runs among which are all that the filter selects, if an index gives at most so many; `None` where none does.
pub(super) fn runs(source: &Source<'_>, filter: &Filter, most: usize) -> Read<Option<Runs>> {
    match filter {
        Filter::And(all) => {
            for part in all.iter().take(TRIED) {
                if let Some(found) = runs(source, part, most)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        }
        Filter::Or(all) => {
            let mut found = Runs::new();
            for part in all {
                match runs(source, part, most)? {
                    Some(more) if found.len() + more.len() <= most => found.extend(more),
                    _ => return Ok(None),
                }
            }
            Ok(Some(found))
        }
        Filter::Not(_) | Filter::IsNull { .. } => Ok(None),
        Filter::Mentions { attribute, phrases, negated: false } => {
            let mut found = Runs::new();
            for phrase in phrases.words() {
                match words(source, &attribute.name, phrase, most)? {
                    Some(more) if found.len() + more.len() <= most => found.extend(more),
                    _ => return Ok(None),
                }
            }
            Ok(Some(found))
        }
        Filter::Contains { attribute, any_of, negated: false } => {
            keywords(source, &attribute.name, &any_of.iter().map(|item| Span::point(item)).collect::<Vec<_>>(), most)
        }
        Filter::Contains { .. } | Filter::Mentions { .. } => Ok(None),
        Filter::Compare { attribute, .. }
        | Filter::Between { attribute, .. }
        | Filter::In { attribute, .. }
        | Filter::StartsWith { attribute, .. } => scalar(source, filter, &attribute.name, most),
    }
}

fn scalar(source: &Source<'_>, leaf: &Filter, name: &str, most: usize) -> Read<Option<Runs>> {
    if name == "RunId" {
        return Ok(ids(leaf).filter(|ids| ids.len() <= most));
    }
    let Some(spans) = spans(leaf) else { return Ok(None) };
    match name {
        "WorkflowId" => workflows(source, &spans, most),
        // A run that is its own root has no entry.
        "RootWorkflowId" => {
            let own = workflows(source, &spans, most)?;
            let others = keywords(source, name, &spans, most)?;
            Ok(own.zip(others).map(|(own, others)| &own | &others))
        }
        "RootRunId" => {
            let others = keywords(source, name, &spans, most)?;
            Ok(ids(leaf).zip(others).map(|(own, others)| &own | &others))
        }
        "WorkflowType" | "TaskQueue" => Ok(None),
        _ => keywords(source, name, &spans, most),
    }
}

/// Texts from one on, up to an end.
#[derive(Clone, Copy)]
struct Span<'f> {
    low: Bound<&'f str>,
    end: End<'f>,
}

#[derive(Clone, Copy)]
enum End<'f> {
    High(Bound<&'f str>),
    /// Behind the last text that begins so.
    Prefix(&'f str),
}

impl<'f> Span<'f> {
    fn point(text: &'f str) -> Self {
        Self { low: Bound::Included(text), end: End::High(Bound::Included(text)) }
    }

    /// Before which texts nothing of it is.
    fn start(&self) -> &'f str {
        match self.low {
            Bound::Included(low) | Bound::Excluded(low) => low,
            Bound::Unbounded => "",
        }
    }

    fn is_past(&self, text: &[u8]) -> bool {
        match self.end {
            End::High(Bound::Included(high)) => text > high.as_bytes(),
            End::High(Bound::Excluded(high)) => text >= high.as_bytes(),
            End::High(Bound::Unbounded) => false,
            End::Prefix(prefix) => !text.starts_with(prefix.as_bytes()),
        }
    }
}

/// The ranges of keywords for which a condition may hold; `None` where it holds outside of some, or is not about keywords.
fn spans(leaf: &Filter) -> Option<Vec<Span<'_>>> {
    if let Filter::StartsWith { prefix, negated, .. } = leaf {
        let span = Span { low: Bound::Included(prefix.as_str()), end: End::Prefix(prefix) };
        return (!negated).then(|| vec![span]);
    }
    match truth::spans(leaf, truth::text) {
        Some(Spans { spans, negated: false }) => {
            Some(spans.into_iter().map(|(low, high)| Span { low, end: End::High(high) }).collect())
        }
        _ => None,
    }
}

/// The runs that a condition on run ids names.
fn ids(leaf: &Filter) -> Option<Runs> {
    let id = |operand: &Operand| match operand {
        // Other spellings of an id are not the id as it is compared.
        Operand::Text(text) => Uuid::parse_str(text).ok().filter(|id| id.to_string() == *text).map(Uuid::into_bytes),
        Operand::Int(_) | Operand::Double(_) | Operand::Bool(_) | Operand::Datetime(_) => None,
    };
    match leaf {
        Filter::Compare { comparison: Comparison::Equal, value, .. } => Some(id(value).into_iter().collect()),
        Filter::In { values, negated: false, .. } => Some(values.iter().filter_map(id).collect()),
        _ => None,
    }
}

pub(super) const WORKFLOWS: &str = "SELECT run, workflow_id FROM visibility INDEXED BY visibility_workflow \
    WHERE namespace = ?1 AND workflow_id >= ?2 ORDER BY workflow_id";

pub(super) const KEYWORDS: &str =
    "SELECT run, value FROM keyword WHERE namespace = ?1 AND name = ?2 AND value >= ?3 ORDER BY value";

fn workflows(source: &Source<'_>, spans: &[Span<'_>], most: usize) -> Read<Option<Runs>> {
    let mut found = Runs::new();
    for span in spans {
        let mut statement = source.connection.prepare_cached(WORKFLOWS)?;
        let entries = statement.query(params![source.namespace, span.start()])?;
        if !scan(source, entries, span, most, &mut found)? {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

fn keywords(source: &Source<'_>, name: &str, spans: &[Span<'_>], most: usize) -> Read<Option<Runs>> {
    let mut found = Runs::new();
    for span in spans {
        let mut statement = source.connection.prepare_cached(KEYWORDS)?;
        let entries = statement.query(params![source.namespace, name, span.start()])?;
        if !scan(source, entries, span, most, &mut found)? {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// The runs whose texts have all these words, by the first of the words that is in few.
fn words(source: &Source<'_>, name: &str, words: &[String], most: usize) -> Read<Option<Runs>> {
    if words.is_empty() {
        // Nothing has none of no words.
        return Ok(Some(Runs::new()));
    }
    for word in words.iter().take(TRIED) {
        if let Some(found) = keywords(source, name, &[Span::point(word)], most)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Takes the runs of a range from an index; whether they are few enough.
fn scan(
    source: &Source<'_>,
    mut entries: rusqlite::Rows<'_>,
    span: &Span<'_>,
    most: usize,
    found: &mut Runs,
) -> Read<bool> {
    let mut seen = 0;
    let is_whole = loop {
        let Some(entry) = entries.next()? else { break true };
        let text = entry.get_ref(1)?.as_bytes().unwrap_or_default();
        if span.is_past(text) {
            break true;
        }
        seen += 1;
        if seen > most || found.len() >= most {
            break false;
        }
        if span.low != Bound::Excluded(std::str::from_utf8(text).unwrap_or_default()) {
            found.insert(entry.get(0)?);
        }
    };
    source.count_entries(seen);
    Ok(is_whole)
}
