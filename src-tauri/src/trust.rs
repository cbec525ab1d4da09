//! Whose word is taken for a server's certificate: the system's authorities', the hotel's own, or a person's who has
//! compared it, where a server of this house made its own.

mod refusal;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use frontdesk_server::fingerprint;
pub(crate) use refusal::{refusal, with_fingerprint};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{
    address::Server,
    error::{Error, Result},
};

/// How long a server may take to show its certificate.
const SHOW_WITHIN: Duration = Duration::from_secs(5);

/// Whose word is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The system's authorities'.
    #[default]
    System,
    /// Theirs, and that of the authorities of a file.
    Also(Vec<CertificateDer<'static>>),
    /// A person's, for the one certificate of this SHA-256 in lower-case hex.
    Pinned(String),
}

impl Trust {
    /// The system's authorities, and those of a PEM file.
    ///
    /// # Errors
    /// `ca_file` with what is wrong with the file.
    pub(crate) async fn also(file: &Path) -> Result<Self> {
        let refuse = |why: String| {
            Error::new(
                "ca_file",
                format!(
                    "The file of certificate authorities {} {why}. Correct the setting “ca_file” or \
                     FRONTDESK_CA_FILE.",
                    file.display()
                ),
            )
        };
        let bytes = tokio::fs::read(file).await;
        let bytes = bytes.map_err(|error| refuse(format!("cannot be read ({error})")))?;
        let found: std::result::Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&bytes).collect();
        let trust = match found {
            Ok(found) if !found.is_empty() => Self::Also(found),
            _ => return Err(refuse("contains no PEM certificate".to_owned())),
        };
        // What is no certificate inside shows only now.
        trust.config().map_err(|_| refuse("contains a damaged certificate".to_owned()))?;
        Ok(trust)
    }

    /// TLS that believes accordingly.
    ///
    /// # Errors
    /// `internal`.
    pub(crate) fn config(&self) -> Result<ClientConfig> {
        let authorities = match self {
            Self::Pinned(fingerprint) => return Pinned::new(Some(fingerprint)).config(),
            Self::System => Vec::new(),
            Self::Also(authorities) => authorities.clone(),
        };
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&provider));
        believing(Arc::new(verifier.map_err(Error::internal)?), provider)
    }
}

fn believing(
    verifier: Arc<dyn ServerCertVerifier>,
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig> {
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Believes one certificate, whatever its names and dates are, and no other.
#[derive(Debug)]
struct Pinned {
    /// SHA-256 of it, in lower-case hex; `None`: believes none.
    fingerprint: Option<String>,
    /// What was shown last.
    shown: Mutex<Option<CertificateDer<'static>>>,
    provider: CryptoProvider,
}

impl Pinned {
    fn new(fingerprint: Option<&str>) -> Arc<Self> {
        let fingerprint = fingerprint.map(str::to_owned);
        Arc::new(Self { fingerprint, shown: Mutex::default(), provider: ring::default_provider() })
    }

    fn config(self: &Arc<Self>) -> Result<ClientConfig> {
        let verifier = Arc::<Self>::clone(self);
        believing(verifier, Arc::new(self.provider.clone()))
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let is_known = self.fingerprint == Some(fingerprint(end_entity));
        let shown = end_entity.clone().into_owned();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        if is_known {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The certificate that a server shows; `None`: it shows none.
pub(crate) async fn shown_by(server: &Server) -> Option<CertificateDer<'static>> {
    let (host, port) = server.place()?;
    let seen = Pinned::new(None);
    let connector = TlsConnector::from(Arc::new(seen.config().ok()?));
    let name = ServerName::try_from(host.clone()).ok()?;
    let asking = async {
        let stream = TcpStream::connect((host.as_str(), port)).await.ok()?;
        // It ends here in any case: nothing is believed, and nothing is said.
        connector.connect(name, stream).await.err()
    };
    tokio::time::timeout(SHOW_WITHIN, asking).await.ok()?;
    seen.shown.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use frontdesk_server::{Config, Server as Inside, Tls};
    use reqwest::Method;
    use tokio::net::TcpListener;

    use super::*;
    use crate::api::Api;

    /// What comes of a call to a server, which answers whoever is let through with `unauthorized`.
    async fn call(server: Server) -> String {
        let _ = ring::default_provider().install_default();
        let api = Api::new(server).unwrap();
        let called = api.call(Method::GET, "/auth/me/", None, None).await;
        called.unwrap_err().code.into_owned()
    }

    #[tokio::test]
    async fn only_the_certificate_that_was_compared_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let tls = Tls::own(folder.path()).unwrap();
        let made = tls.fingerprint();
        let (plain, shared) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let address = format!("https://{}", shared.local_addr().unwrap());
        let inside = Inside::open(Config::new(folder.path())).await.unwrap();
        let running =
            tokio::spawn(inside.and_listen(shared, tls).run(plain, std::future::pending()));
        let server = Server::parse(&address, false).unwrap();
        let shown = shown_by(&server).await.map(|shown| fingerprint(&shown));
        assert_eq!(shown, Some(made.clone()));
        assert_eq!(call(server.clone()).await, "untrusted_certificate");
        assert_eq!(call(server.clone().with_trust(Trust::Pinned(made))).await, "unauthorized");
        let other = "0".repeat(64);
        assert_eq!(call(server.with_trust(Trust::Pinned(other))).await, "certificate_changed");
        running.abort();
    }

    #[tokio::test]
    async fn a_server_without_tls_shows_nothing() {
        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", plain.local_addr().unwrap());
        let server = Server::parse(&address, false).unwrap();
        let closing = async {
            plain.accept().await.unwrap();
        };
        let (shown, ()) = tokio::join!(shown_by(&server), closing);
        assert_eq!(shown, None);
        drop(plain);
        assert_eq!(call(server).await, "unreachable");
    }
}
