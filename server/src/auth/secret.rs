//! Random secrets, shown once and kept as hashes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// 256 random bits as 43 characters of URL-safe base64.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// A new one from the system's random source.
    pub(crate) fn generate() -> Self {
        let mut bytes = [0_u8; 32];
        rand::fill(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The secret itself, for whoever it belongs to.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is stored of a secret. Its 256 bits are random, so one round of SHA-256 suffices.
pub(crate) fn hash_secret(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Opens the first account of a server, once.
#[derive(Clone)]
pub struct SetupToken(Secret);

impl SetupToken {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::generate())
    }

    /// The token, for whoever may make the first account.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// Whether this is the token, in equal time for every wrong one of its length.
    pub(crate) fn matches(&self, candidate: &str) -> bool {
        self.reveal().as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

impl std::fmt::Debug for SetupToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SetupToken(…)")
    }
}
