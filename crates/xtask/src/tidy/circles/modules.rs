//! The modules of a crate that have files of their own, and which of them use which, read from their paths: those that
//! begin with `crate`, `self` or `super`, and those of `use`. A name that a module only hands on is its owner's.

use std::collections::{BTreeMap, BTreeSet};

use super::super::source::{Source, Token};

/// The path of a module from the crate's root, or of an item from where it is named.
pub(super) type Path = Vec<String>;

/// Names that are handed on are followed so far.
const MOST_HANDS: usize = 12;

/// A crate's modules by their paths.
pub(super) struct Crate(BTreeMap<Path, Module>);

/// What a module says of others.
#[derive(Default)]
struct Module {
    /// All that it names by a path.
    named: Vec<Path>,
    /// Names that `use` brings in, by how they are called here.
    names: BTreeMap<String, Path>,
    /// Modules of which `use` brings in everything.
    globs: Vec<Path>,
}

impl Crate {
    /// The modules of the crate `name`, tests left out.
    pub(super) fn read(name: &str, sources: &[Source]) -> Self {
        let folder = format!("crates/{name}/src/");
        let modules = sources.iter().filter_map(|source| {
            let file = source.path.strip_prefix(&folder)?.strip_suffix(".rs")?;
            let is_test = (1..=source.code.len()).all(|line| source.is_test(line));
            (!is_test).then(|| (module_path(file), Module::read(source)))
        });
        Self(modules.collect())
    }

    /// Pairs of modules of which the first uses the second.
    pub(super) fn uses(&self) -> BTreeSet<(Path, Path)> {
        let mut uses = BTreeSet::new();
        for (user, module) in &self.0 {
            for named in module.named.iter().chain(&module.globs) {
                let used = self.owner(user, named, MOST_HANDS);
                uses.extend(used.filter(|used| used != user).map(|used| (user.clone(), used)));
            }
        }
        uses
    }

    /// The module that what a path names stands in; `None` where it is of another crate, or the crate's root.
    fn owner(&self, from: &Path, path: &[String], hands: usize) -> Option<Path> {
        let mut at = from.clone();
        let mut rest = path.iter().map(String::as_str).peekable();
        match rest.peek().copied()? {
            "crate" => {
                at.clear();
                rest.next();
            }
            "self" | "super" => {}
            first if self.is_known(from, first) => {}
            _ => return None,
        }
        while let Some(name) = rest.next() {
            match name {
                "self" => continue,
                "super" => {
                    at.pop()?;
                    continue;
                }
                _ => {}
            }
            at.push(name.to_owned());
            if self.0.contains_key(&at) {
                continue;
            }
            at.pop();
            let module = self.0.get(&at)?;
            let hands = hands.checked_sub(1)?;
            let handed_on = |from: &Path| from.iter().cloned().chain(rest.clone().map(str::to_owned)).collect::<Path>();
            if let Some(meant) = module.names.get(name) {
                let is_itself = meant.len() == 1 && meant[0] == name;
                return if is_itself { None } else { self.owner(&at, &handed_on(meant), hands) };
            }
            // A name of a glob is known by the module that brings it in by name.
            let by_glob = module.globs.iter().find_map(|glob| {
                let owner = self.owner(&at, glob, hands).filter(|owner| *owner != at)?;
                let meant = self.0.get(&owner)?.names.get(name)?;
                self.owner(&owner, &handed_on(meant), hands)
            });
            return by_glob.or(Some(at)).filter(|owner| !owner.is_empty());
        }
        Some(at).filter(|owner| !owner.is_empty())
    }

    /// Whether a path of `use` that begins with this name stays within the crate.
    fn is_known(&self, from: &Path, name: &str) -> bool {
        let child: Path = from.iter().cloned().chain([name.to_owned()]).collect();
        self.0.contains_key(&child)
    }
}

/// `a/b` and `a/b/mod` are the module `a::b`; `lib` and `main` are the root.
fn module_path(file: &str) -> Path {
    let mut path: Path = file.split('/').map(str::to_owned).collect();
    if matches!(path.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        path.pop();
    }
    path
}

impl Module {
    fn read(source: &Source) -> Self {
        let tokens: Vec<Token<'_>> = source.tokens().into_iter().filter(|token| !source.is_test(token.line)).collect();
        let mut reader = Reader { tokens: &tokens, at: 0, module: Self::default() };
        reader.module();
        reader.module
    }
}

/// Goes over the tokens of a file.
struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    module: Module,
}

impl<'a> Reader<'a> {
    fn peek(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    fn behind(&self, back: usize) -> &'a str {
        self.at.checked_sub(back).and_then(|at| self.tokens.get(at)).map_or("", |token| token.text)
    }

    fn module(&mut self) {
        let mut depth = 0_usize;
        // The depths at which modules within this file begin.
        let mut within: Vec<usize> = Vec::new();
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "{" => depth += 1,
                "}" => {
                    depth = depth.saturating_sub(1);
                    within.pop_if(|begun| *begun == depth);
                }
                "mod" if self.peek(2) == "{" => within.push(depth),
                "use" if matches!(self.behind(1), "" | ";" | "{" | "}" | ")" | "]" | "pub") => {
                    self.at += 1;
                    self.tree(&[], within.len());
                    continue;
                }
                "crate" | "self" | "super" if self.begins_a_path() => {
                    let path = self.path();
                    self.module.named.push(from_file(path, within.len()));
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Whether a path of this crate begins here, and is more than the place where something may be seen.
    fn begins_a_path(&self) -> bool {
        let is_place = self.behind(1) == "in" && self.behind(2) == "(" && self.behind(3) == "pub";
        self.is_joined(1) && self.behind(1) != ":" && !is_place
    }

    fn is_joined(&self, ahead: usize) -> bool {
        self.peek(ahead) == ":" && self.peek(ahead + 1) == ":"
    }

    /// The segments from here on; it ends before the token that is none.
    fn path(&mut self) -> Path {
        let mut path = vec![self.peek(0).to_owned()];
        self.at += 1;
        while self.is_joined(0) && self.peek(2).starts_with(|c: char| c.is_alphabetic() || c == '_') {
            path.push(self.peek(2).to_owned());
            self.at += 3;
        }
        path
    }

    /// A tree of `use` below `above`.
    fn tree(&mut self, above: &[String], within: usize) {
        let mut path = above.to_vec();
        loop {
            match self.peek(0) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.peek(0), "}" | "") {
                        self.tree(&path, within);
                        self.at += usize::from(self.peek(0) == ",");
                    }
                    self.at += 1;
                    return;
                }
                "*" => {
                    self.at += 1;
                    self.module.globs.push(from_file(path, within));
                    return;
                }
                // A tree may begin with it; what follows is of another crate.
                ":" if self.is_joined(0) => self.at += 2,
                "" | ";" | "," | "}" => return,
                name => {
                    path.push(name.to_owned());
                    self.at += 1;
                    if self.is_joined(0) {
                        self.at += 2;
                        continue;
                    }
                    if name == "self" && path.len() > 1 {
                        path.pop();
                    }
                    let mut called = path.last().cloned().unwrap_or_default();
                    if self.peek(0) == "as" {
                        called = self.peek(1).to_owned();
                        self.at += 2;
                    }
                    let path = from_file(path, within);
                    self.module.named.push(path.clone());
                    self.module.names.insert(called, path);
                    return;
                }
            }
        }
    }
}

/// A path as the file has it, where it stands in modules within the file.
fn from_file(path: Path, within: usize) -> Path {
    let leaves = path.iter().take(within).take_while(|name| *name == "super").count();
    path[leaves..].to_vec()
}
