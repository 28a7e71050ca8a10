//! Whom I trust.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::setup;
use crate::Error;

/// Whose signatures under certificates are believed. Cheap to clone.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Trust {
    /// The authorities that this machine trusts (on Debian, what `ca-certificates` installs and
    /// administrators add); `SSL_CERT_FILE` and `SSL_CERT_DIR` name others. Read when first used.
    #[default]
    System,
    /// These authorities, or these very certificates, and nobody else.
    Roots(TrustRoots),
}

/// Certificates of authorities.
#[derive(Clone, Debug)]
pub struct TrustRoots(Arc<RootCertStore>);

impl Trust {
    /// Reads certificates of authorities from PEM text.
    ///
    /// # Errors
    /// [`Error::TlsSetup`] when there is none, or one that is malformed.
    pub fn from_pem(certificates: &[u8]) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(certificates) {
            let certificate =
                certificate.map_err(|error| setup(format!("the trusted certificates: {error}")))?;
            roots.add(certificate).map_err(setup)?;
        }
        if roots.is_empty() {
            return Err(setup(
                "there is no trusted certificate: expected '-----BEGIN CERTIFICATE-----'",
            ));
        }
        Ok(Self::Roots(TrustRoots(Arc::new(roots))))
    }

    /// Reads certificates of authorities from a PEM file.
    ///
    /// # Errors
    /// [`Error::TlsSetup`], also when the file cannot be read: the message names it.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path);
        let bytes = bytes.map_err(|error| setup(format!("{}: {error}", path.display())))?;
        Self::from_pem(&bytes)
    }

    pub(super) fn roots(&self) -> Result<Arc<RootCertStore>, Error> {
        match self {
            Self::Roots(TrustRoots(roots)) => Ok(Arc::clone(roots)),
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(found.certs);
                match found.errors.first() {
                    Some(error) if roots.is_empty() => {
                        Err(setup(format!("the system's trusted certificates: {error}")))
                    }
                    _ => Ok(Arc::new(roots)),
                }
            }
        }
    }
}
