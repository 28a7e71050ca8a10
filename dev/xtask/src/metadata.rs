//! What cargo knows of the workspace and its dependencies.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Failure;

/// The workspace with all packages that its lock file names.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A package of the workspace, or one that it depends on.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    pub(crate) manifest: PathBuf,
    pub(crate) is_member: bool,
    pub(crate) dependencies: Vec<Dependency>,
    /// Paths of the programs that hold integration tests.
    pub(crate) test_targets: Vec<PathBuf>,
}

/// An arrow from a package to another one.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Only needed by tests, examples and benches.
    pub(crate) is_dev: bool,
}

impl Workspace {
    /// Runs `cargo metadata`.
    pub(crate) fn load() -> Result<Self, Failure> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked"])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Self::parse(&serde_json::from_slice(&output.stdout)?)
    }

    fn parse(json: &Value) -> Result<Self, Failure> {
        let members: Vec<_> = list(json, "workspace_members").collect();
        let packages = list(json, "packages").map(|json| Package::parse(json, &members));
        Ok(Self {
            root: path(json, "workspace_root").ok_or("cargo metadata names no root")?,
            packages: packages.collect::<Result<_, _>>()?,
        })
    }

    /// Returns the packages that are written here.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_member)
    }

    /// Returns the packages that are written elsewhere.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| !package.is_member)
    }
}

impl Package {
    fn parse(json: &Value, members: &[&Value]) -> Result<Self, Failure> {
        let tests = list(json, "targets").filter(|target| {
            list(target, "kind")
                .next()
                .is_some_and(|kind| kind == "test")
        });
        Ok(Self {
            name: text(json, "name").ok_or("a package has no name")?,
            version: text(json, "version").ok_or("a package has no version")?,
            licence: text(json, "license"),
            manifest: path(json, "manifest_path").ok_or("a package has no manifest")?,
            is_member: members.contains(&&json["id"]),
            dependencies: list(json, "dependencies").filter_map(dependency).collect(),
            test_targets: tests
                .filter_map(|target| path(target, "src_path"))
                .collect(),
        })
    }

    /// Tells whether the package is for developers only, by the directory where it lives.
    pub(crate) fn is_dev(&self, root: &Path) -> bool {
        self.manifest.starts_with(root.join("dev"))
    }
}

fn dependency(json: &Value) -> Option<Dependency> {
    Some(Dependency {
        name: text(json, "name")?,
        is_dev: json["kind"] == "dev",
    })
}

fn list<'a>(json: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    json[key].as_array().into_iter().flatten()
}

fn text(json: &Value, key: &str) -> Option<String> {
    json[key].as_str().map(str::to_owned)
}

fn path(json: &Value, key: &str) -> Option<PathBuf> {
    json[key].as_str().map(PathBuf::from)
}
