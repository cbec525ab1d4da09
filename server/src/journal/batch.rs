//! One transaction in the making: what it loads, and the changes that take looking up.

use std::{collections::HashSet, ops::Range};

use sqlx::SqliteConnection;

use crate::{
    audit::{self, Actor, Entry, Subject},
    chat::{self, Answer, Change, GuestMessage, GuestSelector, Moment, Refused, Working},
    protocol::{CommandError, Id},
    store::{self, StoreError, lookups, working, writes},
};

/// A change's result, and which of the batch's events are its own.
pub(super) type Applied = (Result<Answer, Refused>, Range<usize>);

/// One batch on the writing connection.
pub(super) struct Batch<'a> {
    pub(super) writer: &'a mut SqliteConnection,
    pub(super) working: &'a mut Working,
    pub(super) moment: &'a mut Moment,
    pub(super) in_transaction: bool,
}

impl Batch<'_> {
    /// Loads what the changes speak of and memory does not have.
    pub(super) async fn load<'c>(
        &mut self,
        changes: impl Iterator<Item = &'c Change>,
    ) -> Result<(), StoreError> {
        let mut conversations = HashSet::new();
        let mut staff = HashSet::new();
        let mut texts = Vec::new();
        let mut marks = Vec::new();
        for change in changes {
            match change {
                Change::Text { staff: who, client_id: Some(client_id), .. } => {
                    texts.push((*who, client_id.as_str()));
                }
                Change::MarkRead { staff: who, conversation_id, .. } => {
                    marks.push((*who, *conversation_id));
                }
                Change::Resume { resume, .. } => conversations.extend(&resume.conversation_ids),
                _ => {}
            }
            conversations.extend(conversation_of(change));
            staff.extend(actor_of(change));
        }
        self.load_conversations(conversations.into_iter().collect()).await?;
        staff.retain(|id| !self.working.staff.contains_key(id));
        if !staff.is_empty() {
            let missing: Vec<Id> = staff.into_iter().collect();
            self.working.staff.extend(working::staff(self.writer, &missing).await?);
        }
        if !texts.is_empty() {
            self.working.known_texts.extend(working::known_texts(self.writer, &texts).await?);
        }
        if !marks.is_empty() {
            self.working.read_marks.extend(working::read_marks(self.writer, &marks).await?);
        }
        Ok(())
    }

    async fn load_conversations(&mut self, mut ids: Vec<Id>) -> Result<(), StoreError> {
        ids.retain(|id| !self.working.conversations.contains_key(id));
        if !ids.is_empty() {
            let loaded = working::conversations(self.writer, &ids).await?;
            self.working.conversations.extend(loaded.into_iter().map(|state| (state.id, state)));
        }
        Ok(())
    }

    /// Applies one change.
    pub(super) async fn apply(&mut self, change: &Change) -> Result<Applied, StoreError> {
        let first = self.working.writes.events.len();
        let result = match change {
            Change::Create {
                staff,
                property_id,
                guest,
                department,
                conversation_type,
                content,
                client_id,
            } => {
                self.create(&Create {
                    staff: *staff,
                    property_id: *property_id,
                    guest,
                    department,
                    conversation_type,
                    content: content.as_deref(),
                    client_id: client_id.as_deref(),
                })
                .await?
            }
            Change::GuestMessage(message) => self.guest_message(message).await?,
            change => {
                self.look_up_places(change).await?;
                chat::apply(self.working, self.moment, change)
            }
        };
        let told = first..self.working.writes.events.len();
        if let (Ok(answer), Some(event)) = (&result, self.working.writes.events.get(first)) {
            let entry = audit::of_change(change, answer, event.property_id);
            self.working.writes.audits.extend(entry);
        }
        Ok((result, told))
    }

    /// Reopening and transferring ask whether the place is taken.
    async fn look_up_places(&mut self, change: &Change) -> Result<(), StoreError> {
        let (Change::Reopen { conversation_id, .. } | Change::Transfer { conversation_id, .. }) =
            change
        else {
            return Ok(());
        };
        let Some(state) = self.working.conversations.get(conversation_id) else { return Ok(()) };
        let (guest_id, property_id, mut department_id) =
            (state.guest_id, state.property_id, state.department_id);
        if let Change::Transfer { department, .. } = change {
            match self.department(property_id, department).await? {
                Some(id) => department_id = id,
                None => return Ok(()),
            }
        }
        self.active((guest_id, department_id)).await?;
        Ok(())
    }

    async fn department(&mut self, property_id: Id, slug: &str) -> Result<Option<Id>, StoreError> {
        let key = (property_id, slug.to_owned());
        if let Some(id) = self.working.departments.get(&key) {
            return Ok(Some(*id));
        }
        let found = lookups::department(self.writer, property_id, slug).await?;
        if let Some(id) = found {
            self.working.departments.insert(key, id);
        }
        Ok(found)
    }

    /// The guest's active conversation with a department; what this batch has changed comes first.
    async fn active(&mut self, place: (Id, Id)) -> Result<Option<Id>, StoreError> {
        if let Some(known) = self.working.active.get(&place) {
            return Ok(*known);
        }
        let found = lookups::active_conversation(self.writer, place).await?;
        self.working.active.insert(place, found);
        Ok(found)
    }

    async fn create(&mut self, new: &Create<'_>) -> Result<Result<Answer, Refused>, StoreError> {
        if let Some(client_id) = new.client_id {
            let key = (new.staff, client_id.to_owned());
            let known = match self.working.creations.get(&key) {
                Some(id) => Some(*id),
                None => lookups::creation(self.writer, new.staff, client_id).await?,
            };
            if let Some(id) = known {
                return Ok(Ok(Answer::Conversation { id, created: false }));
            }
            let texts = working::known_texts(self.writer, &[(new.staff, client_id)]).await?;
            if !texts.is_empty() || self.working.known_texts.contains_key(&key) {
                return Ok(Err(CommandError::ClientIdReused.into()));
            }
        }
        let Some(department_id) = self.department(new.property_id, new.department).await? else {
            return Ok(Err(Refused::DepartmentNotFound));
        };
        let guests = lookups::select_guests(self.writer, new.property_id, new.guest).await?;
        let guest_id = match guests.as_slice() {
            [] => return Ok(Err(Refused::GuestNotFound)),
            [guest_id] => *guest_id,
            _ => return Ok(Err(Refused::SeveralGuests)),
        };
        if let Some(conversation_id) = self.active((guest_id, department_id)).await? {
            return Ok(Err(Refused::ConversationExists { conversation_id }));
        }
        let blank = lookups::blank_conversation(
            self.writer,
            guest_id,
            (department_id, new.department),
            new.conversation_type,
            self.moment.now,
        )
        .await?;
        let client_id = new.client_id.map(str::to_owned);
        Ok(chat::new_conversation(
            self.working,
            self.moment,
            blank,
            new.content,
            Some(new.staff),
            client_id.clone(),
        )
        .and_then(|id| {
            if let Some(content) = new.content {
                chat::staff_text(self.working, self.moment, new.staff, id, content, client_id)?;
            }
            Ok(Answer::Conversation { id, created: true })
        }))
    }

    async fn guest_message(
        &mut self,
        message: &GuestMessage,
    ) -> Result<Result<Answer, Refused>, StoreError> {
        let key = (message.gateway_id, message.external_id.clone());
        let known = match self.working.external.get(&key) {
            Some(known) => Some(*known),
            None => lookups::external(self.writer, key.0, &key.1).await?,
        };
        if let Some((message_id, conversation_id)) = known {
            return Ok(Ok(Answer::Stored {
                message_id,
                conversation_id,
                created_at: self.moment.now,
                client_id: None,
                duplicate: true,
                conversation_created: false,
            }));
        }
        let Some(department_id) = self.department(message.property_id, &message.department).await?
        else {
            return Ok(Err(Refused::DepartmentNotFound));
        };
        let guest_id = self.arriving_guest(message).await?;
        let (conversation_id, created) = match self.active((guest_id, department_id)).await? {
            Some(id) => (id, false),
            None => {
                let place = (department_id, message.department.as_str());
                let blank = lookups::blank_conversation(
                    self.writer,
                    guest_id,
                    place,
                    "general",
                    self.moment.now,
                )
                .await?;
                let first = Some(message.content.as_str());
                match chat::new_conversation(self.working, self.moment, blank, first, None, None) {
                    Ok(id) => (id, true),
                    Err(refused) => return Ok(Err(refused)),
                }
            }
        };
        self.load_conversations(vec![conversation_id]).await?;
        let stored = chat::guest_text(self.working, self.moment, message, conversation_id);
        Ok(stored.map(|answer| match answer {
            Answer::Stored {
                message_id,
                conversation_id,
                created_at,
                client_id,
                duplicate,
                ..
            } => Answer::Stored {
                message_id,
                conversation_id,
                created_at,
                client_id,
                duplicate,
                conversation_created: created,
            },
            other => other,
        }))
    }

    /// The guest a gateway speaks of: created when unknown, brought up to date when there is news.
    async fn arriving_guest(&mut self, message: &GuestMessage) -> Result<Id, StoreError> {
        let known = lookups::gateway_guest(self.writer, message).await?;
        if let Some(known) = &known
            && !known.has_news
        {
            return Ok(known.id);
        }
        // The rows of earlier changes go first, then nothing in memory may speak of the guest.
        self.flush().await?;
        let (id, action) = match known {
            Some(known) => (known.id, "updated"),
            None => {
                (lookups::insert_guest(self.writer, message, self.moment.now).await?, "created")
            }
        };
        lookups::update_guest(self.writer, id, message, self.moment.now).await?;
        self.working.conversations.retain(|_, state| state.guest_id != id);
        let gateway = Actor::Gateway(message.gateway_id);
        let entry = Entry::new(message.property_id, gateway, action, Subject::Guest(id));
        self.working.writes.audits.push(entry);
        Ok(id)
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        if !self.in_transaction {
            writes::begin(self.writer).await?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Writes what there is into an open transaction; the events stay, to be told.
    async fn flush(&mut self) -> Result<(), StoreError> {
        self.begin().await?;
        if !self.working.writes.is_empty() {
            writes::write(self.writer, self.working).await?;
            let audits = &self.working.writes.audits;
            store::audit::append(self.writer, audits, self.moment.now).await?;
            self.working.writes.written();
        }
        Ok(())
    }

    /// Commits; returns whether there was anything to write.
    pub(super) async fn commit(&mut self) -> Result<bool, StoreError> {
        if !self.in_transaction && self.working.writes.is_empty() {
            return Ok(false);
        }
        if !self.in_transaction && writes::is_plain(self.working) {
            writes::write_and_commit(self.writer, self.working).await?;
        } else {
            self.flush().await?;
            writes::commit(self.writer).await?;
        }
        Ok(true)
    }
}

struct Create<'a> {
    staff: Id,
    property_id: Id,
    guest: &'a GuestSelector,
    department: &'a str,
    conversation_type: &'a str,
    content: Option<&'a str>,
    client_id: Option<&'a str>,
}

const fn conversation_of(change: &Change) -> Option<Id> {
    match change {
        Change::Text { conversation_id, .. }
        | Change::MarkRead { conversation_id, .. }
        | Change::Subscribe { conversation_id, .. }
        | Change::Unsubscribe { conversation_id, .. }
        | Change::Typing { conversation_id, .. }
        | Change::Close { conversation_id, .. }
        | Change::Reopen { conversation_id, .. }
        | Change::Transfer { conversation_id, .. } => Some(*conversation_id),
        Change::Resume { .. } | Change::Create { .. } | Change::GuestMessage(_) => None,
    }
}

const fn actor_of(change: &Change) -> Option<Id> {
    match change {
        Change::Text { staff, .. }
        | Change::MarkRead { staff, .. }
        | Change::Subscribe { staff, .. }
        | Change::Unsubscribe { staff, .. }
        | Change::Typing { staff, .. }
        | Change::Resume { staff, .. }
        | Change::Close { staff, .. }
        | Change::Reopen { staff, .. }
        | Change::Transfer { staff, .. }
        | Change::Create { staff, .. } => Some(*staff),
        Change::GuestMessage(_) => None,
    }
}
