//! Everybody who could stand at the door of a house, and what they are after.

use serde_json::json;

use crate::common::{Client, House, Person, house::PASSWORD, program};

/// Stands in every name and text that outsiders must not learn.
pub const MARK: &str = "Secretmark";

/// Who asks, in the order of the tables' columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    /// Staff of another department of the same property.
    Neighbour,
    Staff,
    Admin,
    /// An admin who is not in the conversation's department.
    AdminElsewhere,
    Disabled,
    /// An admin of another property.
    Stranger,
    /// Staff whose session was ended.
    Revoked,
    Gateway,
}

/// The columns.
pub const EVERYBODY: [Who; 9] = [
    Who::Nobody,
    Who::Neighbour,
    Who::Staff,
    Who::Admin,
    Who::AdminElsewhere,
    Who::Disabled,
    Who::Stranger,
    Who::Revoked,
    Who::Gateway,
];

/// A house with something to hide, and everybody who may or may not see it.
pub struct Scene {
    pub house: House,
    /// An admin of the other property.
    pub stranger: Person,
    staff: Person,
    neighbour: Person,
    admin_elsewhere: Person,
    disabled: Person,
    revoked: Person,
    gateway: Client,
    /// Things of the house that everybody is after.
    pub things: Things,
}

/// Ids in the paths and bodies of requests.
#[derive(Clone, Copy, Debug)]
pub struct Things {
    pub conversation: i64,
    /// A staff member's, in that conversation.
    pub message: i64,
    pub guest: i64,
    pub stay: i64,
    pub staff: i64,
    pub session: i64,
    pub gateway: i64,
}

impl Scene {
    pub async fn set() -> Self {
        let house = House::start_with(|config| config.commands_per_second = 0).await;
        let admin = &house.admin;
        admin.post("/departments/", json!({"name": MARK})).await.expect(201);
        let named = |username: &str, department: &str, is_admin: bool| {
            json!({
                "username": username, "name": format!("{MARK} {username}"),
                "departments": [department], "is_admin": is_admin,
            })
        };
        let staff = house.account(named("ana", "reception", false)).await;
        let neighbour = house.account(named("nils", "housekeeping", false)).await;
        let admin_elsewhere = house.account(named("max", "housekeeping", true)).await;
        let disabled = house.account(named("dora", "reception", false)).await;
        let path = format!("/staff/{}/", disabled.id);
        admin.patch(&path, json!({"is_disabled": true})).await.expect(200);
        let revoked = house.account(named("rita", "reception", false)).await;
        revoked.post("/auth/logout/", json!({})).await.expect(204);
        let gateway = house.gateway("sms", None).await.client;
        let stranger = stranger(&house).await;
        let things = Things {
            staff: staff.id,
            session: session_of(&staff).await,
            ..fresh_things(&house, MARK).await
        };
        Self {
            house,
            stranger,
            staff,
            neighbour,
            admin_elsewhere,
            disabled,
            revoked,
            gateway,
            things,
        }
    }

    pub fn client(&self, who: Who) -> &Client {
        match who {
            Who::Nobody => &self.house.anyone,
            Who::Gateway => &self.gateway,
            _ => &self.person(who).unwrap().client,
        }
    }

    /// Whoever has, or had, an account.
    pub const fn person(&self, who: Who) -> Option<&Person> {
        match who {
            Who::Nobody | Who::Gateway => None,
            Who::Neighbour => Some(&self.neighbour),
            Who::Staff => Some(&self.staff),
            Who::Admin => Some(&self.house.admin),
            Who::AdminElsewhere => Some(&self.admin_elsewhere),
            Who::Disabled => Some(&self.disabled),
            Who::Stranger => Some(&self.stranger),
            Who::Revoked => Some(&self.revoked),
        }
    }

    /// Another account of this kind, for a call after which it is of no more use.
    pub async fn double(&self, who: Who) -> Client {
        let (maker, department, is_admin) = match who {
            Who::Neighbour => (&self.house.admin, "housekeeping", false),
            Who::Staff => (&self.house.admin, "reception", false),
            Who::Admin => (&self.house.admin, "reception", true),
            Who::AdminElsewhere => (&self.house.admin, "housekeeping", true),
            Who::Stranger => (&self.stranger, "reception", true),
            Who::Nobody | Who::Disabled | Who::Revoked | Who::Gateway => {
                return self.client(who).clone();
            }
        };
        let username = format!("double{}", self.house.number());
        let account = json!({
            "username": username, "name": "Double", "password": PASSWORD,
            "departments": [department], "is_admin": is_admin,
        });
        maker.post("/staff/", account).await.expect(201);
        self.house.sign_in(&username).await.client
    }

    /// New things, to be changed by one call.
    pub async fn fresh(&self) -> Things {
        let double = self.double(Who::Staff).await;
        let me = double.get("/auth/me/").await.expect(200);
        let things = fresh_things(&self.house, "Guest").await;
        Things { staff: me["id"].as_i64().unwrap(), session: self.things.session, ..things }
    }

    /// All that the property holds, as its admin sees it: a refused call leaves it as it was.
    pub async fn state(&self, conversation: i64) -> Vec<String> {
        let mut state = Vec::new();
        for path in [
            "/chat/conversations/?status=all&limit=200",
            "/guests/",
            "/rooms/",
            "/stays/",
            "/staff/",
            "/departments/",
            "/property/",
            "/gateways/",
            &format!("/chat/conversations/{conversation}/"),
            &format!("/chat/conversations/{conversation}/messages/"),
        ] {
            let answer = self.house.admin.get(path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            state.push(answer.text);
        }
        state
    }
}

/// The newest session of whoever asks.
pub async fn session_of(client: &Client) -> i64 {
    let sessions = client.get("/auth/sessions/").await.expect(200);
    sessions["results"][0]["id"].as_i64().unwrap()
}

/// A guest who stays and writes to reception.
async fn fresh_things(house: &House, name: &str) -> Things {
    let number = house.number();
    let guest = json!({"name": format!("{name} {number}")});
    let guest = house.admin.post("/guests/", guest).await.expect(201)["id"].as_i64().unwrap();
    let stay = json!({"guest_id": guest, "room_number": format!("{name} {number}")});
    let stay = house.admin.post("/stays/", stay).await.expect(201)["id"].as_i64().unwrap();
    let create = json!({
        "guest_id": guest, "department": "reception", "content": format!("{name}: the safe's code"),
    });
    let made = house.admin.post("/chat/conversations/create/", create).await.expect(201);
    let conversation = made["id"].as_i64().unwrap();
    let path = format!("/chat/conversations/{conversation}/messages/");
    let page = house.admin.get(&path).await.expect(200);
    let message = page["results"][0]["id"].as_i64().unwrap();
    let gateway = json!({"name": format!("{name} {number}")});
    let gateway = house.admin.post("/gateways/", gateway).await.expect(201)["id"].as_i64().unwrap();
    Things { conversation, message, guest, stay, staff: 0, session: 0, gateway }
}

async fn stranger(house: &House) -> Person {
    let made = house.cli(&["property", "create", "--name", "Hotel Borealis"]).await.object();
    let property = made["id"].to_string();
    let mut command = program::command();
    command.arg("--data-dir").arg(house.data_dir()).args(["--property", &property]);
    command.args(["staff", "create", "--username", "bea", "--name", "Bea", "--admin"]);
    command.args(["--department", "reception", "--department", "housekeeping"]);
    command.arg("--password-stdin");
    let made = program::run(command, PASSWORD).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    house.sign_in("bea").await
}
