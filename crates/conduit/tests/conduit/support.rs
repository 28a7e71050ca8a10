//! What the tests share.

use conduit::{
    BoxFlow, ClientAuth, Context, Endpoint, Error, Identity, ListenOptions, Listener, Pipes,
    TlsServer, Trust,
};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair, SanType};

/// An authority for certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::from_pem(self.pem.as_bytes()).unwrap()
    }

    /// Makes a certificate for these hosts.
    pub(crate) fn server(&self, hosts: &[&str]) -> Identity {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        self.sign(&CertificateParams::new(hosts).unwrap())
    }

    /// Makes a certificate for a client.
    pub(crate) fn client(&self, name: &str) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Example, Inc.");
        params.distinguished_name.push(DnType::CommonName, name);
        let uri = format!("spiffe://example/{name}").try_into().unwrap();
        params.subject_alt_names = vec![
            SanType::DnsName(format!("{name}.example").try_into().unwrap()),
            SanType::URI(uri),
            SanType::Rfc822Name(format!("{name}@example").try_into().unwrap()),
            SanType::IpAddress("fd00::1".parse().unwrap()),
        ];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }
}

/// A context with pipes of its own, that trusts the authority.
pub(crate) fn context(authority: &Authority) -> Context {
    Context::builder()
        .pipes(Pipes::new())
        .trust(authority.trust())
        .build()
}

/// Options with a certificate for `localhost`, 127.0.0.1 and ::1.
pub(crate) fn tls_options(authority: &Authority) -> ListenOptions {
    let identity = authority.server(&["localhost", "127.0.0.1", "::1"]);
    let tls = TlsServer::new(&identity, &ClientAuth::None, &[b"h2"]).unwrap();
    ListenOptions {
        tls: Some(tls),
        ..ListenOptions::default()
    }
}

/// Listens, connects, accepts.
pub(crate) async fn pair(
    context: &Context,
    endpoint: &Endpoint,
    options: ListenOptions,
) -> (BoxFlow, BoxFlow, Listener) {
    let mut listener = Listener::bind(context, endpoint, options).await.unwrap();
    let at = listener.endpoints()[0].clone();
    let (client, server) = tokio::join!(context.connect(&at), listener.accept());
    (client.unwrap(), server.unwrap(), listener)
}

/// Listens with the default options.
pub(crate) async fn listen(context: &Context, text: &str) -> Result<Listener, Error> {
    let endpoint = text.parse().unwrap();
    Listener::bind(context, &endpoint, ListenOptions::default()).await
}
