//! The table against the descriptor set; what it gives to whom is tested with the policy.

use std::collections::BTreeSet;

use prost::Message;

use super::*;

pub(crate) fn served() -> BTreeSet<String> {
    let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTOR_SET).unwrap();
    let mut paths = BTreeSet::new();
    for file in &set.file {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            if [WORKFLOW, OPERATOR].contains(&name.as_str()) {
                paths.extend(service.method.iter().map(|method| format!("/{name}/{}", method.name())));
            }
        }
    }
    paths
}

#[test]
fn every_served_method_has_one_permission_and_no_other_is_declared() {
    let served = served();
    assert!(served.len() > 100, "{} methods found", served.len());
    for path in &served {
        assert!(permission(path).is_some(), "{path} has no permission");
    }
    let mut declared = BTreeSet::new();
    for row in ROWS.iter().filter(|row| [WORKFLOW, OPERATOR].contains(&row.service)) {
        for method in row.methods {
            let path = format!("/{}/{method}", row.service);
            assert!(served.contains(&path), "{path} is declared but not in the descriptor set");
            assert!(declared.insert(path.clone()), "{path} is declared twice");
        }
    }
}

#[test]
fn what_is_not_declared_is_denied() {
    for path in ["", "/", "StartWorkflowExecution", "/temporal.api.workflowservice.v1.WorkflowService/", "/a.B/C"] {
        assert_eq!(permission(path), None, "{path}");
    }
}
