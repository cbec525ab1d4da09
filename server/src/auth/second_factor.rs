//! The second proof of a sign-in: codes of an authenticator app (TOTP, RFC 6238), and recovery codes
//! for the day on which the phone is gone.

use qrcode::{EcLevel, QrCode, render::svg};
use totp_rs::{Builder, Totp};

use crate::protocol::Timestamp;

use super::hash_secret;

/// What RFC 4226 recommends: as long as what SHA-1 gives.
const SECRET_BYTES: usize = 20;

/// How long a code is shown, in seconds; every app knows it.
const STEP_SECONDS: u64 = 30;

/// Steps before and after the present one whose codes are taken: clocks differ, and people type slowly.
const STEPS_OFF: u16 = 1;

/// Recovery codes that a person gets.
const RECOVERY_CODES: usize = 10;

/// Groups of four characters in a recovery code: 80 random bits, so that one round of SHA-256 suffices.
const RECOVERY_GROUPS: usize = 4;

/// 32 characters, none of which is taken for another.
const RECOVERY_ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

/// Longest name in the picture, in characters: a longer one would make it too fine for a phone.
const NAME_MAX_CHARS: usize = 30;

/// What app and server make the codes of.
#[derive(Clone)]
pub(crate) struct TotpSecret([u8; SECRET_BYTES]);

impl TotpSecret {
    /// A new one from the system's random source.
    pub(crate) fn generate() -> Self {
        let mut bytes = [0; SECRET_BYTES];
        rand::fill(&mut bytes);
        Self(bytes)
    }

    /// One that was stored. Returns `None` for bytes that are none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For the database.
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// To be typed where no picture can be taken.
    pub(crate) fn to_base32(&self) -> String {
        totp_rs::Secret::from(self.0).to_base32()
    }

    /// What the picture says: an `otpauth:` address. Returns `None` if a name does not fit in it.
    pub(crate) fn uri(&self, property_name: &str, username: &str) -> Option<String> {
        let shortened = |name: &str| -> String {
            // A colon ends a name there.
            name.chars().take(NAME_MAX_CHARS).filter(|char| *char != ':').collect()
        };
        let issuer = Some(format!("Frontdesk {}", shortened(property_name)));
        self.builder()
            .with_issuer(issuer)
            .with_account_name(shortened(username))
            .build_noncompliant()
            .to_url()
            .ok()
    }

    /// The time step that a code belongs to, if it is one of now.
    pub(crate) fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let seconds = u64::try_from(now.as_millis()).ok()? / 1000;
        let totp: Totp = self.builder().build_noncompliant();
        i64::try_from(totp.check(code, seconds)?).ok()
    }

    fn builder(&self) -> Builder {
        let builder = Builder::new().with_secret(self.0).with_digits(6);
        builder.with_skew(STEPS_OFF).with_step_duration(STEP_SECONDS)
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

/// What a person typed where a code is asked for.
pub(crate) enum Code {
    /// Six digits of the app.
    Totp(String),
    /// The hash of a recovery code.
    Recovery(Vec<u8>),
}

impl Code {
    /// Spaces and hyphens are for reading.
    pub(crate) fn read(text: &str) -> Self {
        let code: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::Totp(code);
        }
        Self::Recovery(hash_secret(&code.to_ascii_lowercase()))
    }
}

/// New recovery codes, as they are shown.
pub(crate) fn recovery_codes() -> Vec<String> {
    let group = || -> String {
        let chars = (0..4).filter_map(|_| {
            let index = rand::random_range(0..RECOVERY_ALPHABET.len());
            RECOVERY_ALPHABET.get(index)
        });
        chars.map(|byte| char::from(*byte)).collect()
    };
    let code = || (0..RECOVERY_GROUPS).map(|_| group()).collect::<Vec<_>>().join("-");
    (0..RECOVERY_CODES).map(|_| code()).collect()
}

/// What is stored of a recovery code.
pub(crate) fn hash_recovery_code(code: &str) -> Vec<u8> {
    hash_secret(&code.replace('-', ""))
}

/// The picture that a phone takes, as SVG. Returns `None` if the text is too long for one.
pub(crate) fn picture(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let mut picture = code.render::<svg::Color<'_>>();
    Some(picture.min_dimensions(200, 200).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    fn of_the_rfc() -> TotpSecret {
        TotpSecret(*b"12345678901234567890")
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_millis(seconds * 1000);
            assert_eq!(of_the_rfc().step_of(code, now), Some(seconds / 30), "{code}");
        }
    }

    #[test]
    fn a_code_is_good_half_a_minute_around_its_own() {
        let good = |seconds: i64| {
            of_the_rfc().step_of("081804", Timestamp::from_millis(seconds * 1000)).is_some()
        };
        // Its own half minute: from 1,111,111,080 to 1,111,111,109.
        let found: Vec<_> = [-31, -30, 59, 60].map(|off| good(1_111_111_080 + off)).into();
        assert_eq!(found, [false, true, true, false]);
        assert_eq!(of_the_rfc().step_of("081805", Timestamp::from_millis(1_111_111_109_000)), None);
    }

    #[test]
    fn names_of_any_kind_and_length_make_an_address_and_a_picture() {
        let long = "豪華なホテル".repeat(40);
        for (property, username) in [("Hotel: Aurora & Söhne", "ana:1"), (&long, &long)] {
            let uri = of_the_rfc().uri(property, username).unwrap();
            assert!(uri.starts_with("otpauth://totp/Frontdesk%20"), "{uri}");
            assert!(uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), "{uri}");
            assert!(picture(&uri).unwrap().contains("<svg"));
        }
    }

    #[test]
    fn codes_are_read_as_people_write_them() {
        for text in ["081804", " 081 804 ", "081-804"] {
            assert!(matches!(Code::read(text), Code::Totp(code) if code == "081804"), "{text}");
        }
        let codes = recovery_codes();
        assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), 10);
        let one = codes.first().unwrap();
        assert_eq!(one.len(), 19, "{one}");
        for text in [one.clone(), one.to_uppercase(), one.replace('-', " ")] {
            let Code::Recovery(hash) = Code::read(&text) else { panic!("{text}") };
            assert_eq!(hash, hash_recovery_code(one));
        }
    }
}
