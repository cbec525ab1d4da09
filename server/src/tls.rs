//! TLS at the server's own door: with the hotel's files, or with a certificate that this computer made.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

use crate::files;

/// Certificate and key that this computer made, below the data directory.
const OWN_FILE: &str = "network.pem";

/// The names in it; whoever connects knows it by its fingerprint, not by a name.
const OWN_NAMES: [&str; 2] = ["frontdesk.local", "localhost"];

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file holds no PEM of that kind, or cannot be read.
    #[error("{} cannot be used as {what}: {source}", path.display())]
    File {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not belong together, or are of an unknown kind.
    #[error("the certificate and the key cannot be used: {0}; check that they belong together")]
    Pair(#[from] rustls::Error),
    /// The computer could not make a certificate.
    #[error("the certificate could not be created: {0}")]
    Make(#[from] rcgen::Error),
    /// The certificate could not be kept.
    #[error(
        "the certificate could not be saved ({0}); check this user's write access to the data directory"
    )]
    Keep(#[from] io::Error),
}

/// A certificate and its key, ready to serve.
#[derive(Clone)]
pub struct Tls {
    files: Arc<Files>,
    acceptor: TlsAcceptor,
}

/// What the files said when they were last read.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Tls").field("certificate", &self.files.certificate).finish_non_exhaustive()
    }
}

impl Tls {
    /// Serves with a certificate chain and a key, each in PEM; both may be in one file.
    ///
    /// # Errors
    /// [`TlsError::File`] or [`TlsError::Pair`].
    pub fn from_files(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let current = RwLock::new(read(&certificate, &key)?);
        let files = Arc::new(Files { certificate, key, current });
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Files>::clone(&files);
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { files, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Serves with a certificate of this computer's own. It is made at the first time and kept in
    /// `data_dir`, so that those who know its fingerprint find the same one again.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn own(data_dir: &Path) -> Result<Self, TlsError> {
        let file = data_dir.join(OWN_FILE);
        if !file.exists() {
            let made = rcgen::generate_simple_self_signed(OWN_NAMES.map(str::to_owned))?;
            let pem = made.cert.pem() + &made.signing_key.serialize_pem();
            files::make_own_directory(data_dir)?;
            files::write_own(&file, pem.as_bytes())?;
        }
        Self::from_files(file.clone(), file)
    }

    /// The [`fingerprint`] of the certificate: what others know it by.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let current = self.files.current();
        current.end_entity_cert().map(|leaf| fingerprint(leaf)).unwrap_or_default()
    }

    /// Reads the files again: certificates are renewed while the server runs. What cannot be used
    /// leaves the former ones in place.
    pub(crate) fn renew(&self) {
        match read(&self.files.certificate, &self.files.key) {
            Ok(renewed) => {
                *self.files.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
            }
            Err(error) => {
                tracing::error!(%error, "the certificate could not be read again; the former one stays in use");
            }
        }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

impl Files {
    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

/// SHA-256 of a certificate in DER, in lower-case hex.
#[must_use]
pub fn fingerprint(certificate: &[u8]) -> String {
    hex::encode(Sha256::digest(certificate))
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, TlsError> {
    let wrong = |what, path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { what, path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|chain| match chain.is_empty() {
            true => Err(rustls::pki_types::pem::Error::NoItemsFound),
            false => Ok(chain),
        })
        .map_err(wrong("a certificate", certificate))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(wrong("a key", key))?;
    Ok(Arc::new(CertifiedKey::from_der(chain, secret, &ring::default_provider())?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Writes a new pair into the two files.
    fn pair(certificate: &Path, key: &Path) {
        let made = rcgen::generate_simple_self_signed(["desk.example".to_owned()]).unwrap();
        fs::write(certificate, made.cert.pem()).unwrap();
        fs::write(key, made.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn a_renewed_certificate_is_used_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
        pair(&certificate, &key);
        let tls = Tls::from_files(certificate.clone(), key.clone()).unwrap();
        let first = tls.fingerprint();
        assert_eq!(first.len(), 64);
        pair(&certificate, &key);
        tls.renew();
        let second = tls.fingerprint();
        assert_ne!(first, second);
        // Half a renewal: the chain is new, the key is not yet.
        let former = fs::read(&key).unwrap();
        pair(&certificate, &key);
        fs::write(&key, former).unwrap();
        tls.renew();
        assert_eq!(tls.fingerprint(), second);
        assert!(matches!(Tls::from_files(certificate, key), Err(TlsError::Pair(_))));
    }

    #[test]
    fn the_computers_own_certificate_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let made = Tls::own(folder.path()).unwrap().fingerprint();
        assert_eq!(Tls::own(folder.path()).unwrap().fingerprint(), made);
        let file = folder.path().join(OWN_FILE);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&file, "not a certificate").unwrap();
        let refused = Tls::own(folder.path()).unwrap_err();
        assert!(refused.to_string().contains("network.pem cannot be used as a certificate"));
    }
}
