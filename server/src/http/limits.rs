//! Limits of what requests may contain, as `/openapi.json` shows them. The checks stand beside the members; the tests
//! hold both against each other.

use serde_json::{Map, Value, json};

use crate::{
    auth::{PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS, PASSWORD_TYPED_MAX_CHARS},
    protocol::{CLIENT_ID_MAX_CHARS, CONTENT_MAX_CHARS, ID_MAX},
    text::NUMBER_MAX_CHARS,
};

use super::gateways::URL_MAX_CHARS;

/// What the formats of texts mean.
pub(super) const FORMATS: &str = "Formats of texts: `line` is one line with a visible character, `optional-line` also none; `text` has a visible \
    character and no U+0000; `username` is a `line` without spaces, invisible characters and letters of several scripts \
    that look alike; `new-password` is not easily guessed; `department` is the slug or the name of a department; \
    `telephone-number` is one in any usual form, international or of the property's country; `time-zone` is a name of the \
    IANA database; `country` is a code of ISO 3166-1; `cursor` is one that a list has answered.";

/// Longest name of a department, in characters.
const DEPARTMENT_MAX_CHARS: usize = 100;

/// Texts of requests: schema, member, format, shortest and longest, in characters.
const TEXTS: [(&str, &str, &str, usize, usize); 55] = [
    ("CheckIn", "language", "optional-line", 0, 35),
    ("CheckIn", "name", "line", 1, 200),
    ("CheckIn", "room_number", "line", 1, 40),
    ("CheckIn", "whatsapp_number", "telephone-number", 1, NUMBER_MAX_CHARS),
    ("GatewayBody", "callback_url", "", 1, URL_MAX_CHARS),
    ("GatewayBody", "name", "line", 1, 200),
    ("GatewayMessage", "content", "text", 1, CONTENT_MAX_CHARS),
    ("GatewayMessage", "department", "department", 0, DEPARTMENT_MAX_CHARS),
    ("GatewayMessage", "external_id", "text", 1, 255),
    ("GatewayMessage", "guest_ref", "text", 1, 255),
    ("GatewayMessage", "name", "", 0, 0),
    ("GatewayMessage", "room_number", "", 0, 0),
    ("GatewayMessage", "whatsapp_number", "text", 1, 255),
    ("GatewayPatch", "callback_url", "", 1, URL_MAX_CHARS),
    ("GatewayPatch", "name", "line", 1, 200),
    ("GuestBody", "language", "optional-line", 0, 35),
    ("GuestBody", "name", "line", 1, 200),
    ("GuestBody", "whatsapp_number", "telephone-number", 1, NUMBER_MAX_CHARS),
    ("GuestPatch", "language", "line", 1, 35),
    ("GuestPatch", "name", "line", 1, 200),
    ("GuestPatch", "whatsapp_number", "telephone-number", 1, NUMBER_MAX_CHARS),
    ("Login", "code", "", 0, 200),
    ("Login", "device_secret", "", 0, 200),
    ("Login", "password", "", 0, PASSWORD_TYPED_MAX_CHARS),
    ("Login", "username", "", 1, 200),
    ("NewConversationBody", "client_id", "", 1, CLIENT_ID_MAX_CHARS),
    ("NewConversationBody", "content", "text", 1, CONTENT_MAX_CHARS),
    ("NewConversationBody", "conversation_type", "optional-line", 0, 60),
    ("NewConversationBody", "department", "department", 1, DEPARTMENT_MAX_CHARS),
    ("NewConversationBody", "guest_whatsapp_number", "telephone-number", 1, NUMBER_MAX_CHARS),
    ("NewConversationBody", "room_number", "", 0, 40),
    ("NewDepartment", "name", "line", 1, DEPARTMENT_MAX_CHARS),
    ("NewStaffBody", "name", "line", 1, 200),
    ("NewStaffBody", "password", "new-password", PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS),
    ("NewStaffBody", "username", "username", 1, 64),
    ("PasswordAgain", "password", "", 0, PASSWORD_TYPED_MAX_CHARS),
    ("PasswordChange", "current_password", "", 0, PASSWORD_TYPED_MAX_CHARS),
    ("PasswordChange", "new_password", "new-password", PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS),
    ("PropertyPatch", "country", "country", 2, 2),
    ("PropertyPatch", "name", "line", 1, 200),
    ("PropertyPatch", "time_zone", "time-zone", 1, 60),
    ("RoomBody", "floor", "optional-line", 0, 40),
    ("RoomBody", "number", "line", 1, 40),
    ("SecondFactorCode", "code", "", 0, 200),
    ("Setup", "country", "country", 2, 2),
    ("Setup", "name", "line", 1, 200),
    ("Setup", "password", "new-password", PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS),
    ("Setup", "property_name", "line", 1, 200),
    ("Setup", "setup_token", "", 0, 200),
    ("Setup", "time_zone", "time-zone", 1, 60),
    ("Setup", "username", "username", 1, 64),
    ("StaffPatch", "name", "line", 1, 200),
    ("StaffPatch", "password", "new-password", PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS),
    ("StatusReport", "delivery_id", "", 0, 255),
    ("TransferBody", "department", "department", 1, DEPARTMENT_MAX_CHARS),
];

/// Lists of texts: schema, member, format, most of them, and the longest text.
const LISTS: [(&str, &str, &str, usize); 2] = [
    ("NewStaffBody", "departments", "department", 100),
    ("StaffPatch", "departments", "department", 100),
];

/// Members of which exactly one must be there and not be `null`.
const ONE_OF: [(&str, &[&str]); 3] = [
    ("CheckIn", &["guest_id", "name"]),
    ("GatewayMessage", &["whatsapp_number", "guest_ref"]),
    ("NewConversationBody", &["guest_id", "guest_whatsapp_number", "room_number"]),
];

/// Texts of a gateway's message that may be numbers: their digits are the text.
const DIGITS: [&str; 6] =
    ["content", "external_id", "guest_ref", "name", "room_number", "whatsapp_number"];

/// Members that must be there although the types allow that they are not: their checks have better words.
const REQUIRED: [(&str, &str); 2] = [("GatewayMessage", "content"), ("GuestBody", "name")];

/// Adds the limits to the description.
pub(super) fn describe(document: &mut Value) {
    inline_ids(document);
    for (schema, member, format, min, max) in TEXTS {
        if let Some(text) = member_of(document, schema, member) {
            limit_text(text, (format, min, max));
        }
    }
    for (schema, member, format, max) in LISTS {
        if let Some(list) = member_of(document, schema, member) {
            list.insert("maxItems".to_owned(), max.into());
            if let Some(items) = list.get_mut("items").and_then(Value::as_object_mut) {
                limit_text(items, (format, 1, DEPARTMENT_MAX_CHARS));
            }
        }
    }
    for (schema, members) in ONE_OF {
        if let Some(schema) = schema_of(document, schema) {
            let there = |member: &&str| json!({ "required": [member], "properties": { *member: { "not": { "type": "null" } } } });
            let one_of = members.iter().map(there).collect();
            schema.insert("oneOf".to_owned(), Value::Array(one_of));
        }
    }
    for (schema, member) in REQUIRED {
        if let Some(member) = member_of(document, schema, member) {
            forbid_null(member);
        }
        if let Some(schema) = schema_of(document, schema) {
            let required = schema.entry("required").or_insert_with(|| json!([]));
            if let Some(required) = required.as_array_mut() {
                required.push(member.into());
            }
        }
    }
    for member in DIGITS {
        if let Some(text) = member_of(document, "GatewayMessage", member) {
            let kinds = text.entry("type").or_insert(Value::Null);
            match kinds {
                Value::Array(kinds) => kinds.push("number".into()),
                one => *one = json!([one, "number"]),
            }
        }
    }
    // An account without a department must be an admin's.
    if let Some(account) = schema_of(document, "NewStaffBody") {
        let is_admin = json!({ "properties": { "user_type": { "const": "hotel_admin" } }, "required": ["user_type"] });
        let has_department = json!({ "properties": { "departments": { "minItems": 1 } }, "required": ["departments"] });
        account.insert("if".to_owned(), is_admin);
        account.insert("else".to_owned(), has_department);
    }
    if let Some(departments) = member_of(document, "StaffPatch", "departments") {
        departments.insert("minItems".to_owned(), 1.into());
    }
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let operations = paths.into_iter().flat_map(|paths| paths.values_mut());
    let operations = operations.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
    let parameters =
        operations.filter_map(|operation| operation.get_mut("parameters")?.as_array_mut());
    for parameter in parameters.flatten() {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(schema) = parameter.get_mut("schema").and_then(Value::as_object_mut) else {
            continue;
        };
        let is_number = accepts(schema, "integer");
        match name.as_str() {
            "limit" => limit_number(schema, 1, 200),
            "after" => limit_id(schema, 0),
            "cursor" if !is_number => limit_text(schema, ("cursor", 0, 0)),
            "department" => limit_text(schema, ("department", 0, DEPARTMENT_MAX_CHARS)),
            "q" => limit_text(schema, ("", 0, 0)),
            "subject" => limit_text(schema, ("", 0, 40)),
            _ if is_number => limit_id(schema, 1),
            _ => {}
        }
    }
}

/// Puts what an id is in the place of a reference to a schema that would have the name of a type of Rust.
fn inline_ids(document: &mut Value) {
    const NAME: &str = "i64";
    if let Some(schemas) =
        document.pointer_mut("/components/schemas").and_then(Value::as_object_mut)
    {
        schemas.remove(NAME);
    }
    inline(document, &format!("#/components/schemas/{NAME}"));
}

fn inline(value: &mut Value, reference: &str) {
    match value {
        Value::Object(members) => {
            if members.get("$ref").is_some_and(|target| target == reference) {
                members.remove("$ref");
                members.insert("type".to_owned(), "integer".into());
                members.insert("format".to_owned(), "int64".into());
                limit_id(members, 1);
            }
            members.values_mut().for_each(|member| inline(member, reference));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| inline(value, reference)),
        _ => {}
    }
}

fn schema_of<'a>(document: &'a mut Value, schema: &str) -> Option<&'a mut Map<String, Value>> {
    document.get_mut("components")?.get_mut("schemas")?.get_mut(schema)?.as_object_mut()
}

fn member_of<'a>(
    document: &'a mut Value,
    schema: &str,
    member: &str,
) -> Option<&'a mut Map<String, Value>> {
    schema_of(document, schema)?.get_mut("properties")?.get_mut(member)?.as_object_mut()
}

/// Limits a text; 0 is no limit.
fn limit_text(text: &mut Map<String, Value>, (format, min, max): (&str, usize, usize)) {
    if !format.is_empty() {
        text.insert("format".to_owned(), format.into());
    }
    for (limit, chars) in [("minLength", min), ("maxLength", max)] {
        if chars > 0 {
            text.insert(limit.to_owned(), chars.into());
        }
    }
}

fn limit_id(id: &mut Map<String, Value>, min: i64) {
    limit_number(id, min, ID_MAX);
}

fn limit_number(number: &mut Map<String, Value>, min: i64, max: i64) {
    number.insert("minimum".to_owned(), min.into());
    number.insert("maximum".to_owned(), max.into());
}

/// Whether a schema takes values of a type.
fn accepts(schema: &Map<String, Value>, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|each| each == kind),
        Some(one) => one == kind,
        None => false,
    }
}

/// Takes `null` away from the types of a member.
fn forbid_null(member: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = member.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            member.insert("type".to_owned(), only);
        }
    }
}
