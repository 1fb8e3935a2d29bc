//! Search attributes over the wire: what is accepted is found by a filter and shown alike in lists and in descriptions, and
//! nothing else; whatever the value looks like, and while definitions come, go and change.

#[cfg(test)]
mod attributes {
    use std::{collections::BTreeMap, future::pending, sync::Arc, time::Duration};

    use engine::{Config, Engine};
    use frontend::{About, Door, Loops, NewNamespace, ensure, serve};
    use model::{Limits, search_attribute::Value};
    use proto::temporal::api::{
        common::v1::{Payload, SearchAttributes, WorkflowExecution, WorkflowType},
        enums::v1::IndexedValueType,
        operatorservice::v1::{
            AddSearchAttributesRequest, RemoveSearchAttributesRequest, operator_service_client::OperatorServiceClient,
        },
        taskqueue::v1::TaskQueue,
        workflowservice::v1::{
            CountWorkflowExecutionsRequest, DescribeWorkflowExecutionRequest, ListWorkflowExecutionsRequest,
            StartWorkflowExecutionRequest, workflow_service_client::WorkflowServiceClient,
        },
    };
    use store::MemoryStore;
    use tokio::{net::TcpListener, task::JoinSet};
    use tonic::{
        Status,
        transport::{Channel, Endpoint},
    };

    /// One attribute of each type.
    const TYPES: [(&str, IndexedValueType); 7] = [
        ("B", IndexedValueType::Bool),
        ("D", IndexedValueType::Datetime),
        ("F", IndexedValueType::Double),
        ("I", IndexedValueType::Int),
        ("K", IndexedValueType::Keyword),
        ("L", IndexedValueType::KeywordList),
        ("T", IndexedValueType::Text),
    ];

    struct World {
        client: WorkflowServiceClient<Channel>,
        operator: OperatorServiceClient<Channel>,
        _loops: Loops,
        _servers: JoinSet<()>,
    }

    impl World {
        async fn new() -> Self {
            let limits = Limits { lists_per_second: 10_000, ..Limits::default() };
            let config = Config { shards: 1, limits: Arc::new(limits), address: String::new(), cached_runs: 10 };
            let engine = Engine::open(Arc::new(MemoryStore::new()), config).unwrap();
            let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
            let door = Door::new(engine, auth::Policy::Open, about, || uuid::Uuid::from_u128(1));
            let new = NewNamespace::named("default", Duration::from_secs(86_400));
            let search_attributes = TYPES.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
            ensure(&door, NewNamespace { search_attributes, ..new }).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let loops = Loops::start(1).unwrap();
            let mut servers = JoinSet::new();
            servers.spawn(serve(door, listener, loops.homes(), pending()));
            let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
            let operator = OperatorServiceClient::new(channel.clone());
            Self { client: WorkflowServiceClient::new(channel), operator, _loops: loops, _servers: servers }
        }

        /// Starts a workflow with one attribute, as JSON.
        async fn start(&mut self, id: &str, name: &str, json: &str, claims: Option<&str>) -> Result<(), Status> {
            let kind = claims.map(|claims| ("type".to_owned(), claims.to_owned().into()));
            let value = Payload {
                metadata: [("encoding".to_owned(), "json/plain".into())].into_iter().chain(kind).collect(),
                data: json.to_owned().into(),
                ..Payload::default()
            };
            let start = StartWorkflowExecutionRequest {
                namespace: "default".to_owned(),
                workflow_id: id.to_owned(),
                workflow_type: Some(WorkflowType { name: "T".to_owned() }),
                task_queue: Some(TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() }),
                request_id: id.to_owned(),
                search_attributes: Some(SearchAttributes { indexed_fields: [(name.to_owned(), value)].into() }),
                ..Default::default()
            };
            self.client.start_workflow_execution(start).await.map(drop)
        }

        /// The ids that a filter finds, each with its attributes as the list shows them; a count finds as many.
        async fn list(&mut self, query: &str) -> BTreeMap<String, BTreeMap<String, Payload>> {
            let (namespace, query) = ("default".to_owned(), query.to_owned());
            let count = CountWorkflowExecutionsRequest { namespace: namespace.clone(), query: query.clone() };
            let count = self.client.count_workflow_executions(count).await.unwrap().into_inner().count;
            let list = ListWorkflowExecutionsRequest { namespace, query, ..Default::default() };
            let list = self.client.list_workflow_executions(list).await.unwrap().into_inner();
            assert_eq!(list.executions.len() as i64, count);
            let shown = list.executions.into_iter();
            shown.map(|info| (info.execution.unwrap().workflow_id, fields(info.search_attributes.as_ref()))).collect()
        }

        async fn found(&mut self, query: &str) -> Vec<String> {
            self.list(query).await.into_keys().collect()
        }

        async fn described(&mut self, id: &str) -> BTreeMap<String, Payload> {
            let execution = Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() });
            let describe = DescribeWorkflowExecutionRequest { namespace: "default".to_owned(), execution };
            let answer = self.client.describe_workflow_execution(describe).await.unwrap().into_inner();
            fields(answer.workflow_execution_info.unwrap().search_attributes.as_ref())
        }

        async fn define(&mut self, name: &str, kind: Option<IndexedValueType>) {
            let namespace = "default".to_owned();
            match kind {
                Some(kind) => {
                    let search_attributes = [(name.to_owned(), kind.into())].into();
                    let add = AddSearchAttributesRequest { namespace, search_attributes };
                    self.operator.add_search_attributes(add).await.map(drop).unwrap();
                }
                None => {
                    let search_attributes = vec![name.to_owned()];
                    let remove = RemoveSearchAttributesRequest { namespace, search_attributes };
                    self.operator.remove_search_attributes(remove).await.map(drop).unwrap();
                }
            }
        }
    }

    fn fields(attributes: Option<&SearchAttributes>) -> BTreeMap<String, Payload> {
        attributes.iter().flat_map(|all| all.indexed_fields.clone()).collect()
    }

    fn data(payload: &Payload) -> String {
        String::from_utf8(payload.data.to_vec()).unwrap()
    }

    /// Each value, what lists show of it, and a literal that means it; or why it is refused.
    const VALUES: &[(&str, &str, Result<(&str, &str), &str>)] = &[
        ("D", "\"2024-01-31T10:20:30Z\"", Ok(("\"2024-01-31T10:20:30Z\"", "'2024-01-31T10:20:30Z'"))),
        ("D", "\"2024-01-31T1:20:30Z\"", Ok(("\"2024-01-31T01:20:30Z\"", "'2024-01-31T1:20:30Z'"))),
        ("D", "\"2024-01-31T10:20:30,5Z\"", Ok(("\"2024-01-31T10:20:30.5Z\"", "'2024-01-31T10:20:30.500Z'"))),
        ("D", "\"2024-02-01T10:20:30+24:00\"", Ok(("\"2024-02-01T10:20:30+24:00\"", "'2024-01-31T10:20:30+00:00'"))),
        ("D", "\"1600-01-01T00:00:00Z\"", Ok(("\"1600-01-01T00:00:00Z\"", "'1600-01-01T00:00:00Z'"))),
        ("D", "\"3000-01-01T00:00:00Z\"", Ok(("\"3000-01-01T00:00:00Z\"", "'3000-01-01T01:00:00+01:00'"))),
        ("D", "\"9999-12-31T23:59:59-05:00\"", Ok(("\"9999-12-31T23:59:59-05:00\"", "'9999-12-31T23:59:59-05:00'"))),
        ("D", "[null]", Ok(("\"0001-01-01T00:00:00Z\"", "'0001-01-01T00:00:00Z'"))),
        ("D", "\"2024-02-31T10:20:30Z\"", Err("2024-02-31T10:20:30Z")),
        ("D", "\"2024-01-31T23:59:60Z\"", Err("2024-01-31T23:59:60Z")),
        ("D", "0", Err("0")),
        ("I", "-0", Ok(("0", "0"))),
        ("I", "[7]", Ok(("7", "7"))),
        ("I", "9223372036854775807", Ok(("9223372036854775807", "9223372036854775807"))),
        ("I", "[1,2]", Err("[1 2]")),
        ("I", "1.0", Err("1")),
        ("F", "9007199254740993", Ok(("9007199254740992", "9007199254740993"))),
        ("F", "1e3", Ok(("1000", "1000.0"))),
        ("F", "[1,2.5]", Err("[1 2.5]")),
        ("B", "[false]", Ok(("false", "false"))),
        ("B", "\"true\"", Err("true")),
        ("K", "\"a'b\\\\\"", Ok(("\"a'b\\\\\"", "'a\\'b\\\\'"))),
        ("K", "[null]", Ok(("\"\"", "''"))),
        ("K", "[\"a\",\"b\"]", Err("[a b]")),
        ("L", "[\"x\",null]", Ok(("[\"x\",\"\"]", "'x'"))),
        ("L", "[[\"y\"]]", Ok(("[\"y\"]", "'y'"))),
        ("L", "\"x\"", Err("x")),
        ("T", "\"the quick fox\"", Ok(("\"the quick fox\"", "'quick'"))),
        ("T", "1", Err("1")),
    ];

    #[tokio::test]
    async fn what_is_accepted_is_found_and_shown() {
        let mut world = World::new().await;
        for (number, (name, json, expected)) in VALUES.iter().enumerate() {
            let id = format!("{name}-{number}");
            let answer = world.start(&id, name, json, None).await;
            match (expected, answer) {
                (Ok((shown, literal)), Ok(())) => {
                    let found = world.list(&format!("{name} = {literal} AND WorkflowId = '{id}'")).await;
                    assert_eq!(data(&found.get(&id).unwrap_or_else(|| panic!("{json} is not found"))[*name]), *shown);
                    assert_eq!(data(&world.described(&id).await[*name]), *json);
                    assert_eq!(world.found(&format!("{name} IS NULL AND WorkflowId = '{id}'")).await, [""; 0]);
                }
                (Err(shown), Err(status)) => {
                    assert!(status.message().ends_with(&format!(": {shown}")), "{json}: {}", status.message());
                }
                (expected, answer) => panic!("{json} for {name}: {answer:?}, not {expected:?}"),
            }
        }
        // Beyond what nanoseconds in 64 bits hold, one moment is not another.
        assert_eq!(world.found("D > '2500-01-01T00:00:00Z' AND D < '9000-01-01T00:00:00Z'").await, ["D-5"]);
        assert_eq!(world.found("D < '1000-01-01T00:00:00Z'").await, ["D-7"]);
        // What takes an attribute away leaves nothing to show.
        for (number, json) in ["null", "[]"].into_iter().enumerate() {
            let id = format!("nothing-{number}");
            world.start(&id, "K", json, None).await.unwrap();
            assert_eq!(world.found(&format!("K IS NULL AND WorkflowId = '{id}'")).await, [id]);
        }
    }

    #[tokio::test]
    async fn a_value_belongs_to_the_definition_under_which_it_was_set() {
        use IndexedValueType::{Int, Keyword, Text};
        let mut world = World::new().await;
        let name = "Changed";
        world.define(name, Some(Keyword)).await;
        world.start("keyword", name, "\"x\"", None).await.unwrap();
        // What a client says of the type does not count.
        world.start("lie", name, "\"x\"", Some("Text")).await.unwrap();
        assert_eq!(world.found("Changed = 'x'").await, ["keyword", "lie"]);
        world.define(name, None).await;
        assert!(world.list("").await.values().all(BTreeMap::is_empty));
        assert!(world.described("keyword").await.is_empty());

        for (id, kind, json) in [("int", Int, "5"), ("text", Text, "\"x\"")] {
            world.define(name, Some(kind)).await;
            assert_eq!(world.found("Changed IS NOT NULL").await, [""; 0], "{id}");
            assert!(world.described("lie").await.is_empty());
            world.start(id, name, json, None).await.unwrap();
            assert_eq!(world.found("Changed IS NOT NULL").await, [id]);
            assert_eq!(world.found(&format!("Changed = {}", json.replace('"', "'"))).await, [id]);
            let shown = world.list("WorkflowId = 'keyword' OR Changed IS NOT NULL").await;
            assert_eq!(
                shown.into_iter().filter(|(_, shown)| !shown.is_empty()).map(|(id, _)| id).collect::<Vec<_>>(),
                [id]
            );
            world.define(name, None).await;
        }

        world.define(name, Some(Keyword)).await;
        assert_eq!(world.found("Changed IS NOT NULL").await, ["keyword", "lie"]);
        for id in ["keyword", "lie"] {
            let payload = &world.described(id).await[name];
            let expected = Value::Keyword("x".to_owned()).to_payload();
            assert_eq!((&payload.data, &payload.metadata["type"]), (&expected.data, &expected.metadata["type"]));
        }
        assert_eq!(world.found("Changed IS NULL").await, ["int", "text"]);
    }
}
