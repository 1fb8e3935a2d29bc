//! A link or a path in the documents that points into the tree points at something, and at one thing: each decision has a
//! number of its own.

use std::collections::BTreeMap;

use super::{Finding, House};

const RULE: &str = "links";

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in house.files.iter().filter(|path| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let text = house.text(path).unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            for target in targets(line) {
                let inside = resolve(folder, target);
                if !house.has(&inside) {
                    let place = format!("{path}:{}", index + 1);
                    findings.push(Finding::new(RULE, place, format!("\"{target}\" points at nothing")));
                }
            }
        }
    }
    let mut decisions = BTreeMap::new();
    for path in &house.files {
        if let Some(number) = decision(path)
            && let Some(other) = decisions.insert(number, path)
        {
            findings.push(Finding::new(RULE, path.clone(), format!("has the number of {other}")));
        }
    }
    findings
}

/// The number of a decision's record.
fn decision(path: &str) -> Option<&str> {
    let number = path.strip_prefix("docs/adr/")?.get(..4)?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)
}

/// The targets of Markdown links that are neither web addresses nor anchors.
fn targets(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' '))
        .collect()
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let of = |text| super::Planted::of(&[("docs/a.md", text), ("b.md", "")]);
    vec![
        of("[b](../b.md)\n[c](../c.md#there) [d](https://d)").found("\"../c.md\" points at nothing").at(2),
        super::Planted::of(&[("docs/adr/0001-a.md", ""), ("docs/adr/0001-b.md", ""), ("docs/adr/0002-c.md", "")])
            .found("has the number of docs/adr/0001-a.md"),
        of("[docs](../docs/) [own](./a.md) [c](c)").found("\"c\" points at nothing").at(1),
    ]
}
