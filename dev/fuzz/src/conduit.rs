//! What comes from the other end of a connection, or names it: endpoints, PROXY headers, certificates.

use conduit::{Certificate, ProxyHeader, Resolver, parse_proxy_header};

/// What is printed reads back as the same, and can be typed.
pub(crate) fn endpoint(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let resolver = Resolver::new().service("irmin", "tls+tcp", Some(7464));
    let Ok(endpoint) = resolver.endpoint(text) else {
        return;
    };
    let printed = endpoint.to_string();
    assert!(
        printed.bytes().all(|byte| byte.is_ascii_graphic()),
        "{printed}"
    );
    assert_eq!(printed.parse(), Ok(endpoint), "{printed}");
}

/// A header says at each of its bytes how many more it needs at least, and has none behind it.
pub(crate) fn proxy_header(bytes: &[u8]) {
    match parse_proxy_header(bytes) {
        Ok(ProxyHeader::Needs(more)) => assert_ne!(more, 0),
        Ok(ProxyHeader::Complete(_)) => {
            for cut in 0..bytes.len() {
                match parse_proxy_header(&bytes[..cut]) {
                    Ok(ProxyHeader::Needs(more)) => assert!(more <= bytes.len() - cut),
                    other => panic!("{other:?} at {cut}"),
                }
            }
            assert!(parse_proxy_header(&[bytes, b"x"].concat()).is_err());
        }
        Err(_) => {}
    }
}

/// A subject has nothing that could trouble a log, and the same bytes always mean the same.
pub(crate) fn certificate(bytes: &[u8]) {
    let Ok(certificate) = Certificate::from_der(bytes) else {
        return;
    };
    assert!(!certificate.subject().chars().any(char::is_control));
    assert_eq!(Certificate::from_der(bytes), Ok(certificate));
    assert!(Certificate::from_der(&[bytes, b"x"].concat()).is_err());
}
