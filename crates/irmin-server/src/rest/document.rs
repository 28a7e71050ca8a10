//! The OpenAPI document around the operations.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::BASE;

const ABOUT: &str = "A branchable, mergeable, content-addressed database: Git's model over HTTP. \
Ids are 64 hexadecimal digits, and ETags are ids. Bytes (paths, names, values, messages) are text under \
their key if they are UTF-8, else Base64 under the key with `_base64` behind it. What the caller may not \
read is absent.";

/// Makes the document.
pub(super) fn document(paths: Map<String, Value>, schemas: BTreeMap<String, Value>) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Irminsule",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "ISC", "identifier": "ISC"},
        },
        "servers": [{"url": BASE}],
        "security": [{}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    })
}
