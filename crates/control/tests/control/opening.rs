//! Making, opening and losing an account, and a storage that fails.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use auth::Directory;
use bytes::Bytes;
use control::{Control, CreateError, NewAccount, NowAndSeed, Work, create_account, verify_audit};
use model::{Epoch, Kind, ShardId};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        GetAccountRequest, GetApiKeysRequest, GetAuditLogsRequest, GetNamespacesRequest, GetServiceAccountsRequest,
        GetUsersRequest, UpdateNamespaceTagsRequest,
    },
    identity::v1::account_access::Role,
};
use store::{
    CommitError, Committed, Lists, Medium, MemoryStore, Page, Shards, StoreError, Submission,
    visibility::{GroupCount, Query, QueryPage},
};

use crate::desk::{DAY, Desk, assert_refused, create_namespace, service_account, settings, start};

fn new_account(id: &str, email: &str) -> NewAccount {
    NewAccount {
        account_id: id.to_owned(),
        owner_email: email.to_owned(),
        api_key_expires: start() + DAY * 90,
        login_secret: [1; 32],
        login_expires: start() + DAY,
    }
}

#[test]
fn a_store_has_one_account_and_an_account_an_owner() {
    let at = NowAndSeed { now: start(), seed: 1 };
    let store = MemoryStore::new();
    let settings = settings();
    for (id, email) in [("abc", "a@b"), ("ABCDE", "a@b"), ("a2dd6-", "a@b"), ("a2dd6", "nobody")] {
        let made = create_account(&store, &new_account(id, email), &settings, &at);
        assert!(matches!(made, Err(CreateError::Invalid(_))), "{id} {email}");
    }
    let empty = Control::open(Arc::new(store.clone()), settings.clone(), &at).unwrap_err();
    assert!(empty.to_string().contains("no account"), "{empty}");
    create_account(&store, &new_account("a2dd6", "a@b"), &settings, &at).unwrap();
    let again = create_account(&store, &new_account("b3ee7", "a@b"), &settings, &at).unwrap_err();
    assert_eq!(again, CreateError::Exists { account_id: "a2dd6".to_owned() });
    let control = Control::open(Arc::new(store), settings, &at).unwrap();
    assert_eq!(Control::account_id(&control), "a2dd6");
}

#[test]
fn everything_is_there_after_a_restart() {
    let mut desk = Desk::new();
    let id = desk.namespace("orders");
    desk.own(&UpdateNamespaceTagsRequest {
        namespace: id.clone(),
        tags_to_upsert: [("team".to_owned(), "a".to_owned())].into(),
        ..UpdateNamespaceTagsRequest::default()
    });
    let machine = desk.service_account(service_account("machine", Role::Developer));
    let key = desk.key(&machine);
    desk.user("ada@example.test", Role::Read);
    let show = |desk: &Desk| {
        (
            desk.own(&GetAccountRequest {}),
            desk.own(&GetNamespacesRequest::default()),
            desk.own(&GetUsersRequest::default()),
            desk.own(&GetServiceAccountsRequest::default()),
            desk.own(&GetApiKeysRequest::default()),
            desk.own(&GetAuditLogsRequest::default()),
        )
    };
    let before = show(&desk);
    desk.reopen();
    assert_eq!(show(&desk), before);
    assert_eq!(desk.control.key(&key.key_id).unwrap().principal.id, machine);
    assert!(desk.control.namespace(&id).unwrap().api_key_enabled);
}

#[test]
fn a_job_that_was_not_finished_comes_again_after_a_restart() {
    let mut desk = Desk::new();
    desk.own(&create_namespace("orders"));
    let job = desk.control.next_job().unwrap();
    desk.reopen();
    let again = desk.control.next_job().unwrap();
    assert_eq!(again, job);
    assert!(matches!(again.work, Work::Register(_)));
    desk.control.finish(&desk.now_and_seed(), &again.operation_id, Ok(())).unwrap();
    desk.reopen();
    assert_eq!(desk.control.next_job(), None);
}

#[test]
fn whoever_lost_the_account_answers_nothing_new() {
    let desk = Desk::new();
    let newer = Control::open(desk.store.clone(), desk.settings.clone(), &desk.now_and_seed()).unwrap();
    let late = desk.refused(&create_namespace("orders"));
    assert_eq!(late.kind, Kind::Unavailable);
    let later = desk.refused(&create_namespace("orders"));
    assert!(later.message.contains("newer process"), "{later}");
    newer.ask(&desk.owner, &desk.request_context(), &create_namespace("orders")).unwrap();
    assert_eq!(verify_audit(&*desk.store).unwrap().records, 2);
}

/// A store whose commits fail when told so, or whose answers to them are lost.
#[derive(Default)]
struct Failing {
    inner: MemoryStore,
    fails: AtomicBool,
    loses_answers: AtomicBool,
}

impl Shards for Failing {
    fn acquire_all(&self, shards: &[ShardId]) -> Result<Vec<Epoch>, StoreError> {
        self.inner.acquire_all(shards)
    }

    fn submit(&self, submission: Submission) -> Option<Committed> {
        let all = |submission: Submission, error: CommitError| {
            let results = submission.commits().iter().map(|_| Err(error.clone())).collect();
            submission.at_once(results)
        };
        if self.fails.load(Ordering::Relaxed) {
            return all(submission, CommitError::Store(StoreError::Full("no space is left".to_owned())));
        }
        if self.loses_answers.load(Ordering::Relaxed) {
            self.inner.commit(submission.commits());
            return all(submission, CommitError::Unknown("the connection was closed".to_owned()));
        }
        self.inner.submit(submission)
    }

    fn medium(&self) -> Medium {
        Medium::Memory
    }

    fn get(&self, shard: ShardId, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(shard, key)
    }

    fn scan(&self, shard: ShardId, start: &[u8], end: &[u8], limit: usize) -> Result<Page, StoreError> {
        self.inner.scan(shard, start, end, limit)
    }
}

impl Lists for Failing {
    fn query(&self, query: &Query) -> Result<QueryPage, StoreError> {
        self.inner.query(query)
    }

    fn count(&self, query: &Query) -> Result<Vec<GroupCount>, StoreError> {
        self.inner.count(query)
    }
}

#[test]
fn what_was_not_written_did_not_happen() {
    let desk = Desk::over(Failing::default());
    desk.store.fails.store(true, Ordering::Relaxed);
    let refused = desk.ask(&desk.owner, &create_namespace("orders"));
    assert_refused(refused, &Kind::Unavailable, "no space is left");
    assert_eq!(desk.own(&GetNamespacesRequest::default()).namespaces, []);
    assert_eq!(desk.control.next_job(), None);
    desk.store.fails.store(false, Ordering::Relaxed);
    desk.own(&create_namespace("orders"));
    let job = desk.control.next_job().unwrap();
    desk.store.fails.store(true, Ordering::Relaxed);
    let unwritten = desk.control.finish(&desk.now_and_seed(), &job.operation_id, Ok(()));
    assert_refused(unwritten, &Kind::Unavailable, "no space is left");
    desk.store.fails.store(false, Ordering::Relaxed);
    desk.control.finish(&desk.now_and_seed(), &job.operation_id, Ok(())).unwrap();
    assert_eq!(verify_audit(&*desk.store).unwrap().records, 2);
}

#[test]
fn a_change_that_may_have_been_written_is_looked_up() {
    let desk = Desk::over(Failing::default());
    desk.store.loses_answers.store(true, Ordering::Relaxed);
    let refused = desk.ask(&desk.owner, &create_namespace("orders"));
    assert_refused(refused, &Kind::Unavailable, "not known whether the write happened");
    assert_eq!(desk.own(&GetNamespacesRequest::default()).namespaces.len(), 1, "it was written, and holds");
    desk.store.loses_answers.store(false, Ordering::Relaxed);
    let again = desk.ask(&desk.owner, &create_namespace("orders"));
    assert_refused(again, &Kind::AlreadyExists, "orders");
    desk.own(&create_namespace("bills"));
    assert_eq!(verify_audit(&*desk.store).unwrap().records, 4);
}
