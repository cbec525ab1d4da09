//! Passwords: Argon2id, off the async threads, at most one at a time per core.

use std::{
    sync::{Arc, Mutex},
    thread::available_parallelism,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        phc::{Output, ParamsString, PasswordHash, Salt},
        try_generate_salt,
    },
};
use tokio::sync::Semaphore;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::hub::lock;

use super::strength::{Weakness, weakness};

/// Memory of one hash, in KiB; with [`PASSES`] and [`LANES`] OWASP's minimum for Argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Characters of a generated password: without those that look alike.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Length of a generated password: 31^16 possibilities, about 79 bits.
const GENERATED_CHARS: usize = 16;

/// Strangers' passwords that may wait for being looked at; one more is refused at once.
const STRANGERS_WAITING: usize = 32;

/// Hashes and verifies.
#[derive(Debug)]
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    /// One for each place, kept: what is allocated anew on ever other threads is not given back.
    memories: Arc<Mutex<Vec<Memory>>>,
    /// The share of those that strangers may use: where there are several, one is always left for known
    /// devices.
    stranger_places: Semaphore,
    stranger_queue: Semaphore,
}

/// Why there is no hash of a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordRefused {
    /// It is too weak.
    Weak(Weakness),
    /// The system gave no random salt, or the server stops.
    Unavailable,
}

/// What comparing a password with a hash came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is another password, or there is no hash.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, as it was typed when the hash was made: before passwords were composed. The hash is to
    /// be replaced by this one.
    RightWithOlderHash(String),
}

impl Verdict {
    /// Whether it is the password.
    pub(crate) const fn is_right(&self) -> bool {
        !matches!(self, Self::Wrong)
    }
}

/// A password as it is hashed (RFC 8265): composed, so that it is the same from every keyboard and system.
fn composed(password: String) -> String {
    if is_nfc(&password) { password } else { password.nfc().collect() }
}

/// Too many strangers wait for their passwords to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

fn argon2() -> Argon2<'static> {
    // The constants are within Argon2's limits; its own defaults are the same values.
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Verified for unknown names, so that they take as long as known ones: salt and hash are random numbers.
fn decoy() -> String {
    format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}\
         $9s7rpvMPc2/V9n2TP9EA1g\
         $w8rJC8on8prYpXdFEqdsUPyVxW7iky+ETdJHZJaEajo"
    )
}

/// What a hash is computed in.
#[derive(Debug, Default)]
struct Memory(Vec<Block>);

impl Memory {
    fn output(&mut self, argon2: &Argon2<'_>, password: &[u8], salt: &[u8]) -> Option<Output> {
        let blocks = argon2.params().block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::new());
        }
        let memory = self.0.get_mut(..blocks)?;
        let bytes = argon2.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let mut out = vec![0; bytes];
        argon2.hash_password_into_with_memory(password, salt, &mut out, memory).ok()?;
        Output::new(&out).ok()
    }

    /// The PHC string of a password; `None` when the system gives no random salt.
    fn hash(&mut self, password: &str) -> Option<String> {
        let (argon2, salt) = (argon2(), try_generate_salt().ok()?);
        let output = self.output(&argon2, password.as_bytes(), &salt)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(argon2.params()).ok()?,
            salt: Some(Salt::new(&salt).ok()?),
            hash: Some(output),
        };
        Some(hash.to_string())
    }

    /// Whether the password belongs to the PHC string, with whatever costs that one names.
    fn fits(&mut self, password: &str, phc: &str) -> Option<bool> {
        let hash = PasswordHash::new(phc).ok()?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let argon2 = Argon2::new(algorithm, version, Params::try_from(&hash).ok()?);
        let output = self.output(&argon2, password.as_bytes(), hash.salt.as_ref()?)?;
        // Compared in constant time.
        Some(hash.hash? == output)
    }
}

impl Passwords {
    /// As many places as there are cores.
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            places: Arc::new(Semaphore::new(cores)),
            memories: Arc::default(),
            stranger_places: Semaphore::new(cores.saturating_sub(1).max(1)),
            stranger_queue: Semaphore::new(STRANGERS_WAITING),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Option<T> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let memories = Arc::clone(&self.memories);
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let mut memory = lock(&memories).pop().unwrap_or_default();
            let done = work(&mut memory);
            lock(&memories).push(memory);
            done
        })
        .await
        .ok()
    }

    /// The PHC string of a password; `None` when the system gives no random salt.
    pub(crate) async fn hash(&self, password: String) -> Option<String> {
        self.run(move |memory| memory.hash(&composed(password))).await.flatten()
    }

    /// The PHC string of a new password, if it is good enough (see [`weakness`]).
    pub(crate) async fn accept(
        &self,
        password: String,
        about: Vec<String>,
    ) -> Result<String, PasswordRefused> {
        let judged = self.run(move |_| {
            let password = composed(password);
            match weakness(&password, &about) {
                Some(weakness) => Err(weakness),
                None => Ok(password),
            }
        });
        match judged.await {
            Some(Ok(password)) => self.hash(password).await.ok_or(PasswordRefused::Unavailable),
            Some(Err(weakness)) => Err(PasswordRefused::Weak(weakness)),
            None => Err(PasswordRefused::Unavailable),
        }
    }

    /// As [`Passwords::verify`] for somebody who was never here: refused at once where too many wait,
    /// so that they keep neither the processors nor those who belong here waiting.
    pub(crate) async fn verify_stranger(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<Verdict, Busy> {
        let _waiting = self.stranger_queue.try_acquire().map_err(|_| Busy)?;
        let _place = self.stranger_places.acquire().await.map_err(|_| Busy)?;
        Ok(self.verify(password, hash).await)
    }

    /// Whether the password belongs to the hash; without a hash the same work, and [`Verdict::Wrong`]. How much
    /// work a wrong password is depends on how it is written alone.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Verdict {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(decoy);
        let verdict = self.run(move |memory| {
            let typed = (!is_nfc(&password)).then(|| password.clone());
            let password = composed(password);
            if memory.fits(&password, &hash) == Some(true) {
                return Verdict::Right;
            }
            match typed {
                Some(typed) if memory.fits(&typed, &hash) == Some(true) => {
                    memory.hash(&password).map_or(Verdict::Right, Verdict::RightWithOlderHash)
                }
                _ => Verdict::Wrong,
            }
        });
        verdict.await.filter(|_| known).unwrap_or(Verdict::Wrong)
    }
}

/// A password to be printed once.
pub(crate) fn generate_password() -> String {
    (0..GENERATED_CHARS)
        .filter_map(|_| ALPHABET.get(rand::random_range(0..ALPHABET.len())))
        .map(|byte| char::from(*byte))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await.is_right());
        assert!(!passwords.verify("battery staple".to_owned(), Some(hash)).await.is_right());
        assert!(!passwords.verify("battery staple".to_owned(), None).await.is_right());
        // One that cannot be read would be done at once, and tell that nobody has the name.
        assert_eq!(Memory::default().fits("battery staple", &decoy()), Some(false));
    }

    #[tokio::test]
    async fn a_password_is_the_same_from_every_keyboard() {
        let passwords = Passwords::new();
        let (composed, apart) = ("caf\u{e9} am meer", "cafe\u{301} am meer");
        for typed in [composed, apart] {
            let hash = passwords.hash(typed.to_owned()).await.unwrap();
            for again in [composed, apart] {
                let verdict = passwords.verify(again.to_owned(), Some(hash.clone())).await;
                assert_eq!(verdict, Verdict::Right, "{typed:?} {again:?}");
            }
        }
        // An older hash is compared with the password as typed, and replaced by a hash of the normalised
        // password.
        let older = Memory::default().hash(apart).unwrap();
        let verdict = passwords.verify(composed.to_owned(), Some(older.clone())).await;
        assert_eq!(verdict, Verdict::Wrong);
        let verdict = passwords.verify(apart.to_owned(), Some(older)).await;
        let Verdict::RightWithOlderHash(newer) = verdict else { panic!("{verdict:?}") };
        let verdict = passwords.verify(composed.to_owned(), Some(newer)).await;
        assert_eq!(verdict, Verdict::Right);
        assert_eq!(passwords.verify(apart.to_owned(), None).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn however_many_come_there_is_one_memory_for_each_place() {
        let passwords = Arc::new(Passwords::new());
        let places = passwords.places.available_permits();
        let mut all = tokio::task::JoinSet::new();
        for number in 0..4 * places {
            let passwords = Arc::clone(&passwords);
            all.spawn(async move { passwords.verify(format!("guess {number}"), None).await });
        }
        assert!(all.join_all().await.iter().all(|verdict| !verdict.is_right()));
        let memories = lock(&passwords.memories);
        assert!(memories.len() <= places, "{} for {places} places", memories.len());
        let blocks = argon2().params().block_count();
        assert!(memories.iter().all(|memory| memory.0.len() == blocks));
    }

    #[tokio::test]
    async fn hashes_are_those_of_the_library_also_with_other_costs() {
        use argon2::{PasswordHasher, PasswordVerifier};
        let passwords = Passwords::new();
        let ours = passwords.hash("correct horse".to_owned()).await.unwrap();
        argon2().verify_password(b"correct horse", ours.as_str()).unwrap();
        for (kib, passes, lanes, bytes) in [(19_456, 2, 1, 32), (64, 1, 1, 32), (32_768, 1, 2, 16)]
        {
            let params = Params::new(kib, passes, lanes, Some(bytes)).unwrap();
            let theirs = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let theirs: PasswordHash = theirs.hash_password(b"correct horse").unwrap();
            let theirs = theirs.to_string();
            let right = passwords.verify("correct horse".to_owned(), Some(theirs.clone())).await;
            assert_eq!(right, Verdict::Right);
            assert!(!passwords.verify("battery staple".to_owned(), Some(theirs)).await.is_right());
        }
        let unread = passwords.verify("correct horse".to_owned(), Some("no hash".to_owned())).await;
        assert!(!unread.is_right());
    }

    #[tokio::test]
    async fn strangers_are_refused_at_once_when_too_many_wait() {
        let passwords = Passwords::new();
        let all = passwords.stranger_places.available_permits();
        let taken = passwords.stranger_places.acquire_many(u32::try_from(all).unwrap()).await;
        let waiting: Vec<_> = (0..STRANGERS_WAITING)
            .map(|_| {
                let mut one = Box::pin(passwords.verify_stranger("guess".to_owned(), None));
                assert_eq!(futures_util::FutureExt::now_or_never(&mut one), None);
                one
            })
            .collect();
        let one_more = passwords.verify_stranger("guess".to_owned(), None);
        assert_eq!(futures_util::FutureExt::now_or_never(one_more), Some(Err(Busy)));
        // Whoever belongs here does not wait for them.
        let hash = passwords.hash("correct horse".to_owned()).await;
        assert!(passwords.verify("correct horse".to_owned(), hash).await.is_right());
        drop(taken);
        for one in waiting {
            assert_eq!(one.await, Ok(Verdict::Wrong));
        }
    }

    #[test]
    fn generated_passwords_differ() {
        let (one, other) = (generate_password(), generate_password());
        assert_eq!(one.len(), GENERATED_CHARS);
        assert_ne!(one, other);
    }
}
