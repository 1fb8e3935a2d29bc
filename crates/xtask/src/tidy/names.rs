//! Names that say nothing are not used for files, folders, modules or types.

use super::{Finding, House};

const RULE: &str = "names";
const EMPTY: [&str; 5] = ["util", "common", "helper", "manager", "impl"];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in &house.files {
        let stem_words = path.split(['/', '.', '-', '_']);
        for word in stem_words.filter(|word| is_empty(word)) {
            findings.push(Finding::new(RULE, path, format!("\"{word}\" in a path says nothing: name what it holds")));
        }
    }
    for source in &house.sources {
        for pair in source.tokens().windows(2) {
            let declares = matches!(pair[0].text, "mod" | "struct" | "enum" | "trait" | "type" | "union");
            if declares && words(pair[1].text).iter().any(|word| is_empty(word)) {
                let place = format!("{}:{}", source.path, pair[1].line);
                findings.push(Finding::new(RULE, place, format!("`{}` says nothing: name what it is", pair[1].text)));
            }
        }
    }
    findings
}

fn is_empty(word: &str) -> bool {
    EMPTY.iter().any(|empty| word.eq_ignore_ascii_case(empty) || word.eq_ignore_ascii_case(&format!("{empty}s")))
}

/// `FooBar` and `foo_bar` alike are `foo` and `bar`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().into_iter().for_each(|word| word.push(c));
        }
    }
    words
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let of = |path, code| super::Planted::of(&[(path, code)]);
    vec![
        of("crates/a/src/utils.rs", "").found("\"utils\" in a path says nothing"),
        of("docs/common-words/b.md", "").found("\"common\" in a path says nothing"),
        of("crates/a/src/b.rs", "\nstruct QueueManager;").found("`QueueManager` says nothing").at(2),
        of("crates/a/src/b.rs", "enum Helper {}").found("`Helper` says nothing"),
        of("crates/a/src/b.rs", "mod run_impl {}").found("`run_impl` says nothing"),
    ]
}
