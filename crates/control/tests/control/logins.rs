//! Login codes and links: whose they may be, how often they are good, and for how long.

use auth::Caller;
use control::{CREATE_LOGIN_LINK, RECOVER_OWNER, Recovery, SESSION_LIFETIME, recover_owner, verify_audit};
use model::{Kind, Reject};
use prost::Message;
use proto::temporal::api::cloud::{
    cloudservice::v1::{DeleteUserRequest, GetAuditLogsRequest, GetUserRequest},
    identity::v1::account_access::Role,
};

use crate::desk::{DAY, Desk, assert_refused, caller, principal, service_account, start};

fn link(desk: &Desk, caller: &Caller, user_id: &str) -> Result<String, Reject> {
    let request = user_id.to_owned().encode_to_vec();
    let answer = desk.control.call(caller, &desk.request_context(), CREATE_LOGIN_LINK, &request)?;
    Ok(String::decode(answer).unwrap())
}

fn redeem(desk: &Desk, link: &str) -> Result<String, Reject> {
    let (page, code) = link.split_once("?code=").unwrap();
    assert_eq!((page, code.len()), ("https://localhost:8233/login", 64));
    desk.control.log_in(code, "ticket", &desk.now_and_seed())
}

#[test]
fn a_login_code_is_good_once_and_for_a_time() {
    let desk = Desk::new();
    let code = desk.created.login_code.clone();
    let wrong = desk.control.log_in("wrong", "ticket", &desk.now_and_seed());
    assert_refused(wrong, &Kind::Unauthenticated, "request not authenticated");
    assert_eq!(desk.control.log_in(&code, "ticket", &desk.now_and_seed()).unwrap(), desk.created.owner_id);
    let again = desk.control.log_in(&code, "ticket", &desk.now_and_seed());
    assert_refused(again, &Kind::Unauthenticated, "request not authenticated");
    let late = Desk::new();
    late.pass(DAY);
    assert!(late.control.log_in(&late.created.login_code, "ticket", &late.now_and_seed()).is_err());
    assert!(late.now() > start() + DAY);
}

#[test]
fn a_link_opens_the_page_as_its_user_once_and_for_a_day() {
    let desk = Desk::new();
    let ada = desk.user("ada@example.test", Role::Read);
    let made = link(&desk, &desk.owner, &ada).unwrap();
    assert_eq!(redeem(&desk, &made).unwrap(), ada);
    assert_refused(redeem(&desk, &made), &Kind::Unauthenticated, "request not authenticated");
    let (earlier, newest) = (link(&desk, &desk.owner, &ada).unwrap(), link(&desk, &desk.owner, &ada).unwrap());
    assert!(redeem(&desk, &earlier).is_err(), "a new link voids the one before");
    assert_eq!(redeem(&desk, &newest).unwrap(), ada);
    let late = link(&desk, &desk.owner, &ada).unwrap();
    desk.pass(DAY);
    assert!(redeem(&desk, &late).is_err());
    let of_nobody = link(&desk, &desk.owner, &ada).unwrap();
    let version = desk.own(&GetUserRequest { user_id: ada.clone() }).user.unwrap().resource_version;
    desk.own(&DeleteUserRequest { user_id: ada, resource_version: version, ..DeleteUserRequest::default() });
    assert!(redeem(&desk, &of_nobody).is_err());
}

#[test]
fn the_first_login_accepts_the_invitation() {
    let desk = Desk::new();
    let ada = desk.user("ada@example.test", Role::Read);
    let user = || desk.own(&GetUserRequest { user_id: ada.clone() }).user.unwrap();
    let made = link(&desk, &desk.owner, &ada).unwrap();
    let invited = user();
    assert!(invited.invitation.is_some());
    redeem(&desk, &made).unwrap();
    assert_eq!(user(), proto::temporal::api::cloud::identity::v1::User { invitation: None, ..invited });
}

#[test]
fn a_link_is_for_oneself_and_for_whom_one_may_act() {
    let desk = Desk::new();
    let (admin, reader) =
        (desk.person("admin@example.test", Role::Admin), desk.person("read@example.test", Role::Read));
    let reader_id = principal(&reader).id.clone();
    let robot = desk.service_account(service_account("robot", Role::Read));
    let own = |caller: &Caller| link(&desk, caller, &principal(caller).id);
    assert_eq!(redeem(&desk, &own(&reader).unwrap()).unwrap(), reader_id);
    assert_eq!(redeem(&desk, &link(&desk, &admin, &reader_id).unwrap()).unwrap(), reader_id);
    let denied = [
        (&reader, principal(&admin).id.as_str()),
        (&reader, "nobody"),
        (&reader, ""),
        (&admin, desk.created.owner_id.as_str()),
    ];
    for (caller, user_id) in denied {
        assert_refused(link(&desk, caller, user_id), &Kind::PermissionDenied, "Request unauthorized.");
    }
    for user_id in ["nobody", robot.as_str()] {
        assert_refused(link(&desk, &desk.owner, user_id), &Kind::NotFound, "not found");
    }
    let anonymous = desk.control.call(&Caller::Anonymous, &desk.request_context(), CREATE_LOGIN_LINK, b"");
    assert_refused(anonymous, &Kind::Unauthenticated, "request not authenticated");
}

#[test]
fn links_are_in_the_audit_log_without_their_codes() {
    let desk = Desk::new();
    let reader = desk.person("read@example.test", Role::Read);
    let made = link(&desk, &desk.owner, &principal(&reader).id).unwrap();
    link(&desk, &reader, &desk.created.owner_id).unwrap_err();
    redeem(&desk, &made).unwrap();
    let mut logs = desk.own(&GetAuditLogsRequest::default()).logs;
    let last: Vec<_> =
        logs.split_off(logs.len() - 3).into_iter().map(|record| (record.operation, record.status)).collect();
    let expected = [(CREATE_LOGIN_LINK, "OK"), (CREATE_LOGIN_LINK, "ERROR"), ("UserLogin", "OK")];
    assert_eq!(last, expected.map(|(operation, status)| (operation.to_owned(), status.to_owned())));
    let code = made.split_once("code=").unwrap().1;
    let logs = desk.own(&GetAuditLogsRequest::default()).logs;
    assert!(!format!("{logs:?}").contains(code));
}

#[test]
fn a_session_outlives_the_process_and_ends_with_its_time_its_user_or_by_itself() {
    let mut desk = Desk::new();
    let ada = desk.user("ada@example.test", Role::Read);
    let log_in = |desk: &Desk, user_id: &str, ticket: &str| {
        let link = link(desk, &desk.owner, user_id).unwrap();
        desk.control.log_in(link.split_once("?code=").unwrap().1, ticket, &desk.now_and_seed()).unwrap();
    };
    for ticket in ["one", "two"] {
        log_in(&desk, &ada, ticket);
    }
    desk.reopen();
    let user = |desk: &Desk, ticket: &str| desk.control.session_user(ticket, desk.now());
    assert_eq!((user(&desk, "one"), user(&desk, "three")), (Some(ada.clone()), None));
    desk.control.log_out("one", &desk.now_and_seed()).unwrap();
    desk.control.log_out("three", &desk.now_and_seed()).unwrap();
    desk.reopen();
    assert_eq!((user(&desk, "one"), user(&desk, "two")), (None, Some(ada.clone())));
    let version = desk.own(&GetUserRequest { user_id: ada.clone() }).user.unwrap().resource_version;
    desk.own(&DeleteUserRequest { user_id: ada, resource_version: version, ..DeleteUserRequest::default() });
    assert_eq!(user(&desk, "two"), None);
    log_in(&desk, &desk.created.owner_id, "four");
    desk.pass(SESSION_LIFETIME);
    assert_eq!(user(&desk, "four"), None);
    assert!(!format!("{:?}", desk.store).contains("\"four\""), "only its hash is kept");
}

/// With the key lost and the link used, the machine's operator makes new ones. It is in the audit log, and what the owner
/// has stays good.
#[test]
fn an_owner_comes_back_without_key_and_link() {
    let mut desk = Desk::new();
    desk.user("ada@example.test", Role::Read);
    let recovery = |email: Option<&str>| Recovery {
        email: email.map(str::to_owned),
        operator: "root".to_owned(),
        api_key_expires: desk.now() + DAY,
        login_secret: (desk.settings.secret)(),
        login_expires: desk.now() + DAY,
    };
    let recover = |recovery: &Recovery| recover_owner(&*desk.store, recovery, &desk.settings, &desk.now_and_seed());
    for wrong in ["ada@example.test", "nobody@example.test"] {
        let refused = recover(&recovery(Some(wrong))).unwrap_err().to_string();
        assert!(refused.contains("name one of the account's owners: owner@example.test"), "{refused}");
    }
    let (email, made) = recover(&recovery(None)).unwrap();
    assert_eq!((email.as_str(), &made.owner_id), ("owner@example.test", &desk.created.owner_id));
    assert_eq!(recover(&recovery(Some("OWNER@example.test"))).unwrap().1.owner_id, desk.created.owner_id);
    desk.reopen();
    let login = desk.control.log_in(&made.login_code, "ticket", &desk.now_and_seed());
    assert!(login.is_err(), "the second way back has voided the first one's code");
    for key in [&made.api_key_id, &desk.created.api_key_id] {
        assert_eq!(principal(&caller(&desk.control, key)).id, desk.created.owner_id);
    }
    let logs = desk.own(&GetAuditLogsRequest::default()).logs;
    let written: Vec<_> = logs.iter().filter(|record| record.operation == RECOVER_OWNER).collect();
    assert_eq!(written.len(), 2);
    let by = written[0].principal.clone().unwrap();
    assert_eq!((by.r#type.as_str(), by.name.as_str(), written[0].status.as_str()), ("operator", "root", "OK"));
    verify_audit(&*desk.store).unwrap();
}
