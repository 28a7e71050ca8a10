//! Certificates for tests.

use conduit::{ClientAuth, Identity, TlsServer, Trust};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// An authority for certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("it signs").pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::from_pem(self.pem.as_bytes()).expect("a certificate")
    }

    /// Makes what a server on the loopback shows.
    pub(crate) fn server(&self) -> TlsServer {
        let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = CertificateParams::new(hosts).expect("good names");
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer).expect("it signs");
        let identity = Identity::from_pem(signed.pem().as_bytes(), key.serialize_pem().as_bytes());
        TlsServer::new(&identity.expect("they fit"), &ClientAuth::None, &[b"h2"])
            .expect("it is good")
    }
}
