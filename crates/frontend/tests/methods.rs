//! Every method of the served services has a handler or answers "not yet", and the page that tells users agrees.

use std::{collections::BTreeMap, fs, path::Path};

use prost::Message;

const SERVICES: [(&str, &str); 2] = [
    ("WorkflowService", "temporal.api.workflowservice.v1.WorkflowService"),
    ("OperatorService", "temporal.api.operatorservice.v1.OperatorService"),
];

/// Service name to its methods.
fn declared() -> BTreeMap<String, Vec<String>> {
    let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTOR_SET)
        .expect("the descriptor set is generated at build time");
    let mut services = BTreeMap::new();
    for file in &set.file {
        for service in &file.service {
            let methods = service.method.iter().map(|method| method.name().to_owned()).collect();
            services.insert(format!("{}.{}", file.package(), service.name()), methods);
        }
    }
    services
}

/// The rows of one table of the page: name to state.
fn promised(heading: &str) -> BTreeMap<String, String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    let text = fs::read_to_string(page).expect("the page is in the repository");
    text.lines()
        .skip_while(|line| *line != format!("## {heading}"))
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, state)| (name.to_owned(), state.trim().trim_end_matches('|').trim().to_owned()))
        .collect()
}

#[test]
fn every_method_is_served_or_not_yet() {
    for (_, service) in SERVICES {
        for method in &declared()[service] {
            let path = format!("/{service}/{method}");
            assert!(frontend::is_served(&path) != frontend::not_yet(&path), "{path}");
        }
    }
}

/// The gate knows no more of a request that is not served.
#[test]
fn the_namespace_of_an_unserved_request_is_its_first_field() {
    let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTOR_SET)
        .expect("the descriptor set is generated at build time");
    let messages: BTreeMap<String, &prost_types::DescriptorProto> = set
        .file
        .iter()
        .flat_map(|file| file.message_type.iter().map(|kind| (format!(".{}.{}", file.package(), kind.name()), kind)))
        .collect();
    let services = set.file.iter().flat_map(|file| file.service.iter().map(|service| (file.package(), service)));
    let mut walked = 0;
    for (package, service) in services {
        for method in &service.method {
            let path = format!("/{package}.{}/{}", service.name(), method.name());
            let in_namespace = auth::permission(&path).is_some_and(|found| found.reach == auth::Reach::Namespace);
            if !frontend::not_yet(&path) || !in_namespace {
                continue;
            }
            let field = messages[method.input_type()].field.iter().find(|field| field.number() == 1);
            assert_eq!(field.map(|field| field.name()), Some("namespace"), "{path}");
            walked += 1;
        }
    }
    assert!(walked > 40, "{walked} methods");
}

#[test]
fn the_page_on_compatibility_agrees() {
    for (heading, service) in SERVICES {
        let promised = promised(heading);
        for method in &declared()[service] {
            let state = promised.get(method).unwrap_or_else(|| panic!("{service}/{method} is not on the page"));
            let works = state.starts_with("works") || state.starts_with("partial");
            assert_eq!(frontend::is_served(&format!("/{service}/{method}")), works, "{service}/{method}: {state}");
        }
    }
}

#[test]
fn other_services_are_not_served_here() {
    for (service, methods) in declared() {
        if SERVICES.iter().any(|(_, known)| *known == service) {
            continue;
        }
        for method in methods {
            let path = format!("/{service}/{method}");
            assert!(!frontend::is_served(&path) && !frontend::not_yet(&path), "{path}");
        }
    }
}
