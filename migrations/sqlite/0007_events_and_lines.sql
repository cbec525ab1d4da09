-- Lines: what happened to a conversation, shown between its messages. And events of more kinds.

create table line (
    id                 integer primary key autoincrement,
    property_id        integer not null,
    conversation_id    integer not null,
    kind               text    not null check (kind <> ''),
    at                 integer not null,
    -- The newest message at that time; 0: there was none.
    after_message_id   integer not null,
    -- The staff member who did it; without one it was somebody or something else.
    staff_id           integer,
    -- What the line shows beside its kind, as JSON; departments are named by their slugs, which never change.
    detail             text check (detail is null or json_valid(detail)),
    -- 'transferred': the two departments, and the conversation as it was at that moment. The person who
    -- transferred it may take it back for 10 s, and read it as it was for 24 h.
    from_department_id integer,
    to_department_id   integer,
    waiting_since      integer,
    staff_read_id      integer,
    guest_read_id      integer,
    active_at          integer,
    check ((kind = 'transferred')
        = (from_department_id is not null and to_department_id is not null and staff_read_id is not null
            and guest_read_id is not null and active_at is not null)),
    foreign key (property_id, conversation_id) references conversation (property_id, id),
    foreign key (property_id, staff_id) references staff (property_id, id),
    foreign key (property_id, from_department_id) references department (property_id, id),
    foreign key (property_id, to_department_id) references department (property_id, id)
) strict;
create index line_by_conversation on line (conversation_id, id);
create index line_transferred on line (staff_id, at) where kind = 'transferred';

-- No sequence number is ever given twice, not even those of events that are gone.
create table event_numbers as select seq from sqlite_sequence where name = 'event';

create table event_new (
    seq                integer primary key autoincrement,
    property_id        integer not null references property (id),
    -- Of a kind 'erased': one that is gone, or no longer any guest's.
    conversation_id    integer not null,
    -- The department that had the conversation then; for 'transferred' the one that gave it away.
    department_id      integer not null references department (id),
    -- The program has the list of kinds (`EventKind`); a new kind needs no new table.
    kind               text    not null check (kind <> ''),
    -- 'message', 'read', 'delivery': that one; 'new_conversation': the one in its preview, if any.
    message_id         integer,
    -- 'read': the staff member who read; without one it was the guest.
    staff_id           integer references staff (id),
    -- 'transferred': the department that has it now.
    to_department_id   integer references department (id),
    at                 integer not null,
    -- 'line': that one; 'closed', 'reopened', 'transferred': the one that records it. Without one the event
    -- is older than lines.
    line_id            integer
) strict;
insert into event_new (seq, property_id, conversation_id, department_id, kind, message_id, staff_id, to_department_id, at)
    select seq, property_id, conversation_id, department_id, kind, message_id, staff_id, to_department_id, at from event;
drop table event;
alter table event_new rename to event;
create index event_by_property on event (property_id, seq);

delete from sqlite_sequence where name = 'event';
insert into sqlite_sequence (name, seq) select 'event', seq from event_numbers;
drop table event_numbers;
