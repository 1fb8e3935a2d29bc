//! What a command says where no worker takes a run's tasks, which otherwise looks like a run that stands still: that none
//! polls its Task Queue, and which one of a similar name is polled.
//!
//! It goes to stderr, behind the result. A server that can't say who polls what leaves it out.

use std::collections::BTreeSet;

use proto::temporal::api::{
    enums::v1::{PendingActivityState, TaskQueueKind, TaskQueueType},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{DescribeTaskQueueRequest, DescribeWorkflowExecutionResponse, ListWorkersRequest},
};

use crate::{connect::Session, context::Context};

/// Pages of workers that are looked through.
const MOST_PAGES: usize = 10;
/// Queues of a run's activities that are looked at.
const MOST_QUEUES: usize = 5;
/// How alike two names without a word in common must be, from 0 to 1.
const ALIKE: f64 = 0.75;
/// Words that say that something is a task queue, and not which.
const GENERIC: [&str; 6] = ["queue", "queues", "task", "tasks", "tq", "worker"];

/// What waits for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Workflows,
    Activities,
}

/// Tells the user, in text output, if no worker polls the queue for Workflow Tasks.
pub(super) async fn warn(context: &Context, session: &mut Session, task_queue: &str) {
    warn_of(context, session, Waits::Workflows, task_queue).await;
}

/// The same of an open run: of its own queue, and of those that its activities wait at.
pub(super) async fn warn_of_run(context: &Context, session: &mut Session, run: &DescribeWorkflowExecutionResponse) {
    let own = run.workflow_execution_info.as_ref().map(|info| info.task_queue.as_str()).unwrap_or_default();
    warn(context, session, own).await;
    let waiting = run.pending_activities.iter().filter(|activity| activity.state() == PendingActivityState::Scheduled);
    let queues = waiting.filter_map(|activity| activity.activity_options.as_ref()?.task_queue.as_ref());
    let queues: BTreeSet<&str> = queues.map(|queue| queue.name.as_str()).filter(|name| !name.is_empty()).collect();
    for name in queues.into_iter().take(MOST_QUEUES) {
        warn_of(context, session, Waits::Activities, name).await;
    }
}

async fn warn_of(context: &Context, session: &mut Session, waits: Waits, task_queue: &str) {
    if context.printer.is_json() || is_polled(session, waits, task_queue).await != Some(false) {
        return;
    }
    let polled = polled(session).await;
    let similar: Vec<&str> = polled.iter().map(String::as_str).filter(|name| is_similar(name, task_queue)).collect();
    context.warn(&note(waits, task_queue, &similar));
}

/// `None` where the server does not say.
async fn is_polled(session: &mut Session, waits: Waits, task_queue: &str) -> Option<bool> {
    let kind = match waits {
        Waits::Workflows => TaskQueueType::Workflow,
        Waits::Activities => TaskQueueType::Activity,
    };
    let request = DescribeTaskQueueRequest {
        namespace: session.namespace.clone(),
        task_queue: Some(TaskQueue {
            name: task_queue.to_owned(),
            kind: TaskQueueKind::Normal.into(),
            ..Default::default()
        }),
        task_queue_type: kind.into(),
        ..Default::default()
    };
    let answer = session.workflow.describe_task_queue(request).await.ok()?;
    Some(!answer.into_inner().pollers.is_empty())
}

/// The Task Queues of the namespace that workers poll, as far as the server says.
async fn polled(session: &mut Session) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut request = ListWorkersRequest { namespace: session.namespace.clone(), ..Default::default() };
    for _ in 0..MOST_PAGES {
        let Ok(answer) = session.workflow.list_workers(request.clone()).await else { break };
        let answer = answer.into_inner();
        names.extend(answer.workers.into_iter().map(|worker| worker.task_queue));
        if answer.next_page_token.is_empty() {
            break;
        }
        request.next_page_token = answer.next_page_token;
    }
    names
}

fn note(waits: Waits, task_queue: &str, similar: &[&str]) -> String {
    let (what, remedy) = match waits {
        Waits::Workflows => ("its Workflow Executions wait", "start with --task-queue"),
        Waits::Activities => ("its activities wait", "have the workflow schedule them with the Task Queue"),
    };
    let activities = if waits == Waits::Activities { " for activities" } else { "" };
    let named: Vec<String> = similar.iter().map(|name| format!("{name:?}")).collect();
    let opening = format!("No worker polls the Task Queue {task_queue:?}{activities}");
    match similar.first() {
        None => format!("{opening}: {what} until one does."),
        Some(first) => {
            format!("{opening}. Workers poll {}; if that was meant, {remedy} {first}.", named.join(", "))
        }
    }
}

/// Whether one name may have been meant by the other: the same words in any order and spelling, with or without more of
/// them, or nearly the same letters.
fn is_similar(one: &str, other: &str) -> bool {
    let same = one == other;
    let (one, other) = (words(one), words(other));
    if same || one.is_empty() || other.is_empty() {
        return false;
    }
    let joined = |words: &BTreeSet<String>| words.iter().cloned().collect::<String>();
    one.is_subset(&other)
        || other.is_subset(&one)
        || strsim::normalized_damerau_levenshtein(&joined(&one), &joined(&other)) >= ALIKE
}

/// The words of a name in lower case: `moneyTransfer`, `MONEY_TRANSFER_TASK_QUEUE` and `money-transfer` have the same.
fn words(name: &str) -> BTreeSet<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        let begins = !letter.is_alphanumeric() || (letter.is_uppercase() && was_small);
        if begins {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        was_small = letter.is_lowercase() || letter.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    let telling: BTreeSet<String> = words.iter().filter(|word| !GENERIC.contains(&word.as_str())).cloned().collect();
    if telling.is_empty() { words.into_iter().collect() } else { telling }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_may_be_meant_by_each_other() {
        for (one, other) in [
            ("money-transfer", "TRANSFER_MONEY_TASK_QUEUE"),
            ("money-transfer", "MONEY_TRANSFER_TASK_QUEUE"),
            ("moneyTransfer", "money_transfer"),
            ("orders", "orders-eu"),
            ("hello-tasks", "hello-task-queue"),
            ("payments", "paymnets"),
            ("Orders", "orders"),
        ] {
            assert!(is_similar(one, other) && is_similar(other, one), "{one} {other}");
        }
        for (one, other) in [("orders", "orders"), ("orders", "mail"), ("money-transfer", "greeting-tasks"), ("a", "")]
        {
            assert!(!is_similar(one, other), "{one} {other}");
        }
    }

    #[test]
    fn the_note_names_what_is_polled_instead() {
        assert_eq!(
            note(Waits::Workflows, "a", &["b", "c"]),
            "No worker polls the Task Queue \"a\". Workers poll \"b\", \"c\"; if that was meant, start with --task-queue b."
        );
        let alone = "No worker polls the Task Queue \"a\" for activities: its activities wait until one does.";
        assert_eq!(note(Waits::Activities, "a", &[]), alone);
    }
}
