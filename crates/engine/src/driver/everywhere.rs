//! Calls that every lane has to carry out, and their answers put together.

use std::collections::BTreeMap;

use model::Reject;

use crate::{Answer, Call, PollingWorker, Workers};

/// One answer of those that the lanes gave to the same call.
///
/// # Errors
/// The first refusal.
pub(super) fn join(call: &Call, answers: Vec<Result<Answer, Reject>>) -> Result<Answer, Reject> {
    let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let Call::ListWorkers { queues, .. } = call else {
        return Ok(answers.into_iter().next().unwrap_or(Answer::Done));
    };
    let page = |answer| if let Answer::Workers(page) = answer { Some(page) } else { None };
    Ok(Answer::Workers(join_workers(answers.into_iter().filter_map(page).collect(), *queues)))
}

/// A page of at most so many queues. Behind the end of its own page a lane may have more, so the joined one ends where the
/// first of them ends.
fn join_workers(pages: Vec<Workers>, queues: usize) -> Workers {
    let end = pages.iter().filter_map(|page| page.more_after.clone()).min();
    let mut by_queue: BTreeMap<String, Vec<PollingWorker>> = BTreeMap::new();
    for worker in pages.into_iter().flat_map(|page| page.found) {
        if end.as_ref().is_none_or(|end| worker.task_queue <= *end) {
            by_queue.entry(worker.task_queue.clone()).or_default().push(worker);
        }
    }
    let has_more = end.is_some() || by_queue.len() > queues;
    while by_queue.len() > queues {
        by_queue.pop_last();
    }
    let more_after = by_queue.last_key_value().filter(|_| has_more).map(|(name, _)| name.clone());
    Workers { found: by_queue.into_values().flatten().collect(), more_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(queues: &[&str], more: bool) -> Workers {
        let worker = |queue: &&str| PollingWorker { task_queue: (*queue).into(), identity: "w".into() };
        let more_after = queues.last().filter(|_| more).map(|queue| (*queue).to_owned());
        Workers { found: queues.iter().map(worker).collect(), more_after }
    }

    fn joined(pages: &[Workers], queues: usize) -> (String, Option<String>) {
        let Workers { found, more_after } = join_workers(pages.to_vec(), queues);
        (found.iter().map(|worker| worker.task_queue.as_str()).collect(), more_after)
    }

    #[test]
    fn a_page_ends_where_the_first_lane_has_more() {
        let pages = [page(&["a", "d", "e"], false), page(&["b", "c"], true)];
        assert_eq!(joined(&pages, 10), ("abc".into(), Some("c".into())));
        assert_eq!(joined(&pages, 2), ("ab".into(), Some("b".into())));
        let pages = [page(&["a", "d"], false), page(&["b"], false)];
        assert_eq!(joined(&pages, 3), ("abd".into(), None));
        assert_eq!(joined(&pages, 2), ("ab".into(), Some("b".into())));
        assert_eq!(joined(&[page(&[], false), page(&[], false)], 2), (String::new(), None));
    }
}
