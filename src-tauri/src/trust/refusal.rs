//! Why a server's certificate is not trusted, in words, and what a person may compare.

use std::{error::Error as StdError, io};

use frontdesk_server::{fingerprint, protocol::Timestamp};
use rustls::{
    CertificateError,
    pki_types::{CertificateDer, UnixTime},
};
use webpki::EndEntityCert;

use super::{Trust, shown_by};
use crate::{address::Server, error::Error};

/// The error for a request that failed because of the server's certificate; `None`: it failed for another reason.
pub(crate) fn refusal(error: &(dyn StdError + 'static), server: &Server) -> Option<Error> {
    let cause = certificate_error(error)?;
    let address = server.as_str();
    if let (CertificateError::ApplicationVerificationFailure, Trust::Pinned(known)) =
        (cause, server.trust())
    {
        let message = format!(
            "The certificate of {address} is not the one that was compared when this computer was connected. Nothing \
             is sent there until somebody has compared the new one."
        );
        return Some(Error::new("certificate_changed", message).with("known", known.as_str()));
    }
    let (code, message) = match cause {
        CertificateError::UnknownIssuer => (
            "untrusted_certificate",
            format!(
                "The certificate of {address} is not trusted: this computer does not know who issued it."
            ),
        ),
        other => ("invalid_certificate", sentence(other, address)),
    };
    Some(Error::new(code, message).because("its certificate is not trusted"))
}

fn sentence(cause: &CertificateError, address: &str) -> String {
    let clock = |now: Option<&UnixTime>| match now {
        Some(now) => format!("Is this computer’s clock right? It says {}.", day(*now)),
        None => "Is this computer’s clock right?".to_owned(),
    };
    match cause {
        CertificateError::Expired => format!(
            "The certificate of {address} has expired. {} If it is, the server needs a new certificate.",
            clock(None)
        ),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "The certificate of {address} expired on {}. {} If that is right, the server needs a new certificate.",
            day(*not_after),
            clock(Some(time))
        ),
        CertificateError::NotValidYet => {
            format!("The certificate of {address} is not valid yet. {}", clock(None))
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "The certificate of {address} is valid only from {}. {}",
            day(*not_before),
            clock(Some(time))
        ),
        CertificateError::NotValidForName => {
            format!("The certificate of {address} is for another name. Check the address.")
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().map(|name| plain(name)).collect();
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            format!(
                "The certificate of {address} is for {names}. Use an address of that name, or check this one."
            )
        }
        CertificateError::Revoked => {
            format!("The certificate of {address} has been revoked. The server needs a new one.")
        }
        other => format!("The certificate of {address} is not trusted ({other})."),
    }
}

/// `DnsName("desk.hotel.example")` as a person reads it.
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}

/// `3 March 2026`
fn day(time: UnixTime) -> String {
    let millis = i64::try_from(time.as_secs().saturating_mul(1_000)).unwrap_or(i64::MAX);
    Timestamp::from_millis(millis).utc().strftime("%-d %B %Y").to_string()
}

fn certificate_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a CertificateError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
            return Some(why);
        }
        // What an I/O error was made from is not its source, but its content.
        let content = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = content.map(|content| content as &(dyn StdError + 'static));
        cause = cause.or_else(|| error.source());
    }
    None
}

/// Adds the `fingerprint` that a person may compare: of a certificate that the server made itself, or that an
/// authority issued which this computer does not know. Others have to be put right on the server.
pub(crate) async fn with_fingerprint(error: Error, server: &Server) -> Error {
    if !error.is_about_certificate() {
        return error;
    }
    let Some(shown) = shown_by(server).await else { return error };
    let is_self_made = is_self_made(&shown);
    if error.code == "invalid_certificate" && !is_self_made {
        return error;
    }
    let error = match (&*error.code, is_self_made) {
        ("certificate_changed", _) => error,
        ("untrusted_certificate", false) => error,
        ("untrusted_certificate", true) => {
            let message = format!("{} uses a certificate that it created itself.", server.as_str());
            Error::new("untrusted_certificate", message)
        }
        _ => Error::new("untrusted_certificate", error.message),
    };
    error.with("fingerprint", fingerprint(&shown))
}

/// Whether a certificate names itself as its issuer.
fn is_self_made(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok_and(|it| it.subject() == it.issuer())
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use frontdesk_server::{Config, Server as Inside, Tls};
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    use reqwest::Method;
    use tokio::net::TcpListener;

    use super::*;
    use crate::api::Api;

    /// An authority that this computer knows, and one that it does not.
    struct Authorities {
        known: Issuer<'static, KeyPair>,
        known_der: CertificateDer<'static>,
        unknown: Issuer<'static, KeyPair>,
    }

    impl Authorities {
        fn new() -> Self {
            let make = |name: &str| {
                let mut params = CertificateParams::new(Vec::new()).unwrap();
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.distinguished_name.push(rcgen::DnType::CommonName, name);
                let key = KeyPair::generate().unwrap();
                let certificate = params.self_signed(&key).unwrap();
                (Issuer::new(params, key), certificate.der().clone())
            };
            let ((known, known_der), (unknown, _)) = (make("Known"), make("Unknown"));
            Self { known, known_der, unknown }
        }
    }

    fn tls(folder: &Path, certificate: &rcgen::Certificate, key: &KeyPair) -> Tls {
        let (certificate_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        Tls::from_files(certificate_file, key_file).unwrap()
    }

    /// What a person is told who connects to a server with this certificate.
    async fn told(known: &CertificateDer<'static>, folder: &Path, tls: Tls) -> Error {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (plain, encrypted) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let address = format!("https://{}", encrypted.local_addr().unwrap());
        let inside = Inside::open(Config::new(folder)).await.unwrap();
        let running = inside.and_listen(encrypted, tls).run(plain, std::future::pending());
        let running = tokio::spawn(running);
        let server = Server::parse(&address, false).unwrap();
        let server = server.with_trust(Trust::Also(vec![known.clone()]));
        let api = Api::new(server.clone()).unwrap();
        let called = api.call(Method::GET, "/auth/me/", None, None);
        let called = tokio::time::timeout(Duration::from_secs(30), called).await.unwrap();
        let told = with_fingerprint(called.unwrap_err(), &server).await;
        running.abort();
        told
    }

    fn has_fingerprint(error: &Error) -> bool {
        serde_json::to_value(error).unwrap().get("fingerprint").is_some()
    }

    #[tokio::test]
    async fn the_true_reason_is_told_and_a_fingerprint_is_offered_only_where_it_can_be_compared() {
        let authorities = Authorities::new();
        let (name, other) = (["127.0.0.1".to_owned()], ["other.example".to_owned()]);
        let issued = |names: &[String],
                      adjust: fn(&mut CertificateParams),
                      by: &Issuer<'static, KeyPair>| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(names.to_vec()).unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, "A server");
            adjust(&mut params);
            (params.signed_by(&key, by).unwrap(), key)
        };
        let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2024, 3, 3);
        let early = |params: &mut CertificateParams| {
            params.not_before = date_time_ymd(2090, 1, 2);
            params.not_after = date_time_ymd(2091, 1, 2);
        };
        let known = &authorities.known;
        for ((certificate, key), code, words, is_offered) in [
            (
                issued(&name, expired, known),
                "invalid_certificate",
                "expired on 3 March 2024",
                false,
            ),
            (
                issued(&name, early, known),
                "invalid_certificate",
                "valid only from 2 January 2090",
                false,
            ),
            (issued(&other, |_| {}, known), "invalid_certificate", "is for other.example", false),
            (
                issued(&name, |_| {}, &authorities.unknown),
                "untrusted_certificate",
                "does not know who issued it",
                true,
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let tls = tls(folder.path(), &certificate, &key);
            let told = told(&authorities.known_der, folder.path(), tls).await;
            assert_eq!((&*told.code, has_fingerprint(&told)), (code, is_offered), "{told}");
            assert!(told.message.contains(words), "{told}");
            let asks_clock = told.message.contains("Is this computer’s clock right?");
            assert_eq!(asks_clock, words.contains("expired") || words.contains("only"), "{told}");
        }
    }

    #[tokio::test]
    async fn a_certificate_that_a_server_created_itself_can_be_compared_whatever_else_it_is() {
        let authorities = Authorities::new();
        type Adjust = fn(&mut CertificateParams);
        let authority: Adjust = |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let expired: Adjust = |params| params.not_after = date_time_ymd(2024, 3, 3);
        for adjust in [authority, expired, |_| {}] {
            let folder = tempfile::tempdir().unwrap();
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
            adjust(&mut params);
            let certificate = params.self_signed(&key).unwrap();
            let tls = tls(folder.path(), &certificate, &key);
            let told = told(&authorities.known_der, folder.path(), tls).await;
            assert_eq!(
                (&*told.code, has_fingerprint(&told)),
                ("untrusted_certificate", true),
                "{told}"
            );
        }
    }
}
