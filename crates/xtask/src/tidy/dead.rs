//! What is `pub` is for other files: an item that no other file of the product names is private, or not needed at all. The
//! compiler finds what a crate has for itself and doesn't use; what it offers to others it takes for used.
//!
//! Names are compared, not what they stand for, so an item that shares its name with one that is used goes unseen.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Finding, House,
    source::{Source, Token},
};

const RULE: &str = "dead";

/// Path, name, and why it is `pub` all the same: only tests name it, and it can't be where they reach it otherwise.
const FOR_TESTS: &[(&str, &str, &str)] = &[
    ("crates/control/src/control.rs", "retire_signing_key", "the last step of a change of keys; its command waits"),
    ("crates/engine/src/driver/history.rs", "NONE", "tests read whole histories"),
    ("crates/engine/src/driver/mod.rs", "open_by", "tests bring clocks of their own"),
    ("crates/engine/src/lane/queue.rs", "task_queues", "tests see that an idle queue costs no memory"),
    ("crates/frontend/src/cloud/paths.rs", "http_path", "tests walk all paths"),
    ("crates/proto/src/cause.rs", "MOST_FAILURES", "tests make the longest chain, and one that is longer"),
    ("crates/transport/src/listen/mismatch.rs", "SPEAK_PLAIN", "tests speak the wrong protocol"),
    ("crates/transport/src/listen/mismatch.rs", "SPEAK_TLS", "tests speak the wrong protocol"),
    ("crates/store-sqlite/src/lib.rs", "catch_up", "tests say when a store folds"),
    ("crates/store/src/lib.rs", "conformance", "the script that each storage engine's tests run"),
];

/// Words between `pub` and the kind of an item.
const QUALIFIERS: [&str; 3] = ["async", "const", "unsafe"];

/// An item that says `pub`.
struct Item<'a> {
    /// `fn`, `const`, `struct`, ….
    kind: &'a str,
    name: Token<'a>,
}

pub(super) fn check(house: &House) -> Vec<Finding> {
    beyond(FOR_TESTS, house)
}

/// What breaks the rule beyond these exceptions, and exceptions that are none any more.
fn beyond(exceptions: &[(&str, &str, &str)], house: &House) -> Vec<Finding> {
    let product: Vec<&Source> = house.sources.iter().filter(|source| source.path.starts_with("crates/")).collect();
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in &product {
        for token in outside_exports(source) {
            named.entry(token.text).or_default().insert(&source.path);
        }
    }
    let mut findings = Vec::new();
    let mut met = Vec::new();
    for source in product.iter().filter(|source| source.path.contains("/src/")) {
        for Item { kind, name } in items(source) {
            let elsewhere = named.get(name.text).is_some_and(|paths| paths.iter().any(|path| *path != source.path));
            if elsewhere || (is_type(kind) && is_in_signature(source, name.text)) {
                continue;
            }
            if let Some((path, name, _)) =
                exceptions.iter().find(|(path, listed, _)| *path == source.path && *listed == name.text)
            {
                met.push((*path, *name));
                continue;
            }
            let message =
                format!("no other file names the `pub {kind}` \"{}\": make it private, or remove it", name.text);
            findings.push(Finding::new(RULE, format!("{}:{}", source.path, name.line), message));
        }
    }
    for (path, name, _) in exceptions.iter().filter(|(path, name, _)| !met.contains(&(*path, *name))) {
        let message = format!("\"{name}\" is listed in dead.rs but gone or named: remove the line");
        findings.push(Finding::new(RULE, *path, message));
    }
    findings
}

/// The tokens of a file that are neither in tests nor in a `pub use`, which hands on and doesn't use, unless it is under
/// another name.
fn outside_exports(source: &Source) -> Vec<Token<'_>> {
    let mut exports = false;
    let tokens = source.tokens();
    let is_export = |index: usize| {
        let words: Vec<&str> = tokens[index..].iter().take(5).map(|token| token.text).collect();
        words.starts_with(&["pub", "use"]) || matches!(words[..], ["pub", "(", _, ")", "use"])
    };
    let mut kept = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        exports |= is_export(index);
        let renamed = tokens.get(index + 1).is_some_and(|next| next.text == "as");
        if (!exports || renamed) && !source.is_test(token.line) {
            kept.push(*token);
        }
        exports &= token.text != ";";
    }
    kept
}

fn items(source: &Source) -> Vec<Item<'_>> {
    let tokens = source.tokens();
    let mut items = Vec::new();
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "pub") {
        let mut rest = &tokens[index + 1..];
        // `pub const NAME` is a constant, `pub const fn` a function.
        while let [first, second, ..] = rest
            && QUALIFIERS.contains(&first.text)
            && (QUALIFIERS.contains(&second.text) || second.text == "fn")
        {
            rest = &rest[1..];
        }
        let [kind, name, ..] = rest else { continue };
        let is_item = matches!(kind.text, "fn" | "const" | "static" | "mod" | "trait") || is_type(kind.text);
        if is_item && !source.is_test(token.line) {
            items.push(Item { kind: kind.text, name: *name });
        }
    }
    items
}

fn is_type(kind: &str) -> bool {
    matches!(kind, "struct" | "enum" | "union" | "type" | "trait")
}

/// Whether the file names a type of its own beyond saying what it is and does: in a signature it has to be as public as that.
fn is_in_signature(source: &Source, name: &str) -> bool {
    let tokens = outside_exports(source);
    let declares = |before: &str| is_type(before) || matches!(before, "impl" | "for");
    tokens.windows(2).any(|pair| pair[1].text == name && !declares(pair[0].text))
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let lonely = |code| super::Planted::of(&[("crates/a/src/lib.rs", code), ("crates/b/src/lib.rs", "fn main() {}")]);
    let (_, listed, _) = FOR_TESTS[0];
    vec![
        lonely("").found(format!("\"{listed}\" is listed in dead.rs but gone or named")),
        lonely("pub fn f() {}").found("`pub fn` \"f\"").at(1),
        lonely("impl A {\n    pub const unsafe fn f() {}\n}").found("`pub fn` \"f\"").at(2),
        lonely("pub const F: u32 = 1;").found("`pub const` \"F\""),
        lonely("pub static F: u32 = 1;").found("`pub static` \"F\""),
        lonely("pub mod f;").found("`pub mod` \"f\""),
        lonely("pub enum F {}\nimpl F {}\nimpl Drop for F {}").found("`pub enum` \"F\""),
        super::Planted::of(&[("crates/a/src/lib.rs", "pub use f::f;"), ("crates/a/src/f.rs", "pub fn f() {}")])
            .found("`pub fn` \"f\""),
        super::Planted::of(&[("crates/a/src/lib.rs", "pub fn f() {}"), ("crates/a/tests/a.rs", "fn t() { a::f() }")])
            .found("`pub fn` \"f\""),
    ]
}

#[cfg(test)]
mod tests {
    use super::{House, beyond};

    #[test]
    fn what_another_file_names_is_right() {
        let house = House::of(&[
            (
                "crates/a/src/lib.rs",
                "pub use f::{f, j as k};\npub(crate) fn g() {}\npub struct H;\npub fn i() -> H { H }",
            ),
            ("crates/a/src/f.rs", "pub fn f() {}\npub fn j() {}\n#[cfg(test)]\nmod tests { pub fn t() {} }"),
            ("crates/b/src/lib.rs", "use a::f;\nfn main() { f(); a::i(); }"),
        ]);
        assert!(beyond(&[], &house).is_empty());
    }
}
