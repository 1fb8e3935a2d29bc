//! Circles of files inside a crate: two modules that use each other, by themselves or by way of others, can be read, moved
//! and tested only together. Modules are compared with those beside them, a folder with all that is in it; a module and its
//! parent are one thing, cut into files for its length.
//!
//! Where there are no circles, modules stand on floors: one that uses no other on the first, any other one above all that
//! it uses.

mod modules;

use std::collections::{BTreeMap, BTreeSet};

use modules::{Crate, Path};

use super::{Finding, House, source::Source};

const RULE: &str = "circles";
/// Crates that have circles still. A new one gets no line here.
const TO_MEND: &[&str] = &["engine", "machine", "probe", "sim", "store", "store-sqlite"];
/// Floors of a crate that has no circles.
const MOST_FLOORS: usize = 7;

/// Modules of one parent, each with those of them that it uses.
type Siblings<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

pub(super) fn check(house: &House) -> Vec<Finding> {
    check_all(&house.sources, TO_MEND)
}

fn check_all(sources: &[Source], to_mend: &[&str]) -> Vec<Finding> {
    let names: BTreeSet<&str> = sources.iter().filter_map(Source::crate_name).collect();
    let mut findings = Vec::new();
    for name in &names {
        let uses = Crate::read(name, sources).uses();
        let levels = levels(&uses);
        let circles: Vec<String> = levels.iter().flat_map(|(parent, level)| circles(parent, level, &uses)).collect();
        let place = format!("crates/{name}/src");
        match (circles.is_empty(), to_mend.contains(name)) {
            (false, true) => {}
            (false, false) => findings.extend(circles.into_iter().map(|circle| Finding::new(RULE, &place, circle))),
            (true, true) => {
                findings.push(Finding::new(RULE, &place, "has no circles any more: remove it from TO_MEND in circles"));
            }
            (true, false) => {
                let root: &[String] = &[];
                let floors = levels.get(root).map_or(1, floors);
                if floors > MOST_FLOORS {
                    let message = format!("its modules stand on {floors} floors, at most {MOST_FLOORS} are allowed");
                    findings.push(Finding::new(RULE, &place, message));
                }
            }
        }
    }
    for gone in to_mend.iter().filter(|name| !names.contains(*name)) {
        findings.push(Finding::new(RULE, "crates", format!("\"{gone}\" is in TO_MEND but gone: remove it")));
    }
    findings
}

/// Which modules use which of those beside them, by their parent. What is within a module counts as the module.
fn levels(uses: &BTreeSet<(Path, Path)>) -> BTreeMap<&[String], Siblings<'_>> {
    let mut levels: BTreeMap<&[String], Siblings<'_>> = BTreeMap::new();
    for (user, used) in uses {
        let common = user.iter().zip(used).take_while(|(a, b)| a == b).count();
        // One of them is within the other.
        let (Some(from), Some(to)) = (user.get(common), used.get(common)) else { continue };
        let level = levels.entry(&user[..common]).or_default();
        level.entry(from).or_default().insert(to);
        level.entry(to).or_default();
    }
    levels
}

/// The circles among the modules of one parent, in words.
fn circles(parent: &[String], level: &Siblings<'_>, uses: &BTreeSet<(Path, Path)>) -> Vec<String> {
    let reach: BTreeMap<&str, BTreeSet<&str>> = level.keys().map(|name| (*name, reached(level, name))).collect();
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for (name, reached) in &reach {
        if !reached.contains(name) || seen.contains(name) {
            continue;
        }
        let circle: BTreeSet<&str> = reached.iter().copied().filter(|other| reach[other].contains(name)).collect();
        seen.extend(circle.iter().copied());
        let is_in = |path: &Path| {
            path.starts_with(parent) && path.get(parent.len()).is_some_and(|name| circle.contains(name.as_str()))
        };
        let beside = |user: &Path, used: &Path| user.get(parent.len()) != used.get(parent.len());
        let lines: Vec<String> = uses
            .iter()
            .filter(|(user, used)| is_in(user) && is_in(used) && beside(user, used))
            .map(|(user, used)| format!("{} uses {}", user.join("::"), used.join("::")))
            .collect();
        circles.push(format!("modules use each other in a circle: {}", lines.join(", ")));
    }
    circles
}

/// The modules that are used from a module on, by way of others too.
fn reached<'a>(level: &Siblings<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = level.get(from).into_iter().flatten().copied().collect();
    while let Some(name) = next.pop() {
        if reached.insert(name) {
            next.extend(level.get(name).into_iter().flatten());
        }
    }
    reached
}

/// On how many floors modules without circles stand.
fn floors(level: &Siblings<'_>) -> usize {
    fn floor<'a>(level: &Siblings<'a>, name: &'a str, known: &mut BTreeMap<&'a str, usize>) -> usize {
        if let Some(floor) = known.get(name) {
            return *floor;
        }
        let below = level[name].iter().map(|used| floor(level, used, known)).max();
        known.insert(name, 1 + below.unwrap_or(0));
        known[name]
    }
    let mut known = BTreeMap::new();
    level.keys().map(|name| floor(level, name, &mut known)).max().unwrap_or(1)
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let files = [
        ("crates/x/src/lib.rs", "mod a;\nmod b;\n"),
        ("crates/x/src/a.rs", "use crate::b::B;\npub(crate) struct A;\n"),
        ("crates/x/src/b.rs", "use crate::a::A;\npub(crate) struct B;\n"),
    ];
    vec![super::Planted::of(&files).found("modules use each other in a circle: a uses b, b uses a")]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a crate `x` of these files.
    fn found(files: &[(&str, &str)], to_mend: &[&str]) -> Vec<String> {
        let scan = |(path, text): &(&str, &str)| Source::scan(&format!("crates/x/src/{path}"), text);
        let sources: Vec<Source> = files.iter().map(scan).collect();
        check_all(&sources, to_mend).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn two_files_that_use_each_other_are_a_circle() {
        let planted = [
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "use crate::{\n    b::{self, B},\n};\npub(crate) struct A;\n"),
            ("b.rs", "pub(crate) struct B;\nfn b() -> crate::a::A {\n    super::a::A\n}\n"),
        ];
        assert_eq!(found(&planted, &[]), ["modules use each other in a circle: a uses b, b uses a"]);
        assert!(found(&planted, &["x"]).is_empty(), "it is to be mended");
    }

    #[test]
    fn what_is_within_a_module_counts_as_the_module() {
        let planted = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("a/mod.rs", "mod deep;\n"),
            ("a/deep.rs", "use crate::b::B;\n"),
            ("b.rs", "use crate::c;\npub(crate) struct B;\n"),
            ("c.rs", "mod inner {\n    use super::super::a::A;\n}\n"),
        ];
        let circle = "modules use each other in a circle: a::deep uses b, b uses c, c uses a";
        assert_eq!(found(&planted, &[]), [circle]);
    }

    #[test]
    fn a_name_that_a_parent_hands_on_is_its_owners() {
        let planted = [
            ("lib.rs", "mod p;\n"),
            ("p/mod.rs", "mod a;\nmod b;\npub(crate) use a::A;\nuse self::b::*;\n"),
            ("p/a.rs", "use super::b::B;\npub(crate) struct A;\n"),
            ("p/b.rs", "use super::A as Other;\npub(crate) struct B;\n"),
        ];
        assert_eq!(found(&planted, &[]), ["modules use each other in a circle: p::a uses p::b, p::b uses p::a"]);
    }

    #[test]
    fn parents_tests_comments_and_one_way_are_none() {
        let house = [
            ("lib.rs", "mod a;\nmod b;\nmod tests;\npub use a::A;\n"),
            ("a/mod.rs", "mod child;\nuse child::Child;\npub struct A;\n// use crate::b::B;\n"),
            ("a/child.rs", "use super::A;\npub(in crate::b) struct Child;\n"),
            ("b.rs", "use crate::A;\n"),
            ("a/tests.rs", "use crate::b::B;\n"),
            ("a/inline.rs", "#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n"),
        ];
        assert!(found(&house, &[]).is_empty());
        let listed = found(&house, &["x", "y"]);
        assert_eq!(listed.len(), 2, "{listed:?}");
        assert!(listed[0].contains("no circles any more") && listed[1].contains("\"y\" is in TO_MEND but gone"));
    }

    #[test]
    fn floors_are_counted() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let files: Vec<(String, String)> = names
            .iter()
            .zip(names.iter().skip(1).chain([&""]))
            .map(|(name, below)| (format!("{name}.rs"), format!("use crate::{below};\n")))
            .collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert_eq!(found(&files, &[]), ["its modules stand on 8 floors, at most 7 are allowed"]);
        assert!(found(&files[1..], &[]).is_empty());
    }
}
