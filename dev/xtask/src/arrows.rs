//! Which crate may depend on which: arrows point one way.
//!
//! Programs use the server, the client and the facade; the server uses the facade; the facade uses
//! engines and the client, which use the core. Engines never use each other. Client and server
//! meet in the protocol. What is for developers only is used by nobody else, except in tests.

use crate::Findings;
use crate::metadata::{Package, Workspace};

/// What a crate is, and so what it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    /// Knows nothing of Irmin's model: connections, and the messages of the protocol.
    Wire,
    Core,
    Engine,
    Client,
    Facade,
    Server,
    Program,
    Dev,
}

/// The crates that ship.
const SHIPPED: [(&str, Layer); 8] = [
    ("conduit", Layer::Wire),
    ("irmin-proto", Layer::Wire),
    ("irmin-core", Layer::Core),
    ("irmin-pack", Layer::Engine),
    ("irmin-client", Layer::Client),
    ("irmin-server", Layer::Server),
    ("irminsule", Layer::Facade),
    ("irmin-cli", Layer::Program),
];

impl Layer {
    fn may_use(self, other: Self) -> bool {
        match self {
            Self::Wire | Self::Core => false,
            Self::Engine => other == Self::Core,
            Self::Client => matches!(other, Self::Core | Self::Wire),
            Self::Facade => matches!(other, Self::Core | Self::Engine | Self::Client),
            Self::Server => matches!(other, Self::Facade | Self::Wire),
            Self::Program => matches!(
                other,
                Self::Facade | Self::Client | Self::Server | Self::Wire
            ),
            Self::Dev => true,
        }
    }
}

pub(crate) fn check(workspace: &Workspace) -> Findings {
    let mut findings = Findings::new();
    for package in workspace.members() {
        match layer(workspace, &package.name) {
            Some(layer) => check_package(workspace, package, layer, &mut findings),
            None => findings.push(format!(
                "{}: a crate that ships needs its layer in xtask's arrows.rs",
                package.name
            )),
        }
    }
    findings
}

fn check_package(workspace: &Workspace, package: &Package, from: Layer, findings: &mut Findings) {
    for dependency in &package.dependencies {
        let Some(to) = layer(workspace, &dependency.name) else {
            continue;
        };
        // A client is tested against a server.
        let is_tested = dependency.is_dev && (from, to) == (Layer::Client, Layer::Server);
        let allowed = from.may_use(to) || is_tested || (dependency.is_dev && to == Layer::Dev);
        if !allowed {
            let (from_name, to_name) = (&package.name, &dependency.name);
            findings.push(format!(
                "{from_name} ({from:?}) must not depend on {to_name} ({to:?})"
            ));
        }
    }
}

/// Returns the layer of a member of the workspace.
fn layer(workspace: &Workspace, name: &str) -> Option<Layer> {
    let member = workspace.members().find(|member| member.name == name)?;
    if member.is_dev(&workspace.root) {
        return Some(Layer::Dev);
    }
    let known = SHIPPED.iter().find(|(shipped, _)| *shipped == name);
    known.map(|(_, layer)| *layer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(dir: &str, name: &str, uses: &[(&str, bool)]) -> Package {
        let uses = uses.iter().map(|(name, is_dev)| Dependency {
            name: (*name).to_owned(),
            is_dev: *is_dev,
        });
        Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            licence: Some("ISC".to_owned()),
            manifest: format!("/w/{dir}/{name}/Cargo.toml").into(),
            is_member: true,
            dependencies: uses.collect(),
            test_targets: Vec::new(),
        }
    }

    fn findings(packages: Vec<Package>) -> Findings {
        let root = "/w".into();
        check(&Workspace { root, packages })
    }

    #[test]
    fn arrows_that_point_down_are_fine() {
        let found = findings(vec![
            package("crates", "irmin-core", &[("irmin-conformance", true)]),
            package("crates", "irmin-pack", &[("irmin-core", false)]),
            package("crates", "irminsule", &[("irmin-pack", false)]),
            package("crates", "irmin-cli", &[("irminsule", false)]),
            package("dev", "irmin-conformance", &[("irmin-core", false)]),
        ]);
        assert_eq!(found, Findings::new());
    }

    #[test]
    fn an_arrow_that_points_up_or_to_dev_is_found() {
        let found = findings(vec![
            package("crates", "irmin-core", &[("irmin-pack", true)]),
            package("crates", "irmin-pack", &[("irmin-crashfs", false)]),
            package("crates", "irmin-cli", &[("irmin-pack", false)]),
            package("dev", "irmin-crashfs", &[]),
        ]);
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        assert_eq!(findings(vec![package("crates", "irmin-new", &[])]).len(), 1);
    }
}
