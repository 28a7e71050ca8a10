//! Between a virtual machine and its host. Most machines that run tests have no second end.

use conduit::{Context, Endpoint};

#[tokio::test]
async fn what_cannot_be_reached_is_an_error_and_no_hang() {
    let endpoint: Endpoint = "vsock://1:9".parse().unwrap();
    let error = Context::new()
        .connect(&endpoint)
        .await
        .err()
        .unwrap()
        .to_string();
    if cfg!(feature = "vsock") {
        assert!(
            error.starts_with("cannot connect to vsock://1:9: "),
            "{error}"
        );
    } else {
        assert!(error.contains("feature 'vsock'"), "{error}");
    }
}
