//! The pages of an account in a browser: the login link, sessions, and what a user gets to see.

use std::collections::BTreeMap;

use model::Limits;
use proto::temporal::api::{
    cloud::{
        cloudservice::v1::{CreateUserRequest, GetUsersRequest, UpdateUserRequest},
        identity::v1::{Access, AccountAccess, User, UserSpec, account_access::Role},
        namespace::v1::ApiKeyAuthSpec,
    },
    command::v1::{CancelWorkflowExecutionCommandAttributes, Command, command::Attributes},
    common::v1::{Payload, Payloads, WorkflowExecution, WorkflowType},
    enums::v1::{CommandType, WorkflowTaskFailedCause},
    failure::v1::Failure,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        PollWorkflowTaskQueueRequest, RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest,
        StartWorkflowExecutionRequest, TerminateWorkflowExecutionRequest,
    },
};

use crate::{
    browser::{Page, ask, send},
    pki::{Authority, GOOD},
    world::{Account, World, create_namespace, with},
};

/// An id and an input that would be markup if they were not escaped.
const EVIL: &str = "<script>alert('id')</script>&amp;\"/..";
const EVIL_PATH: &str = "%3Cscript%3Ealert%28%27id%27%29%3C%2Fscript%3E%26amp%3B%22%2F..";

/// Opens a login link, and gives back the cookie of its page and what its button sends.
async fn open_link(world: &World, link: &str) -> (String, String) {
    let page = ask(world.web, "GET", link, &[]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let field = |name: &str| {
        let behind = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        format!("{name}={}", behind.split('"').next().unwrap())
    };
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/login; SameSite=Strict; Max-Age=600; HttpOnly"), "{cookie}");
    (cookie.split(';').next().unwrap().to_owned(), format!("{}&{}", field("code"), field("check")))
}

async fn press(world: &World, cookie: &str, form: &str) -> Page {
    let headers = [("Cookie", cookie), ("Content-Type", "application/x-www-form-urlencoded")];
    send(world.web, "POST", "/login", &headers, form).await
}

/// Logs in by the owner's link, and gives the cookie back.
async fn log_in(world: &World) -> String {
    let (cookie, form) = open_link(world, &format!("/login?code={}", world.login_code)).await;
    let page = press(world, &cookie, &form).await;
    assert_eq!(page.location(), (303, Some("/namespaces")));
    page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

async fn get(world: &World, cookie: &str, path: &str) -> Page {
    ask(world.web, "GET", path, &[("Cookie", cookie)]).await
}

/// Starts a workflow and returns its run's id.
async fn start(world: &World, namespace: &str, workflow_id: &str) -> String {
    let payload = Payload {
        metadata: BTreeMap::from([("encoding".to_owned(), "json/plain".as_bytes().into())]),
        data: "\"<img src=x onerror=alert(1)>\"".as_bytes().into(),
        ..Default::default()
    };
    let request = StartWorkflowExecutionRequest {
        namespace: namespace.to_owned(),
        workflow_id: workflow_id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Pay<i>".to_owned() }),
        task_queue: Some(TaskQueue { name: "queue".to_owned(), ..Default::default() }),
        input: Some(Payloads { payloads: vec![payload] }),
        request_id: "1".to_owned(),
        ..Default::default()
    };
    let request = with(request, &world.owner_key, namespace);
    world.workflows(None).start_workflow_execution(request).await.unwrap().into_inner().run_id
}

#[tokio::test]
async fn a_login_link_works_once() {
    let world = Account::new().serve().await;
    let link = format!("/login?code={}", world.login_code);
    // What opens links unasked does not use it up.
    for verb in ["HEAD", "GET", "GET"] {
        assert_eq!(ask(world.web, verb, &link, &[]).await.status, 200);
    }
    let (check, form) = open_link(&world, &link).await;
    let headers = [("Cookie", check.as_str()), ("X-Forwarded-Proto", "https")];
    let first = send(world.web, "POST", "/login", &headers, &form).await;
    assert_eq!(first.location(), (303, Some("/namespaces")));
    let cookie = first.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; SameSite=Lax; Max-Age=43200; HttpOnly; Secure"), "{cookie}");
    let again = press(&world, &check, &form).await;
    assert_eq!((again.status, again.header("set-cookie")), (401, None));
    assert!(again.body.contains("has been used, has expired"), "{}", again.body);
    // A dead link says how to come by another.
    for way in ["perdure cloud user login-link --email", "perdure cloud recover --config", "href=\"/namespaces\""] {
        assert!(again.body.contains(way), "{way} in {}", again.body);
    }
    let field = check.split_once('=').unwrap().1;
    for wrong in ["nope".to_owned(), "a".repeat(129), String::new()] {
        assert_eq!(press(&world, &check, &format!("code={wrong}&check={field}")).await.status, 401);
    }
    assert_eq!(press(&world, &check, &"a".repeat(4_097)).await.status, 400);
    assert_eq!(ask(world.web, "GET", "/login", &[]).await.status, 200);
    assert_eq!(ask(world.web, "GET", &format!("/login?code={}", "a".repeat(129)), &[]).await.status, 401);
}

#[tokio::test]
async fn a_login_leads_to_the_page_that_was_asked_for() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    let path = format!("/namespaces/{bank}/workflows?query=A%3D%27b%27");
    let asked = ask(world.web, "GET", &path, &[]).await;
    assert_eq!(asked.location(), (303, Some("/login")));
    let next = asked.header("set-cookie").unwrap().split(';').next().unwrap();
    let (check, form) = open_link(&world, &format!("/login?code={}", world.login_code)).await;
    let page = press(&world, &format!("{next}; {check}"), &form).await;
    assert_eq!(page.location(), (303, Some(path.as_str())));
    assert_eq!(ask(world.web, "GET", "/", &[]).await.header("set-cookie"), None);
}

#[tokio::test]
async fn another_site_logs_no_visitor_in() {
    let world = Account::new().serve().await;
    let (check, form) = open_link(&world, &format!("/login?code={}", world.login_code)).await;
    let code = form.split('&').next().unwrap();
    // Another site knows a code of its own, and neither the cookie nor what is in it.
    for (cookie, form) in
        [("", form.as_str()), (&check, code), ("", code), ("perdure_login=", &format!("{code}&check="))]
    {
        let refused = press(&world, cookie, form).await;
        assert_eq!((refused.status, refused.header("set-cookie")), (403, None), "{cookie} {form}");
    }
    // The code is as good as before.
    assert_eq!(press(&world, &check, &form).await.status, 303);
}

#[tokio::test]
async fn wrong_codes_are_slowed_by_address() {
    let world = Account::new().serve().await;
    let (check, form) = open_link(&world, &format!("/login?code={}", world.login_code)).await;
    let field = check.split_once('=').unwrap().1;
    let from = async |address: &str, form: &str| {
        let headers = [("Cookie", check.as_str()), ("X-Forwarded-For", address)];
        send(world.web, "POST", "/login", &headers, form).await
    };
    let wrong = format!("code=nope&check={field}");
    let mut answers = Vec::new();
    for _ in 0..=Limits::default().wrong_credentials + 30 {
        answers.push(from("8.8.8.8, 192.0.2.1", &wrong).await);
    }
    // It may get some back meanwhile.
    assert!(answers.iter().take(20).all(|answer| answer.status == 401));
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.body.contains("too many wrong credentials from this address"), "{}", refused.body);
    // The proxy's other users are not slowed, and the code is as good as before.
    assert_eq!(from("192.0.2.2", &form).await.status, 303);
}

#[tokio::test]
async fn what_other_sites_send_ends_no_session() {
    let world = Account::new().serve().await;
    let cookie = log_in(&world).await;
    // A browser leaves the session's cookie out there.
    let out = ask(world.web, "POST", "/logout", &[]).await;
    assert_eq!((out.location(), out.header("set-cookie")), ((303, Some("/login")), None));
    assert_eq!(get(&world, &cookie, "/namespaces").await.status, 200);
}

#[tokio::test]
async fn only_an_open_session_sees_anything() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    let workflows = format!("/namespaces/{bank}/workflows");
    let unknown = format!("perdure_session={}", "0".repeat(64));
    for cookie in ["", "perdure_session=", unknown.as_str()] {
        for path in ["/", "/namespaces", workflows.as_str(), "/nothing"] {
            assert_eq!(get(&world, cookie, path).await.location(), (303, Some("/login")), "{cookie} {path}");
        }
    }
    let cookie = log_in(&world).await;
    assert_eq!(get(&world, &cookie, "/").await.location(), (303, Some("/namespaces")));
    let page = get(&world, &cookie, "/namespaces").await;
    assert!(page.status == 200 && page.body.contains(&format!("<a href=\"{workflows}\">{bank}</a>")), "{}", page.body);
    assert!(page.body.contains("owner@example.test"), "{}", page.body);
    assert_eq!(page.header("content-security-policy"), Some(web::CONTENT_SECURITY_POLICY));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(get(&world, &cookie, "/nothing").await.status, 404);
    assert_eq!(get(&world, &cookie, "/namespaces?token=zz").await.status, 400);
    assert_eq!(ask(world.web, "POST", &workflows, &[("Cookie", &cookie)]).await.status, 405);
    assert_eq!(get(&world, &cookie, "/logout").await.status, 404);
    let out = ask(world.web, "POST", "/logout", &[("Cookie", &cookie)]).await;
    assert_eq!(out.location(), (303, Some("/login")));
    assert!(out.header("set-cookie").unwrap().starts_with("perdure_session=; Path=/; SameSite=Lax; Max-Age=0"));
    assert_eq!(get(&world, &cookie, "/namespaces").await.location(), (303, Some("/login")));
}

#[tokio::test]
async fn a_run_is_seen_in_list_description_and_history_as_text() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    let run_id = start(&world, &bank, EVIL).await;
    let cookie = log_in(&world).await;
    let run = format!("/namespaces/{bank}/workflows/{EVIL_PATH}/{run_id}");
    let escaped = "&lt;script&gt;alert('id')&lt;/script&gt;&amp;amp;&quot;/..";
    let list = get(&world, &cookie, &format!("/namespaces/{bank}/workflows")).await;
    assert!(list.body.contains(&format!("<a href=\"{run}\">{escaped}</a>")), "{}", list.body);
    assert!(list.body.contains("Running") && list.body.contains("Pay&lt;i&gt;"), "{}", list.body);
    let latest = run.rsplit_once('/').unwrap().0.to_owned();
    let history = format!("{run}/history");
    for path in [run.as_str(), &latest, &history] {
        let page = get(&world, &cookie, path).await;
        assert!(page.status == 200 && page.body.contains(escaped) && page.body.contains(&run_id), "{}", page.body);
        assert!(!page.body.contains("<script>") && !page.body.contains("<img"), "{}", page.body);
    }
    let history = get(&world, &cookie, &history).await;
    assert!(history.body.contains("&quot;&lt;img src=x onerror=alert(1)&gt;&quot;"), "{}", history.body);
    assert!(history.body.contains("WorkflowExecutionStarted") && history.body.contains("WorkflowTaskScheduled"));
    let filter = |filter: &str| format!("/namespaces/{bank}/workflows?query={filter}");
    let none = get(&world, &cookie, &filter("WorkflowType%3D%27%3Cb%3E%27")).await;
    assert!(none.body.contains("No workflows.") && none.body.contains("WorkflowType='&lt;b&gt;'"), "{}", none.body);
    let broken = get(&world, &cookie, &filter("Nope%3D%22%3Cb%3E%22")).await;
    // A wrong filter stands there to be mended, with what is wrong.
    let kept = "<input name=\"query\" value=\"Nope=&quot;&lt;b&gt;&quot;\"";
    assert!(broken.status == 400 && broken.body.contains(kept), "{}", broken.body);
    assert!(broken.body.contains("The filter is not understood: </strong>invalid query"), "{}", broken.body);
    let ticked = get(&world, &cookie, &filter("%60ExecutionStatus%60%3D%22Running%22")).await;
    assert!(ticked.status == 200 && ticked.body.contains(escaped), "{}", ticked.body);
    assert_eq!(get(&world, &cookie, &format!("/namespaces/{bank}/workflows/absent")).await.status, 404);
    // A bookmark of the other UI leads on.
    assert_eq!(
        get(&world, &cookie, &format!("{run}/timeline")).await.location(),
        (303, Some(&*format!("{run}/history")))
    );
    let schedules = get(&world, &cookie, &format!("/namespaces/{bank}/schedules")).await;
    assert!(schedules.status == 404 && schedules.body.contains("do not show schedules yet"), "{}", schedules.body);
}

/// What went wrong stands before all else on a run's page: of a run that is open, of its Workflow Task; of a closed one, how
/// it ended.
#[tokio::test]
async fn what_went_wrong_is_told_first() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    let run_id = start(&world, &bank, "pay").await;
    let cookie = log_in(&world).await;
    let path = format!("/namespaces/{bank}/workflows/pay/{run_id}");
    let waiting = get(&world, &cookie, &path).await.body;
    assert!(waiting.contains("<strong>No worker polls the Task Queue &quot;queue&quot;</strong>"), "{waiting}");
    for _ in 0..2 {
        fail_task(&world, &bank).await;
    }
    let page = get(&world, &cookie, &path).await.body;
    let headline = "Workflow Task failed: WorkflowWorkerUnhandledFailure, now at attempt 3";
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text:?} in {page}"));
    assert!(place(headline) < place("run() lacks &lt;an argument&gt;"));
    assert!(place("run() lacks &lt;an argument&gt;") < place("<dt>Status</dt>"));
    let terminate = TerminateWorkflowExecutionRequest {
        namespace: bank.clone(),
        workflow_execution: Some(WorkflowExecution { workflow_id: "pay".to_owned(), run_id }),
        reason: "enough".to_owned(),
        identity: "ada".to_owned(),
        ..Default::default()
    };
    world.workflows(None).terminate_workflow_execution(with(terminate, &world.owner_key, &bank)).await.unwrap();
    let page = get(&world, &cookie, &path).await.body;
    assert!(page.contains("<strong>Workflow Execution terminated by ada</strong><pre>enough</pre>"), "{page}");
    // A task that failed before a good end went wrong with nothing any more.
    let run_id = start(&world, &bank, "called-off").await;
    fail_task(&world, &bank).await;
    let cancel =
        Attributes::CancelWorkflowExecutionCommandAttributes(CancelWorkflowExecutionCommandAttributes::default());
    let done = RespondWorkflowTaskCompletedRequest {
        namespace: bank.clone(),
        task_token: poll_task(&world, &bank).await,
        commands: vec![Command {
            command_type: CommandType::CancelWorkflowExecution.into(),
            attributes: Some(cancel),
            ..Default::default()
        }],
        ..Default::default()
    };
    world.workflows(None).respond_workflow_task_completed(with(done, &world.owner_key, &bank)).await.unwrap();
    let page = get(&world, &cookie, &format!("/namespaces/{bank}/workflows/called-off/{run_id}")).await.body;
    assert!(page.contains("<dd>Canceled</dd>") && !page.contains("class=\"trouble\""), "{page}");
}

/// A worker takes the next Workflow Task; gives back its token.
async fn poll_task(world: &World, namespace: &str) -> bytes::Bytes {
    let poll = PollWorkflowTaskQueueRequest {
        namespace: namespace.to_owned(),
        task_queue: Some(TaskQueue { name: "queue".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let mut poll = with(poll, &world.owner_key, namespace);
    poll.set_timeout(std::time::Duration::from_secs(30));
    world.workflows(None).poll_workflow_task_queue(poll).await.unwrap().into_inner().task_token
}

/// A worker takes the next Workflow Task and fails it.
async fn fail_task(world: &World, namespace: &str) {
    let failed = RespondWorkflowTaskFailedRequest {
        namespace: namespace.to_owned(),
        task_token: poll_task(world, namespace).await,
        cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure.into(),
        failure: Some(Failure { message: "run() lacks <an argument>".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    world.workflows(None).respond_workflow_task_failed(with(failed, &world.owner_key, namespace)).await.unwrap();
}

#[tokio::test]
async fn long_lists_go_on() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    for number in 0..101 {
        start(&world, &bank, &format!("pay-{number}")).await;
    }
    let cookie = log_in(&world).await;
    let path = format!("/namespaces/{bank}/workflows");
    let first = get(&world, &cookie, &format!("{path}?query=WorkflowType%3D%27Pay%3Ci%3E%27")).await;
    let next = first.body.split("<a rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let second = get(&world, &cookie, &next.replace("&amp;", "&")).await;
    let rows = |page: &Page| page.body.matches("<tr>").count() - 1;
    assert_eq!((rows(&first), rows(&second)), (100, 1));
    assert!(!second.body.contains("rel=\"next\""));
}

#[tokio::test]
async fn a_namespace_without_keys_is_shown_all_the_same() {
    let world = Account::new().serve().await;
    let authority = Authority::new("clients of the bank");
    let mut request = create_namespace("bank", Some(&authority));
    request.spec.as_mut().unwrap().api_key_auth = Some(ApiKeyAuthSpec { enabled: false });
    let made = world.cloud().create_namespace(with(request, &world.owner_key, "")).await.unwrap().into_inner();
    world.done(made.async_operation.unwrap()).await;
    let _ = authority.client("worker", GOOD);
    let cookie = log_in(&world).await;
    assert_eq!(get(&world, &cookie, &format!("/namespaces/{}/workflows", made.namespace)).await.status, 200);
}

fn role(email: &str, role: Role) -> Option<UserSpec> {
    let access = AccountAccess { role: role.into(), ..Default::default() };
    let access = Access { account_access: Some(access), ..Default::default() };
    Some(UserSpec { email: email.to_owned(), access: Some(access) })
}

/// Another owner comes, and the first one becomes a developer without a right in any namespace.
async fn demote(world: &World) {
    let mut cloud = world.cloud();
    let users = cloud.get_users(with(GetUsersRequest::default(), &world.owner_key, "")).await.unwrap().into_inner();
    let User { id, resource_version, .. } = users.users[0].clone();
    let other = CreateUserRequest { spec: role("other@example.test", Role::Owner), ..Default::default() };
    cloud.create_user(with(other, &world.owner_key, "")).await.unwrap();
    let demoted = UpdateUserRequest {
        user_id: id,
        spec: role("owner@example.test", Role::Developer),
        resource_version,
        ..Default::default()
    };
    cloud.update_user(with(demoted, &world.owner_key, "")).await.unwrap();
}

#[tokio::test]
async fn rights_are_those_of_the_moment_and_nothing_tells_whether_there_is_a_namespace() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    let run_id = start(&world, &bank, "pay").await;
    let cookie = log_in(&world).await;
    let paths = |namespace: &str| {
        ["workflows".to_owned(), format!("workflows/pay/{run_id}"), format!("workflows/pay/{run_id}/history")]
            .map(|rest| format!("/namespaces/{namespace}/{rest}"))
    };
    for path in paths(&bank) {
        assert_eq!(get(&world, &cookie, &path).await.status, 200, "{path}");
    }
    demote(&world).await;
    for (foreign, absent) in paths(&bank).iter().zip(paths("nobody.a2dd6")) {
        let (foreign, absent) = (get(&world, &cookie, foreign).await, get(&world, &cookie, &absent).await);
        assert_eq!((foreign.status, &foreign.body), (403, &absent.body));
        assert!(absent.status == 403 && absent.body.contains("Request unauthorized."), "{}", absent.body);
    }
    let list = get(&world, &cookie, "/namespaces").await;
    assert!(list.status == 200 && list.body.contains("There are no namespaces"), "{}", list.body);
}
