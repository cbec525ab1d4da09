-- That a conversation was erased is told to those who were away, too. Such an event outlives its conversation,
-- so an event no longer refers to one: `check` sees to the others.

-- Whatever was given out before, no number is given out again.
create table event_numbers as select seq from sqlite_sequence where name = 'event';

create table event_new (
    seq                integer primary key autoincrement,
    property_id        integer not null references property (id),
    -- 'erased': one that is not there any more, or is no guest's.
    conversation_id    integer not null,
    -- The department that had the conversation then; for 'transferred' the one that gave it away.
    department_id      integer not null references department (id),
    kind               text    not null check (kind in ('message', 'new_conversation', 'closed', 'reopened', 'transferred', 'read', 'erased')),
    -- 'message', 'read': that one; 'new_conversation': the one in its preview, if any.
    message_id         integer,
    -- 'read': the staff member who read; without one it was the guest.
    staff_id           integer references staff (id),
    -- 'transferred': the department that has it now.
    to_department_id   integer references department (id),
    at                 integer not null
) strict;
insert into event_new (seq, property_id, conversation_id, department_id, kind, message_id, staff_id, to_department_id, at)
    select seq, property_id, conversation_id, department_id, kind, message_id, staff_id, to_department_id, at from event;
drop table event;
alter table event_new rename to event;
create index event_by_property on event (property_id, seq);

delete from sqlite_sequence where name = 'event';
insert into sqlite_sequence (name, seq) select 'event', seq from event_numbers;
drop table event_numbers;
