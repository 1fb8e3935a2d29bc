//! Words that have no place in the tree: paths of one machine, hosts of registries, and notes about how a text came to
//! be. They are spelled in two halves here, so that this file does not break its own rule.

use super::{Finding, House};

const RULE: &str = "words";

const BANNED: &[(&str, &str)] = &[
    (concat!("/wor", "k/"), "a path of one machine"),
    (concat!("/tmp/", "venv"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("crates", ".io"), "the host of a registry: say \"Cargo registry\""),
    (concat!("pypi", ".org"), "the host of a registry: say \"PyPI\""),
    (concat!("python", "hosted"), "the host of a registry: say \"PyPI\""),
    (concat!("npm", "js.org"), "the host of a registry: say \"npm\""),
    (concat!("npm", "js.com"), "the host of a registry: say \"npm\""),
    (concat!("blue", "print"), "a note about how the project is made"),
    (concat!("anth", "ropic"), "a note about how the project is made"),
    (concat!("clau", "de"), "a note about how the project is made"),
    (concat!("language ", "model"), "a note about how the project is made"),
    (concat!("TO", "DO:"), "unfinished work: finish it, or answer UNIMPLEMENTED by name"),
    (concat!("FIX", "ME"), "unfinished work: finish it, or answer UNIMPLEMENTED by name"),
];

/// Written by programs, with hosts in them.
const GENERATED: [&str; 2] = ["Cargo.lock", "package-lock.json"];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in house.files.iter().filter(|path| !GENERATED.iter().any(|name| path.ends_with(name))) {
        let Some(text) = house.text(path) else { continue };
        for (index, line) in text.lines().enumerate() {
            let lower = line.to_ascii_lowercase();
            for (word, why) in BANNED.iter().filter(|(word, _)| lower.contains(&word.to_ascii_lowercase())) {
                findings.push(Finding::new(RULE, format!("{path}:{}", index + 1), format!("\"{word}\" is {why}")));
            }
        }
    }
    findings
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let of = |word: &str| super::Planted::of(&[("docs/a.md", &format!("One.\nSay {} here.", word.to_uppercase()))]);
    BANNED.iter().map(|(word, why)| of(word).found(format!("\"{word}\" is {why}")).at(2)).collect()
}
