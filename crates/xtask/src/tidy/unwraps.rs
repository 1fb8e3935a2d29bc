//! Where the code may panic on a missing value: nowhere in the machine, hardly anywhere else, freely in tests.

use super::{Finding, House};

const RULE: &str = "unwrap";
/// `unwrap` and `expect` per thousand lines of code outside tests.
const MOST_PER_THOUSAND: f64 = 0.5;

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut places = Vec::new();
    let mut lines = 0;
    for source in house.sources.iter().filter(|source| source.path.starts_with("crates/")) {
        lines += source.code_lines();
        for triple in source.tokens().windows(3) {
            let panics = matches!([triple[0].text, triple[1].text, triple[2].text], [".", "unwrap" | "expect", "("]);
            if !panics || source.is_test(triple[1].line) {
                continue;
            }
            let place = format!("{}:{}", source.path, triple[1].line);
            if source.crate_name() == Some("machine") {
                findings.push(Finding::new(RULE, place.clone(), "the machine never panics: return a reject"));
            }
            places.push(place);
        }
    }
    let most = (MOST_PER_THOUSAND * lines as f64 / 1_000.0).floor() as usize;
    if places.len() > most {
        let message = format!("{} outside tests, at most {most} in {lines} lines: {}", places.len(), places.join(", "));
        findings.push(Finding::new(RULE, "crates", message));
    }
    findings
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let code = "fn f() {\n    a.unwrap();\n}\n#[cfg(test)]\nmod tests { fn t() { a.unwrap() } }";
    let of = |path| super::Planted::of(&[(path, code)]);
    vec![
        of("crates/machine/src/lib.rs").found("the machine never panics").at(2),
        of("crates/engine/src/lib.rs").found("1 outside tests, at most 0 in"),
        super::Planted::of(&[("crates/a/src/b.rs", "fn f() { a.expect(\"b\") }")]).found("1 outside tests"),
    ]
}
