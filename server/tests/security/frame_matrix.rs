//! Every frame of the chat socket × everybody.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    actors::{EVERYBODY, MARK, Scene, Who},
    common::{Socket, socket::request},
};

/// A row per command, a column per person in the order of [`EVERYBODY`]. A number is the status that
/// the handshake gets; other words are the code of an error, or the status of an acknowledgment;
/// `silent` is neither. `none` stands for `conversation_not_found`, `denied` for `access_denied`.
const TABLE: &str = "
    command                  nobody neighb  staff               admin               adm.e  disabl strang revokd gatewy

    text                     401    denied  received            received            denied 403    none   401    401
    mark_read                401    denied  marked_read         marked_read         denied 403    none   401    401
    typing                   401    denied  silent              silent              denied 403    none   401    401
    subscribe_conversation   401    denied  subscribed          subscribed          denied 403    none   401    401
    unsubscribe_conversation 401    denied  unsubscribed        unsubscribed        denied 403    none   401    401
    resume                   401    left    told                told                left   403    left   401    401
    close_conversation       401    denied  conversation_closed conversation_closed denied 403    none   401    401
";

fn rows() -> Vec<(String, Vec<String>)> {
    let lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1);
    lines
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let command = words.next().unwrap();
            let cells: Vec<_> = words.collect();
            assert_eq!(cells.len(), EVERYBODY.len(), "{line}");
            (command, cells)
        })
        .collect()
}

/// The names of all commands, out of the generated types.
#[test]
fn every_command_has_a_row() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/src/protocol/Command.ts");
    let types = std::fs::read_to_string(path).unwrap();
    let commands: BTreeSet<_> = types
        .split("\"type\": \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert!(commands.len() > 6, "{commands:?}");
    let in_table: BTreeSet<_> = rows().into_iter().map(|(command, _)| command).collect();
    assert_eq!(in_table, commands);
}

async fn open(scene: &Scene, who: Who) -> Result<Socket, u16> {
    let client = scene.client(who);
    let bearer = client.token.as_ref().map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    let request = request(&client.host(), "/ws/chat/", &headers);
    Socket::open(request).await.map_err(|status| status.as_u16())
}

#[tokio::test]
async fn nobody_gets_more_than_the_table_of_frames_says() {
    let scene = Scene::set().await;
    let mut wrong = Vec::new();
    // They listen all the time, and must not hear a thing of the house.
    let mut outsiders = Vec::new();
    for who in [Who::Neighbour, Who::AdminElsewhere, Who::Stranger] {
        outsiders.push((who, open(&scene, who).await.unwrap()));
    }
    for (command, cells) in rows() {
        for (who, expected) in EVERYBODY.into_iter().zip(cells) {
            if let Err(what) = hold(&scene, &command, who, &expected).await {
                wrong.push(format!("{command} by {who:?}: {what}"));
            }
        }
    }
    for (who, mut socket) in outsiders {
        let frames = socket.everything().await;
        let heard = frames.iter().any(|frame| frame["type"] != "user_status");
        if heard || (who == Who::Stranger && format!("{frames:?}").contains(MARK)) {
            wrong.push(format!("{who:?} heard {frames:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn hold(scene: &Scene, command: &str, who: Who, expected: &str) -> Result<(), String> {
    let before = scene.state(scene.things.conversation).await;
    let mut socket = match open(scene, who).await {
        Ok(socket) => socket,
        Err(status) if status.to_string() == expected => return Ok(()),
        Err(status) => return Err(format!("{status} at the door")),
    };
    // Two people close; each gets an open one. The others try it on what everybody is after.
    let succeeds = !matches!(expected, "denied" | "none" | "left");
    let things = match succeeds && command == "close_conversation" {
        true => scene.fresh().await,
        false => scene.things,
    };
    let mut frame = json!({
        "type": command, "conversation_id": things.conversation, "content": "Hello",
        "is_typing": true,
    });
    if command == "resume" {
        let client = scene.person(who).unwrap();
        let page = client.get("/chat/conversations/").await.expect(200);
        frame = json!({
            "type": "resume", "epoch": page["epoch"], "last_seq": 0,
            "conversation_ids": [things.conversation],
        });
    }
    socket.send(frame).await;
    let frames = match command {
        "resume" => until_resumed(&mut socket).await,
        _ => socket.everything().await,
    };
    socket.leave().await;
    let is_right = match expected {
        "denied" => refused(&frames, "access_denied"),
        "none" => refused(&frames, "conversation_not_found"),
        "silent" => frames.is_empty(),
        // Everything of their departments is told; the conversation is denied, and nothing of it comes.
        "left" => {
            frames.last().unwrap()["denied"] == json!([things.conversation])
                && !frames.iter().any(|frame| about(frame, things.conversation))
        }
        "told" => {
            frames.last().unwrap()["denied"] == json!([])
                && frames.iter().any(|frame| about(frame, things.conversation))
        }
        status => frames
            .iter()
            .any(|frame| frame["type"] == "acknowledgment" && frame["status"] == status),
    };
    if !is_right {
        return Err(format!("not {expected}: {frames:?}"));
    }
    if !succeeds && scene.state(scene.things.conversation).await != before {
        return Err("it was refused, and still something changed".to_owned());
    }
    Ok(())
}

fn refused(frames: &[Value], code: &str) -> bool {
    let [frame] = frames else { return false };
    frame["type"] == "error" && frame["code"] == code
}

fn about(frame: &Value, conversation: i64) -> bool {
    let data = &frame["data"];
    [&data["id"], &data["conversation_id"], &data["data"]["id"], &data["data"]["conversation_id"]]
        .contains(&&json!(conversation))
}

async fn until_resumed(socket: &mut Socket) -> Vec<Value> {
    let mut frames = Vec::new();
    loop {
        let frame = socket.next().await;
        let is_last = frame["status"] == "resumed";
        frames.push(frame);
        if is_last {
            return frames;
        }
    }
}
