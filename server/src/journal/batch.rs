//! One transaction in the making: what it loads, and the changes that take looking up.

use std::{collections::HashSet, ops::Range};

use sqlx::SqliteConnection;

use crate::{
    audit::{self, Actor, Entry, Subject},
    chat::{
        self, Action, Answer, Change, Creation, GuestMessage, Moment, Refused, Stored, Working,
    },
    protocol::{CommandError, GuestInfo, Id, check_characters, has_nul},
    store::{
        self, StoreError, deliveries, erasure, gateway_guests, guests, lookups, working, writes,
    },
};

/// A change's result, and which of the batch's events are its own.
pub(super) type Applied = (Result<Answer, Refused>, Range<usize>);

/// Why a change is not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// It may not be: the others of the batch go on.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Storage failed: nothing of the batch is stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One batch on the writing connection.
pub(super) struct Batch<'a> {
    pub(super) writer: &'a mut SqliteConnection,
    pub(super) working: &'a mut Working,
    pub(super) moment: &'a mut Moment,
    pub(super) in_transaction: bool,
}

impl Batch<'_> {
    /// Loads the rows that the changes need and that are not in memory.
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
                Change::Conversation { staff: who, conversation_id, action } => {
                    staff.insert(*who);
                    conversations.insert(*conversation_id);
                    match action {
                        Action::Text { client_id: Some(client_id), .. } => {
                            texts.push((*who, client_id.as_str()));
                        }
                        Action::MarkRead { .. } => marks.push((*who, *conversation_id)),
                        _ => {}
                    }
                }
                Change::Resume { staff: who, .. } => {
                    staff.insert(*who);
                }
                Change::Create(new) => {
                    staff.insert(new.staff);
                }
                Change::Retry(retry) => {
                    staff.insert(retry.staff);
                }
                Change::GuestMessage(_)
                | Change::Deliveries { .. }
                | Change::Reports { .. }
                | Change::Refuse(_) => {}
            }
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

    pub(super) async fn load_conversations(&mut self, mut ids: Vec<Id>) -> Result<(), StoreError> {
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
        let result = match self.carry_out(change).await {
            Ok(answer) => Ok(answer),
            Err(Stop::Refused(refused)) => Err(refused),
            Err(Stop::Store(error)) => return Err(error),
        };
        let told = first..self.working.writes.events.len();
        if let (Ok(answer), Some(event)) = (&result, self.working.writes.events.get(first)) {
            let entry = audit::of_change(change, answer, event.property_id);
            self.working.writes.audits.extend(entry);
        }
        Ok((result, told))
    }

    async fn carry_out(&mut self, change: &Change) -> Result<Answer, Stop> {
        match change {
            Change::Conversation { staff, conversation_id, action } => {
                self.look_up(*staff, *conversation_id, action).await?;
                let answer =
                    chat::act(self.working, self.moment, *staff, *conversation_id, action)?;
                let state = self.working.conversations.get(conversation_id);
                if let Action::Close = action
                    && state.is_some_and(|state| state.no_way_id.is_some())
                {
                    self.end_waits_for_way(*conversation_id).await?;
                }
                Ok(answer)
            }
            Change::Resume { staff, resume } => {
                // A conversation that is not in memory has no changes that are not in the database.
                let named = resume.conversation_ids.iter().copied();
                let unknown: Vec<Id> =
                    named.filter(|id| !self.working.conversations.contains_key(id)).collect();
                let owners = working::owners(self.writer, &unknown).await?;
                Ok(chat::resume(self.working, *staff, resume, &owners))
            }
            Change::Create(new) => self.create(new).await,
            Change::GuestMessage(message) => Ok(Answer::Stored(self.guest_message(message).await?)),
            Change::Deliveries { news, health } => {
                self.working.writes.health.extend(health.iter().cloned());
                self.bring_up_to_date(news).await?;
                Ok(Answer::Deliveries)
            }
            Change::Reports { gateway_id, reports } => self.reports(*gateway_id, reports).await,
            Change::Retry(retry) => self.retry(retry).await,
            Change::Refuse(error) => Err(Refused::from(*error).into()),
        }
    }

    /// What an action asks of what is not in memory.
    async fn look_up(
        &mut self,
        staff: Id,
        conversation_id: Id,
        action: &Action,
    ) -> Result<(), StoreError> {
        let Some(state) = self.working.conversations.get(&conversation_id) else { return Ok(()) };
        let (guest_id, property_id, department_id) =
            (state.guest_id, state.property_id, state.department_id);
        match action {
            Action::MarkRead { message_id: Some(id) } if *id < state.last_message_id => {
                self.flush_if_needed().await?;
                let newest = lookups::newest_message(self.writer, conversation_id, *id).await?;
                self.working.newest.insert((conversation_id, *id), newest);
            }
            Action::Reopen => {
                self.active((guest_id, department_id)).await?;
                self.flush_if_needed().await?;
                let since = lookups::unanswered_since(self.writer, conversation_id).await?;
                self.working.unanswered.insert(conversation_id, since);
            }
            Action::Transfer { department, .. } => {
                if let Some(to_id) = self.department(property_id, department).await? {
                    self.active((guest_id, to_id)).await?;
                }
                let is_in_department = self
                    .working
                    .staff
                    .get(&staff)
                    .is_some_and(|person| person.departments.contains(&department_id));
                if !is_in_department {
                    self.flush_if_needed().await?;
                    let last = lookups::last_transfer(self.writer, conversation_id).await?;
                    self.working.last_transfers.extend(last.map(|last| (conversation_id, last)));
                }
            }
            _ => {}
        }
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

    async fn create(&mut self, new: &Creation) -> Result<Answer, Stop> {
        if let Some(client_id) = &new.client_id
            && let Some(known) = self.known_creation(new, client_id).await?
        {
            return Ok(known);
        }
        if let Some(content) = &new.content {
            check_characters(content, new.client_id.as_deref()).map_err(Refused::from)?;
        } else if new.client_id.as_deref().is_some_and(has_nul) {
            return Err(Refused::from(CommandError::InvalidField("client_id")).into());
        }
        let department_id = self
            .department(new.property_id, &new.department)
            .await?
            .ok_or(Refused::DepartmentNotFound)?;
        let guests = lookups::select_guests(self.writer, new.property_id, &new.guest).await?;
        let guest_id = match guests.as_slice() {
            [] => return Err(Refused::GuestNotFound.into()),
            [guest_id] => *guest_id,
            _ => return Err(Refused::SeveralGuests.into()),
        };
        if erasure::is_anonymous(self.writer, guest_id).await? {
            return Err(Refused::Anonymised.into());
        }
        self.active((guest_id, department_id)).await?;
        let blank = lookups::blank_conversation(
            self.writer,
            guest_id,
            (department_id, &new.department),
            &new.conversation_type,
            self.moment.now,
        )
        .await?;
        let (working, moment) = (&mut *self.working, &mut *self.moment);
        let (content, client_id) = (new.content.as_deref(), new.client_id.clone());
        let by = Some(new.staff);
        let id = chat::new_conversation(working, moment, blank, content, by, client_id.clone())?;
        if let Some(content) = content {
            chat::staff_text(working, moment, new.staff, id, content, client_id)?;
        }
        Ok(Answer::Conversation { id, created: true })
    }

    /// What a `client_id` that was used before says to a creation: the same request again is answered
    /// with its conversation, and another one refused. Returns `None` for an id that is new.
    async fn known_creation(
        &mut self,
        new: &Creation,
        client_id: &str,
    ) -> Result<Option<Answer>, Stop> {
        self.flush_if_needed().await?;
        if let Some((id, is_repeat)) = lookups::creation(self.writer, new, client_id).await? {
            return if is_repeat {
                Ok(Some(Answer::Conversation { id, created: false }))
            } else {
                Err(Refused::from(CommandError::ClientIdReused).into())
            };
        }
        let texts = working::known_texts(self.writer, &[(new.staff, client_id)]).await?;
        if texts.is_empty() {
            Ok(None)
        } else {
            Err(Refused::from(CommandError::ClientIdReused).into())
        }
    }

    async fn guest_message(&mut self, message: &GuestMessage) -> Result<Stored, Stop> {
        let key = (message.gateway_id, message.external_id.clone());
        let known = match self.working.external.get(&key) {
            Some(known) => Some(*known),
            None => lookups::external(self.writer, key.0, &key.1).await?,
        };
        if let Some((message_id, conversation_id)) = known {
            return Ok(Stored {
                message_id,
                conversation_id,
                created_at: self.moment.now,
                client_id: None,
                duplicate: true,
                conversation_created: false,
            });
        }
        message.check().map_err(Refused::from)?;
        let department_id = self
            .department(message.property_id, &message.department)
            .await?
            .ok_or(Refused::DepartmentNotFound)?;
        let (guest_id, is_waited_for) = self.arriving_guest(message).await?;
        let active = self.active((guest_id, department_id)).await?;
        let conversation_id = match active {
            Some(id) => id,
            None => self.begin_conversation(message, guest_id, department_id).await?,
        };
        self.load_conversations(vec![conversation_id]).await?;
        let stored = chat::guest_text(self.working, self.moment, message, conversation_id)?;
        if is_waited_for {
            self.open_way(guest_id, conversation_id).await?;
        }
        Ok(Stored { conversation_created: active.is_none(), ..stored })
    }

    /// The conversation that a guest's message begins.
    async fn begin_conversation(
        &mut self,
        message: &GuestMessage,
        guest_id: Id,
        department_id: Id,
    ) -> Result<Id, Stop> {
        let blank = lookups::blank_conversation(
            self.writer,
            guest_id,
            (department_id, &message.department),
            "general",
            self.moment.now,
        )
        .await?;
        let first = Some(message.content.as_str());
        Ok(chat::new_conversation(self.working, self.moment, blank, first, None, None)?)
    }

    /// The guest whom a gateway names: created when unknown, brought up to date when there is news. And
    /// whether messages to them wait because nothing reaches them.
    async fn arriving_guest(&mut self, message: &GuestMessage) -> Result<(Id, bool), StoreError> {
        let known = gateway_guests::find(self.writer, message).await?;
        let is_waited_for = known
            .as_ref()
            .is_some_and(|known| known.is_waited_for || self.has_unwritten_without_way(known.id));
        if let Some(known) = &known
            && !known.has_news
        {
            if known.has_other_address {
                self.set_address(message, known.id).await?;
            }
            return Ok((known.id, is_waited_for));
        }
        // First the rows of earlier changes are written, then everything about the guest is removed from
        // memory.
        self.flush().await?;
        let is_new = known.is_none();
        let (id, action) = match known {
            Some(known) => (known.id, "updated"),
            None => {
                (gateway_guests::insert(self.writer, message, self.moment.now).await?, "created")
            }
        };
        let before = guests::info(self.writer, message.property_id, id).await?;
        gateway_guests::update(self.writer, id, message, self.moment.now).await?;
        self.set_address(message, id).await?;
        let after = guests::info(self.writer, message.property_id, id).await?;
        self.working.conversations.retain(|_, state| state.guest_id != id);
        let changed = after.filter(|after| before.as_ref() != Some(after));
        let has_changed = changed.is_some();
        if let Some(guest) = changed {
            self.tell_guest(&guest).await?;
        }
        // The gateway that replies leave through is not logged: with two gateways of one guest it changes all
        // the time.
        if is_new || has_changed {
            let gateway = Actor::Gateway(message.gateway_id);
            let entry = Entry::new(message.property_id, gateway, action, Subject::Guest(id));
            self.working.writes.audits.push(entry);
        }
        Ok((id, is_waited_for))
    }

    /// Adds the event `guest` for the departments of the guest's active conversations.
    async fn tell_guest(&mut self, guest: &GuestInfo) -> Result<(), StoreError> {
        let ids = lookups::active_conversations(self.writer, guest.id).await?;
        self.load_conversations(ids.clone()).await?;
        for id in ids {
            chat::guest_changed(self.working, self.moment, id, guest.clone())
                .map_err(|_| StoreError::Damaged("an active conversation that is not there"))?;
        }
        Ok(())
    }

    /// Notes how a gateway writes the address of a guest.
    async fn set_address(
        &mut self,
        message: &GuestMessage,
        guest_id: Id,
    ) -> Result<(), StoreError> {
        self.begin().await?;
        let whose = (message.gateway_id, guest_id);
        deliveries::set_address(self.writer, whose, &message.address).await
    }

    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        if !self.in_transaction {
            writes::begin(self.writer).await?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Before something is looked up: what earlier changes of this batch stored counts too.
    pub(super) async fn flush_if_needed(&mut self) -> Result<(), StoreError> {
        if self.working.writes.is_empty() { Ok(()) } else { self.flush().await }
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
