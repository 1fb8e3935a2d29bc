//! What is refused, and in whose words.

use std::time::Duration;

use model::Kind;
use proto::temporal::api::enums::v1::{
    NamespaceState, ResourceExhaustedCause as Cause, ResourceExhaustedScope as Scope,
};

use super::*;

const START: Time = Time(1_000_000_000_000);

fn namespace(id: u128, name: &str) -> Namespace {
    Namespace {
        id: NamespaceId::from_slice(&id.to_be_bytes()).unwrap(),
        name: name.into(),
        state: NamespaceState::Registered,
        retention: Duration::from_secs(86_400),
        search_attributes: Arc::default(),
    }
}

fn call(class: Class) -> Counted {
    Counted { class, waits: class.waiting.is_some(), operator: false }
}

/// The calls that pass of so many, and what the first that does not is told.
fn offer(quotas: &Quotas, namespace: &Namespace, class: Class, offered: usize) -> (usize, Option<Reject>) {
    let answers: Vec<_> =
        (0..offered).map(|_| quotas.admit(Arc::default, Some(namespace), call(class), START).map(drop)).collect();
    (answers.iter().filter(|answer| answer.is_ok()).count(), answers.into_iter().find_map(Result::err))
}

#[test]
fn each_rate_is_of_its_own_and_refused_as_on_the_reference() {
    let limits = Limits { requests_per_second: 5, lists_per_second: 4, ..Limits::default() };
    let (quotas, bank) = (Quotas::new(Arc::new(limits)), namespace(1, "bank"));
    for (class, most, limit, wait) in [
        (calls(1), 10, ("requests_per_second", 5), 200),
        (lists(), 4, ("lists_per_second", 4), 250),
        (namespace_changes(), 40, ("server_namespace_changes_per_second", 20), 50),
    ] {
        let (passed, refusal) = offer(&quotas, &bank, class, 200);
        let refusal = refusal.unwrap();
        assert_eq!(passed, most, "{limit:?}");
        let (scope, text) = match class == namespace_changes() {
            true => (Scope::System, "service rate limit exceeded"),
            false => (Scope::Namespace, "namespace rate limit exceeded"),
        };
        let advice = Advice { limit: Some(limit), retry_after: Some(Duration::from_millis(wait)) };
        assert_eq!(refusal.kind, Kind::ResourceExhausted { cause: Cause::RpsLimit, scope, advice });
        assert_eq!(refusal.message, text);
    }
    assert_eq!(offer(&quotas, &bank, unlimited(), 10_000).0, 10_000);
}

#[test]
fn operators_get_through_where_the_rest_is_refused() {
    let limits = Limits { requests_per_second: 5, ..Limits::default() };
    let (quotas, bank) = (Quotas::new(Arc::new(limits)), namespace(1, "bank"));
    assert_eq!(offer(&quotas, &bank, calls(4), 100).0, 10);
    let refusal = |operator| quotas.refusal(&bank, calls(4), operator, START).map(|reject| reject.message);
    assert_eq!((refusal(false), refusal(true)), (Some("namespace rate limit exceeded".to_owned()), None));
    let by_operator = Counted { operator: true, ..call(calls(3)) };
    assert!(quotas.admit(Arc::default, Some(&bank), by_operator, START).is_ok());
}

#[test]
fn a_cluster_s_limit_and_a_namespace_s_own_win() {
    let mut limits = Limits { requests_per_second: 5, requests_per_second_cluster: 3, ..Limits::default() };
    limits.assign_within("bank", "requests_per_second_cluster", "8");
    let quotas = Quotas::new(Arc::new(limits));
    let limit = |refusal: Option<Reject>| match refusal.unwrap().kind {
        Kind::ResourceExhausted { advice, .. } => advice.limit,
        other => panic!("{other:?}"),
    };
    for (name, most, value) in [("bank", 16, 8), ("shop", 6, 3)] {
        let (passed, refusal) = offer(&quotas, &namespace(most as u128, name), calls(1), 100);
        assert_eq!((passed, limit(refusal)), (most, Some(("requests_per_second_cluster", value))), "{name}");
    }
}

#[test]
fn calls_that_wait_are_counted_by_their_method() {
    let limits = Limits { waiting_calls: 2, ..Limits::default() };
    let (quotas, bank) = (Quotas::new(Arc::new(limits)), namespace(1, "bank"));
    let enter = |class| quotas.admit(Arc::default, Some(&bank), call(class), START);
    let polls = calls(4).waiting(Waiting::WorkflowTasks);
    let (first, second) = (enter(polls).unwrap(), enter(polls).unwrap());
    let refusal = enter(polls).unwrap_err();
    assert_eq!(refusal.message, "namespace concurrent poller limit exceeded");
    let advice = Advice { limit: Some(("waiting_calls", 2)), retry_after: Some(WAIT) };
    let kind = Kind::ResourceExhausted { cause: Cause::ConcurrentLimit, scope: Scope::Namespace, advice };
    assert_eq!(refusal.kind, kind);
    assert!(enter(calls(4).waiting(Waiting::ActivityTasks)).is_ok());
    drop(first);
    assert!(enter(polls).is_ok());
    drop(second);
}

#[test]
fn the_server_s_own_limit_is_over_all_namespaces() {
    let limits = Limits { server_requests_per_second: Some(5), ..Limits::default() };
    let quotas = Quotas::new(Arc::new(limits));
    assert_eq!(offer(&quotas, &namespace(1, "a"), calls(1), 7).0, 7);
    let (passed, refusal) = offer(&quotas, &namespace(2, "b"), calls(1), 7);
    assert_eq!((passed, refusal.unwrap().message.as_str()), (3, "service rate limit exceeded"));
    // What is about no namespace is the server's.
    assert!(quotas.admit(Arc::default, None, call(calls(1)), START).is_err());
}

#[test]
fn what_is_kept_goes_with_the_namespace() {
    let quotas = Quotas::new(Arc::new(Limits::default()));
    for id in 0..1_000 {
        // The table knows none of them.
        offer(&quotas, &namespace(id, "gone"), calls(1), 1);
    }
    assert_eq!(quotas.read().len(), 1);
}
