//! Every body and query that the interface reads, given any bytes: for the fuzzers (`fuzz/`) and the tests
//! over their corpus.

use axum::http::Uri;
use garde::Validate;
use serde::de::DeserializeOwned;

use crate::{auth::Code, text::Number};

use super::{
    account, audit, conversations, departments, exports, extract, gateway, guests, rooms,
    second_factor, sign_in, staff, stays, transfer,
};

/// Reads a body as everything that it could be.
pub(crate) fn body(bytes: &[u8]) {
    fn read<T: DeserializeOwned + Validate<Context = ()>>(bytes: &[u8]) -> Option<T> {
        match extract::read::<T>(bytes) {
            Ok(value) => {
                // No member is given its place by chance.
                assert!(bytes.trim_ascii_start().starts_with(b"{"));
                Some(value)
            }
            Err(problem) => {
                assert!(matches!(problem.status, 400 | 422), "{problem:?}");
                assert!(!problem.detail.is_empty());
                None
            }
        }
    }
    read::<sign_in::Setup>(bytes);
    read::<sign_in::Login>(bytes);
    read::<account::PasswordChange>(bytes);
    read::<second_factor::PasswordAgain>(bytes);
    if let Some(given) = read::<second_factor::SecondFactorCode>(bytes) {
        Code::read(given.code());
    }
    read::<staff::NewStaffBody>(bytes);
    read::<staff::StaffPatch>(bytes);
    read::<departments::NewDepartment>(bytes);
    read::<guests::GuestBody>(bytes);
    read::<rooms::RoomBody>(bytes);
    read::<stays::CheckIn>(bytes);
    read::<conversations::NewConversationBody>(bytes);
    read::<conversations::ConversationRef>(bytes);
    read::<transfer::TransferBody>(bytes);
    if let Some(message) = read::<gateway::GatewayMessage>(bytes) {
        // Refused or not, it must come to an end.
        let _ = message.guest(None);
    }
}

/// Reads a query as everything that it could be.
pub(crate) fn query(text: &str) {
    fn read<T: DeserializeOwned + Validate<Context = ()>>(uri: &Uri) {
        if let Err(problem) = extract::query::<T>(uri) {
            assert_eq!(problem.status, 422, "{problem:?}");
            assert!(!problem.errors.is_empty(), "{problem:?}");
        }
    }
    for country in [None, Some("GB"), Some("MX")] {
        if let Ok(number) = Number::read(text, country) {
            assert!(number.as_ref().bytes().all(|byte| byte.is_ascii_digit()));
        }
    }
    let Ok(uri) = format!("/?{text}").parse::<Uri>() else { return };
    read::<guests::ListParams>(&uri);
    read::<exports::ExportParams>(&uri);
    read::<stays::StayParams>(&uri);
    read::<conversations::ListParams>(&uri);
    read::<conversations::PageParams>(&uri);
    read::<audit::AuditParams>(&uri);
}
