//! Who I am.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::setup;
use crate::Error;

/// A certificate with its chain, and its private key. Cheap to clone.
///
/// ```no_run
/// let identity = conduit::Identity::from_files("server.pem".as_ref(), "server.key".as_ref())?;
/// # Ok::<(), conduit::Error>(())
/// ```
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// The key is not shown.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} certificates)", self.0.chain.len())
    }
}

impl Identity {
    /// Reads PEM text: the certificates, the owner's first; and an unencrypted key (PKCS 8, PKCS 1 or SEC 1).
    ///
    /// # Errors
    /// [`Error::TlsSetup`] when either is missing or malformed.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, Error> {
        let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| setup(format!("the certificate: {error}")))?;
        if chain.is_empty() {
            return Err(setup(
                "there is no certificate: expected '-----BEGIN CERTIFICATE-----'",
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(key);
        let key = key.map_err(|error| setup(format!("the private key: {error}")))?;
        Ok(Self(Arc::new(Inner { chain, key })))
    }

    /// Reads PEM files.
    ///
    /// # Errors
    /// [`Error::TlsSetup`], also when a file cannot be read: the message names it.
    pub fn from_files(certificates: &Path, key: &Path) -> Result<Self, Error> {
        let read = |path: &Path| {
            let bytes = std::fs::read(path);
            bytes.map_err(|error| setup(format!("{}: {error}", path.display())))
        };
        Self::from_pem(&read(certificates)?, &read(key)?)
    }

    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.0.chain.clone()
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.0.key.clone_key()
    }
}
