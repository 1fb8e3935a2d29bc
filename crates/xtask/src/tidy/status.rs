//! A gRPC status that the server answers with is made in one place, so that code, text and details of one meaning are the
//! same wherever it occurs. Clients, which only make a status of their own broken connection, are left alone.

use super::{Finding, House};

const RULE: &str = "status";
const PLACE: &str = "crates/transport/src/status.rs";
/// Crates that are clients.
const CLIENTS: [&str; 2] = ["cli", "probe"];

/// What makes a `tonic::Status`, but for what reads one that a server has sent.
const CONSTRUCTORS: [&str; 21] = [
    "aborted",
    "already_exists",
    "cancelled",
    "data_loss",
    "deadline_exceeded",
    "failed_precondition",
    "from_error",
    "internal",
    "invalid_argument",
    "new",
    "not_found",
    "ok",
    "out_of_range",
    "permission_denied",
    "resource_exhausted",
    "unauthenticated",
    "unavailable",
    "unimplemented",
    "unknown",
    "with_details",
    "with_metadata",
];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let is_client = |name: Option<&str>| name.is_none_or(|name| CLIENTS.contains(&name));
    let served = house.sources.iter().filter(|source| !is_client(source.crate_name()) && source.path != PLACE);
    let mut findings = Vec::new();
    for source in served {
        for words in source.tokens().windows(4) {
            let [kind, first, second, name] = words else { continue };
            let makes = kind.text == "Status" && first.text == ":" && second.text == ":";
            if makes && CONSTRUCTORS.contains(&name.text) && !source.is_test(name.line) {
                let place = format!("{}:{}", source.path, name.line);
                let message = format!("`Status::{}` is made outside {PLACE}: say there what is meant", name.text);
                findings.push(Finding::new(RULE, place, message));
            }
        }
    }
    findings
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let code = "fn f() -> Status {\n    tonic::Status::unimplemented(\"g\")\n}";
    let mend = |path| super::Planted::of(&[(path, code)]);
    vec![
        mend("crates/frontend/src/router.rs").found("`Status::unimplemented` is made outside").at(2),
        mend("crates/engine/src/lib.rs").found("`Status::unimplemented` is made outside"),
        super::Planted::of(&[("crates/web/src/a.rs", "fn f() { map(Status::from_error) }")]).found("from_error"),
    ]
}

#[cfg(test)]
mod tests {
    use super::{House, PLACE, check};

    #[test]
    fn one_place_of_each_crate_and_what_is_no_making_are_right() {
        let code = "fn f() { Status::internal(\"x\") }";
        let tests = "#[cfg(test)]\nmod tests { fn f() { Status::internal(\"x\") } }";
        let reads = "fn f() { (Status::from_header_map(h), Status::code, WorkerStatus::new(), Status::Running) }";
        let house = House::of(&[
            (PLACE, code),
            ("crates/cli/src/health.rs", code),
            ("crates/frontend/tests/calls.rs", code),
            ("crates/frontend/src/tests_inside.rs", tests),
            ("crates/frontend/src/reads.rs", reads),
        ]);
        assert!(check(&house).is_empty());
    }
}
