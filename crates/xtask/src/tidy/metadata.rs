//! What the manifests of the workspace declare, as `cargo metadata` tells it.

use std::process::Command;

use serde_json::Value;

use crate::tree;

/// A member of the workspace.
pub(super) struct Package {
    pub(super) name: String,
    pub(super) dependencies: Vec<Dependency>,
    /// Whether a command that names no package means it.
    pub(super) is_default: bool,
}

/// A line in a manifest. The same name may come more than once, with different kinds.
pub(super) struct Dependency {
    pub(super) name: String,
    /// `dev`, `build`, or nothing for an ordinary dependency.
    pub(super) kind: Option<String>,
    /// Whether it is a folder of this workspace.
    pub(super) internal: bool,
}

/// Every member of the workspace. It resolves nothing, so it needs no registry and writes no lock file.
pub(super) fn read() -> Result<Vec<Package>, String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(tree::root())
        .output()
        .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let document: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata is not JSON: {error}"))?;
    let defaults: Vec<_> = items(&document, "workspace_default_members").collect();
    Ok(items(&document, "packages").map(|value| package(value, defaults.contains(&&value["id"]))).collect())
}

fn package(value: &Value, is_default: bool) -> Package {
    let dependencies = items(value, "dependencies")
        .map(|dependency| Dependency {
            name: text(dependency, "name"),
            kind: dependency["kind"].as_str().map(str::to_owned),
            internal: dependency["path"].is_string(),
        })
        .collect();
    Package { name: text(value, "name"), dependencies, is_default }
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[key].as_array().into_iter().flatten()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
