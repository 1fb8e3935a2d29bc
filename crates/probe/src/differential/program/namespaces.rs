//! Programs that administer: namespaces from registration to deletion, and their search attributes.

use serde_json::{Value, json};

use super::{Program, text};
use crate::differential::pair::Stop;

impl Program {
    /// A namespace of its own, lived through.
    pub(crate) async fn administer(&mut self) -> Result<(), Stop> {
        let namespace = self.fresh("n");
        let mut request = json!({
            "namespace": namespace, "workflowExecutionRetentionPeriod": format!("{}s", 86_400 * (1 + self.seed.below(4))),
        });
        let options = [
            ("description", json!("a description")),
            ("ownerEmail", json!("owner@example.com")),
            ("data", json!({"key": "value"})),
            ("isGlobalNamespace", json!(false)),
        ];
        for (name, value) in options {
            if self.seed.chance(50) {
                request[name] = value;
            }
        }
        self.must("RegisterNamespace", request.clone()).await?;
        self.call("RegisterNamespace", request).await?;
        self.describe_namespace(&namespace).await?;
        for _ in 0..2 + self.seed.below(4) {
            self.change_namespace(&namespace).await?;
            self.describe_namespace(&namespace).await?;
        }
        self.call("ListNamespaces", json!({"pageSize": 10_000})).await?;
        if self.seed.chance(60) {
            self.change_search_attributes(&namespace).await?;
        }
        match self.seed.below(3) {
            0 => {
                self.must("DeprecateNamespace", json!({"namespace": namespace})).await?;
                self.describe_namespace(&namespace).await?;
            }
            1 => {
                self.must("DeleteNamespace", json!({"namespace": namespace})).await?;
                let gone = |answer: &Value| answer["code"] == "NOT_FOUND";
                self.pair.read("DescribeNamespace", json!({"namespace": namespace}), gone).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn describe_namespace(&mut self, namespace: &str) -> Result<(), Stop> {
        let reply = self.must("DescribeNamespace", json!({"namespace": namespace})).await?;
        if self.seed.chance(30) {
            let id = text(&reply, "/namespaceInfo/id");
            self.call("DescribeNamespace", json!({"id": id})).await?;
        }
        Ok(())
    }

    async fn change_namespace(&mut self, namespace: &str) -> Result<(), Stop> {
        let change = match self.seed.below(5) {
            0 => json!({"updateInfo": {"description": format!("another {}", self.seed.below(9))}}),
            1 => json!({"updateInfo": {"ownerEmail": "other@example.com"}}),
            2 => json!({"updateInfo": {"data": {format!("key{}", self.seed.below(3)): "new"}}}),
            3 => {
                json!({"config": {"workflowExecutionRetentionTtl": format!("{}s", 86_400 * (1 + self.seed.below(9)))}})
            }
            _ => json!({"updateInfo": {"description": "both"}, "config": {"workflowExecutionRetentionTtl": "172800s"}}),
        };
        let mut request = change;
        request["namespace"] = json!(namespace);
        self.call("UpdateNamespace", request).await?;
        Ok(())
    }

    async fn change_search_attributes(&mut self, namespace: &str) -> Result<(), Stop> {
        let added = json!({
            "namespace": namespace,
            "searchAttributes": {"Colour": "INDEXED_VALUE_TYPE_KEYWORD", "Weight": "INDEXED_VALUE_TYPE_DOUBLE"},
        });
        self.must("AddSearchAttributes", added.clone()).await?;
        let has = |reply: &Value| reply["customAttributes"].get("Colour").is_some();
        self.pair.read("ListSearchAttributes", json!({"namespace": namespace}), has).await?;
        self.call("AddSearchAttributes", added).await?;
        let removed = json!({"namespace": namespace, "searchAttributes": ["Colour"]});
        self.must("RemoveSearchAttributes", removed.clone()).await?;
        let has_not = |reply: &Value| reply["customAttributes"].get("Colour").is_none();
        self.pair.read("ListSearchAttributes", json!({"namespace": namespace}), has_not).await?;
        self.call("RemoveSearchAttributes", removed).await?;
        Ok(())
    }
}
