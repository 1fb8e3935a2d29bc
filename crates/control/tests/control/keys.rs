//! API keys: how long they live, how many there are, and that they end at once.

use std::{sync::Arc, time::Duration};

use auth::{Caller, Credentials, Directory, Policy, SigningKey};
use control::Control;
use model::{Kind, Plane, Reject};
use proto::temporal::api::cloud::{
    cloudservice::v1::{
        CreateApiKeyRequest, DeleteApiKeyRequest, GetApiKeyRequest, GetApiKeysRequest, GetUserRequest,
        UpdateApiKeyRequest, UpdateUserRequest,
    },
    identity::v1::{ApiKey, ApiKeySpec, OwnerType, account_access::Role},
    resource::v1::ResourceState,
};

use crate::desk::{DAY, Desk, SERVICE_ACCOUNT, access, assert_refused, principal, service_account};

fn describe(desk: &Desk, id: &str) -> ApiKey {
    desk.own(&GetApiKeyRequest { key_id: id.to_owned() }).api_key.unwrap()
}

fn update(key: &ApiKey, change: impl FnOnce(&mut ApiKeySpec)) -> UpdateApiKeyRequest {
    let mut spec = key.spec.clone().unwrap();
    change(&mut spec);
    UpdateApiKeyRequest {
        key_id: key.id.clone(),
        spec: Some(spec),
        resource_version: key.resource_version.clone(),
        async_operation_id: String::new(),
    }
}

fn delete(key: &ApiKey) -> DeleteApiKeyRequest {
    DeleteApiKeyRequest {
        key_id: key.id.clone(),
        resource_version: key.resource_version.clone(),
        async_operation_id: String::new(),
    }
}

/// Who the policy takes the bearer of a token for.
fn identify(desk: &Desk, token: &str) -> Result<Caller, Reject> {
    let authorization = format!("Bearer {token}");
    let credentials =
        Credentials { plane: Plane::Control, authorization: Some(&authorization), ..Credentials::default() };
    Policy::secured(Arc::new(desk.control.clone())).identify(&credentials, desk.now())
}

#[test]
fn the_first_key_lets_the_owner_in() {
    let desk = Desk::new();
    let caller = identify(&desk, &desk.created.api_key).unwrap();
    assert_eq!(principal(&caller).id, desk.created.owner_id);
    assert_eq!(principal(&caller).account_role, Some(auth::AccountRole::Owner));
    assert!(!format!("{:?}", desk.created).contains(&desk.created.api_key));
    assert!(!format!("{:?}", desk.created).contains(&desk.created.login_code));
}

#[test]
fn a_key_that_is_disabled_deleted_or_expired_ends_at_once() {
    let desk = Desk::new();
    let owner = desk.service_account(service_account("machine", Role::Read));
    let made = desk.key(&owner);
    assert_eq!(made.key_id.len(), 32);
    assert!(identify(&desk, &made.token).is_ok());
    let key = describe(&desk, &made.key_id);
    assert_eq!(key.spec.as_ref().unwrap().owner_type, SERVICE_ACCOUNT);
    assert_eq!(key.spec.as_ref().unwrap().owner_type_deprecated, "service-account");

    desk.own(&update(&key, |spec| spec.disabled = true));
    assert_refused(identify(&desk, &made.token), &Kind::Unauthenticated, "request not authenticated");
    desk.own(&update(&describe(&desk, &made.key_id), |spec| spec.disabled = false));
    assert!(identify(&desk, &made.token).is_ok());

    let second = desk.key(&owner);
    desk.own(&delete(&describe(&desk, &second.key_id)));
    assert_refused(identify(&desk, &second.token), &Kind::Unauthenticated, "request not authenticated");
    desk.pass(DAY * 30);
    assert_refused(identify(&desk, &made.token), &Kind::Unauthenticated, "request not authenticated");
    let expired = describe(&desk, &made.key_id);
    assert_eq!((expired.state(), expired.state_deprecated.as_str()), (ResourceState::Expired, "expired"));
}

#[test]
fn a_key_lives_a_day_at_least_and_two_years_at_most() {
    let desk = Desk::new();
    let owner = desk.service_account(service_account("machine", Role::Read));
    let ask = |life: Duration| {
        let mut request = desk.create_key(&owner, "key");
        request.spec.as_mut().unwrap().expiry_time = Some((desk.now() + life).to_proto());
        desk.ask(&desk.owner, &request)
    };
    assert_refused(ask(DAY - Duration::from_secs(120)), &Kind::InvalidArgument, "expiry must be after 2027-");
    assert_refused(ask(Duration::ZERO), &Kind::InvalidArgument, "(24h0m0s from now)");
    assert_refused(ask(DAY * 732), &Kind::InvalidArgument, "expiry must be before");
    assert!(ask(DAY).is_ok());
    assert!(ask(DAY * 730).is_ok());
    let mut none = desk.create_key(&owner, "key");
    none.spec.as_mut().unwrap().expiry_time = None;
    assert_refused(desk.ask(&desk.owner, &none), &Kind::InvalidArgument, "expiry time of an API key is required");
}

#[test]
fn what_breaks_a_rule_is_refused_with_the_rule() {
    let desk = Desk::new();
    let owner = desk.service_account(service_account("machine", Role::Read));
    type Change = fn(&mut ApiKeySpec);
    let rows: [(Kind, &str, Change); 5] = [
        (Kind::InvalidArgument, "owner id", |spec| spec.owner_id.clear()),
        (Kind::NotFound, "owner \"nobody\"", |spec| spec.owner_id = "nobody".to_owned()),
        (Kind::NotFound, "not found", |spec| spec.owner_type = OwnerType::User as i32),
        (Kind::InvalidArgument, "display name", |spec| spec.display_name.clear()),
        (Kind::InvalidArgument, "description", |spec| spec.description = "x".repeat(256)),
    ];
    for (kind, words, change) in rows {
        let mut request = desk.create_key(&owner, "key");
        change(request.spec.as_mut().unwrap());
        assert_refused(desk.ask(&desk.owner, &request), &kind, words);
    }
    let key = describe(&desk, &desk.key(&owner).key_id);
    let rows: [(&str, Change); 4] = [
        ("nothing to change", |_| {}),
        ("owner of an API key cannot be changed", |spec| spec.owner_id = "other".to_owned()),
        ("owner of an API key cannot be changed", |spec| spec.owner_type = OwnerType::User as i32),
        ("expiry time of an API key cannot be changed", |spec| spec.expiry_time.as_mut().unwrap().seconds += 1),
    ];
    for (words, change) in rows {
        assert_refused(desk.ask(&desk.owner, &update(&key, change)), &Kind::InvalidArgument, words);
    }
    let mut blind = delete(&key);
    blind.resource_version.clear();
    assert_refused(desk.ask(&desk.owner, &blind), &Kind::InvalidArgument, "invalid resource version");
    blind.resource_version = "other".to_owned();
    assert_refused(desk.ask(&desk.owner, &blind), &Kind::FailedPrecondition, "resource version mismatch");
}

#[test]
fn owners_have_a_number_of_keys_that_disabled_ones_count_for_and_expired_do_not() {
    let desk = Desk::new();
    let machine = desk.service_account(service_account("machine", Role::Read));
    let user = desk.user("ada@example.test", Role::Read);
    for (owner, most) in [(machine, 20), (user, 10)] {
        let keys: Vec<_> = (0..most).map(|_| desk.key(&owner).key_id).collect();
        let more = || desk.ask(&desk.owner, &desk.create_key(&owner, "one more"));
        assert_refused(more(), &Kind::FailedPrecondition, &format!("has {most} API keys"));
        let first = describe(&desk, &keys[0]);
        desk.own(&update(&first, |spec| spec.disabled = true));
        assert_refused(more(), &Kind::FailedPrecondition, &format!("has {most} API keys"));
        desk.own(&delete(&describe(&desk, &keys[0])));
        assert!(more().is_ok());
    }
    desk.pass(DAY * 31);
    let machine = desk.own(&GetApiKeysRequest { owner_type: SERVICE_ACCOUNT, ..Default::default() }).api_keys;
    assert_eq!(machine.len(), 20);
    desk.key(&machine[0].spec.as_ref().unwrap().owner_id);
}

#[test]
fn everybody_sees_and_makes_their_own_keys_only() {
    let desk = Desk::new();
    let reader = desk.person("read@example.test", Role::Read);
    let own = principal(&reader).id.clone();
    let foreign = desk.created.api_key_id.clone();
    assert!(desk.ask(&reader, &desk.create_key(&own, "mine")).is_ok());
    let list = desk.ask(&reader, &GetApiKeysRequest::default()).unwrap().api_keys;
    assert_eq!(list.len(), 2);
    assert!(list.iter().all(|key| key.spec.as_ref().unwrap().owner_id == own));
    let other = desk.ask(&reader, &GetApiKeyRequest { key_id: foreign });
    let absent = desk.ask(&reader, &GetApiKeyRequest { key_id: "absent".to_owned() });
    assert_eq!(other.unwrap_err(), absent.unwrap_err());
    let theirs = desk.ask(&reader, &desk.create_key(&desk.created.owner_id, "theirs"));
    assert_refused(theirs, &Kind::PermissionDenied, "Request unauthorized.");
    let absent = desk.ask(&desk.owner, &GetApiKeyRequest { key_id: "absent".to_owned() });
    assert_refused(absent, &Kind::NotFound, "not found");
}

#[test]
fn asking_again_with_the_same_operation_id_makes_no_second_key() {
    let desk = Desk::new();
    let owner = desk.service_account(service_account("machine", Role::Read));
    let request = CreateApiKeyRequest { async_operation_id: "mine".to_owned(), ..desk.create_key(&owner, "key") };
    let first = desk.own(&request);
    let second = desk.own(&request);
    assert_eq!(first.key_id, second.key_id);
    assert_eq!(desk.control.key(&first.key_id).unwrap().principal.id, owner);
    // The first answer was lost on its way, so only the token of the second is good.
    assert!(identify(&desk, &second.token).is_ok());
    assert!(identify(&desk, &first.token).is_err());
    let list = desk.own(&GetApiKeysRequest { owner_id: owner, ..Default::default() }).api_keys;
    assert_eq!(list.len(), 1);
}

#[test]
fn asking_again_needs_the_rights_of_the_moment() {
    let desk = Desk::new();
    let admin = desk.person("admin@example.test", Role::Admin);
    let ada = desk.user("ada@example.test", Role::Developer);
    let request = CreateApiKeyRequest { async_operation_id: "mine".to_owned(), ..desk.create_key(&ada, "key") };
    desk.ask(&admin, &request).unwrap();
    let user = desk.own(&GetUserRequest { user_id: ada.clone() }).user.unwrap();
    let mut spec = user.spec.unwrap();
    spec.access = Some(access(Role::Owner));
    desk.own(&UpdateUserRequest {
        user_id: ada,
        spec: Some(spec),
        resource_version: user.resource_version,
        async_operation_id: String::new(),
    });
    // An admin gets no token of somebody who has become an owner.
    assert_refused(desk.ask(&admin, &request), &Kind::PermissionDenied, "Request unauthorized.");
}

#[test]
fn a_new_signing_key_leaves_old_tokens_good_until_the_old_one_is_retired() {
    let mut desk = Desk::new();
    let old_kid = desk.settings.signer.kid().to_owned();
    let old = desk.created.api_key.clone();
    let refused = desk.control.retire_signing_key(&old_kid, &desk.now_and_seed());
    assert_refused(refused, &Kind::FailedPrecondition, "is in use");
    desk.settings.signer = Arc::new(SigningKey::from_pem(&SigningKey::generate_pem().unwrap()).unwrap());
    desk.reopen();
    let new = desk.key(&desk.created.owner_id).token;
    assert!(identify(&desk, &old).is_ok() && identify(&desk, &new).is_ok());
    desk.reopen();
    desk.control.retire_signing_key(&old_kid, &desk.now_and_seed()).unwrap();
    assert!(identify(&desk, &old).is_err());
    assert!(identify(&desk, &new).is_ok());
    desk.reopen();
    assert!(identify(&desk, &old).is_err());
}

/// The directory is asked while calls run on other threads.
#[test]
fn the_account_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Control>();
}
