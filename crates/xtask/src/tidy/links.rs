//! A link or a path in the documents that points into the tree points at something.

use super::{Finding, House};
use crate::tree;

const RULE: &str = "links";

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in house.files.iter().filter(|path| path.ends_with(".md")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let text = tree::read(path).unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            for target in targets(line) {
                let inside = resolve(folder, target);
                if !tree::root().join(&inside).exists() {
                    let place = format!("{path}:{}", index + 1);
                    findings.push(Finding::new(RULE, place, format!("\"{target}\" points at nothing")));
                }
            }
        }
    }
    findings
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
