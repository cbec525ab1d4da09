-- The house, its people and what they write to each other. Times are milliseconds since 1970 in UTC.
-- A composite key (property_id, id) is there to be referred to: so no row can point into another property.

create table meta (
    key   text primary key,
    value text not null
) strict, without rowid;

create table property (
    id         integer primary key autoincrement,
    name       text    not null check (name <> ''),
    time_zone  text    not null default 'UTC',
    -- Events up to here are no longer kept.
    pruned_seq integer not null default 0,
    created_at integer not null
) strict;

create table department (
    id          integer primary key autoincrement,
    property_id integer not null references property (id),
    slug        text    not null check (slug <> ''),
    name        text    not null check (name <> ''),
    unique (property_id, slug),
    unique (property_id, id)
) strict;

create table staff (
    id            integer primary key autoincrement,
    property_id   integer not null references property (id),
    username      text    not null collate nocase unique check (username <> ''),
    name          text    not null check (name <> ''),
    password_hash text    not null,
    user_type     text    not null check (user_type in ('department_staff', 'hotel_admin')),
    is_admin      integer not null check (is_admin in (0, 1)),
    disabled_at   integer,
    created_at    integer not null,
    unique (property_id, id)
) strict;
create index staff_by_property on staff (property_id, name);

create table staff_department (
    staff_id          integer not null,
    department_id     integer not null,
    property_id       integer not null,
    -- 0 is the person's first department.
    position          integer not null,
    -- Guest messages up to here were written before they joined: they count as read.
    joined_message_id integer not null,
    primary key (staff_id, department_id),
    foreign key (property_id, staff_id) references staff (property_id, id),
    foreign key (property_id, department_id) references department (property_id, id)
) strict, without rowid;
create index staff_department_by_department on staff_department (department_id, staff_id);

create table session (
    id           integer primary key autoincrement,
    staff_id     integer not null references staff (id),
    token_hash   blob    not null unique check (length(token_hash) = 32),
    user_agent   text    not null,
    created_at   integer not null,
    last_used_at integer not null,
    expires_at   integer not null
) strict;
create index session_by_staff on session (staff_id);

create table room (
    id          integer primary key autoincrement,
    property_id integer not null references property (id),
    number      text    not null check (number <> ''),
    floor       text,
    unique (property_id, number),
    unique (property_id, id)
) strict;

create table guest (
    id              integer primary key autoincrement,
    property_id     integer not null references property (id),
    name            text    not null check (name <> ''),
    -- Digits of the E.164 number, without '+'.
    whatsapp_number text check (whatsapp_number <> '' and whatsapp_number not glob '*[^0-9]*'),
    language        text,
    -- The gateway that brought the guest's latest message: replies leave through it.
    gateway_id      integer references gateway (id),
    created_at      integer not null,
    unique (property_id, id)
) strict;
create unique index guest_whatsapp_number on guest (property_id, whatsapp_number) where whatsapp_number is not null;
create index guest_by_name on guest (property_id, name);

create table stay (
    id             integer primary key autoincrement,
    property_id    integer not null,
    guest_id       integer not null,
    room_id        integer not null,
    checked_in_at  integer not null,
    -- The planned end.
    checks_out_at  integer,
    -- The real end; without one the stay is active.
    checked_out_at integer,
    foreign key (property_id, guest_id) references guest (property_id, id),
    foreign key (property_id, room_id) references room (property_id, id)
) strict;
create unique index stay_active on stay (guest_id) where checked_out_at is null;
create index stay_active_by_room on stay (room_id) where checked_out_at is null;
create index stay_by_property on stay (property_id, checked_in_at);

create table gateway (
    id             integer primary key autoincrement,
    property_id    integer not null references property (id),
    name           text    not null check (name <> ''),
    key_hash       blob    not null unique check (length(key_hash) = 32),
    signing_secret text    not null,
    callback_url   text,
    created_at     integer not null,
    unique (property_id, name)
) strict;

-- What a gateway calls a guest that has no number.
create table gateway_guest (
    gateway_id integer not null references gateway (id),
    guest_ref  text    not null check (guest_ref <> ''),
    guest_id   integer not null references guest (id),
    primary key (gateway_id, guest_ref)
) strict, without rowid;
create index gateway_guest_by_guest on gateway_guest (guest_id);

create table conversation (
    id                integer primary key autoincrement,
    property_id       integer not null,
    guest_id          integer not null,
    department_id     integer not null,
    conversation_type text    not null check (conversation_type <> ''),
    status            text    not null check (status in ('active', 'closed')),
    -- Whoever started it from the desk, and the id they gave to that.
    created_by        integer references staff (id),
    client_id         text,
    last_message_id   integer not null default 0,
    -- The newest message that any staff member, and that the guest, has read.
    staff_read_id     integer not null default 0,
    guest_read_id     integer not null default 0,
    -- Time of the oldest guest message without an answer.
    waiting_since     integer,
    -- Newest message, else creation: the order of the lists.
    active_at         integer not null,
    created_at        integer not null,
    updated_at        integer not null,
    closed_at         integer check ((closed_at is null) = (status = 'active')),
    unique (property_id, id),
    foreign key (property_id, guest_id) references guest (property_id, id),
    foreign key (property_id, department_id) references department (property_id, id)
) strict;
create unique index conversation_active on conversation (guest_id, department_id) where status = 'active';
create unique index conversation_client_id on conversation (created_by, client_id) where client_id is not null;
create index conversation_list on conversation (department_id, status, active_at, id);
create index conversation_waiting on conversation (department_id, active_at, id) where waiting_since is not null;
create index conversation_by_guest on conversation (guest_id, active_at);

create table message (
    id              integer primary key autoincrement,
    conversation_id integer not null references conversation (id),
    -- Exactly one of the two wrote it.
    staff_id        integer references staff (id),
    guest_id        integer references guest (id),
    content         text    not null check (content <> ''),
    client_id       text,
    -- The gateway that brought it, and what it is called there.
    gateway_id      integer references gateway (id),
    external_id     text,
    created_at      integer not null,
    check ((staff_id is null) <> (guest_id is null)),
    check ((external_id is null) or (gateway_id is not null))
) strict;
create index message_by_conversation on message (conversation_id, id);
create index message_unread on message (conversation_id, id) where guest_id is not null;
create unique index message_staff_client_id on message (staff_id, client_id) where client_id is not null and staff_id is not null;
create unique index message_guest_client_id on message (guest_id, client_id) where client_id is not null and guest_id is not null;
create unique index message_external_id on message (gateway_id, external_id) where external_id is not null;

create table read_mark (
    staff_id        integer not null references staff (id),
    conversation_id integer not null references conversation (id),
    message_id      integer not null,
    primary key (staff_id, conversation_id)
) strict, without rowid;

-- What happened, in the order in which it was published. Ids only: texts and names are joined when it is told again.
create table event (
    seq                integer primary key autoincrement,
    property_id        integer not null references property (id),
    conversation_id    integer not null references conversation (id),
    -- The department that had the conversation then; for 'transferred' the one that gave it away.
    department_id      integer not null references department (id),
    kind               text    not null check (kind in ('message', 'new_conversation', 'closed', 'reopened', 'transferred', 'read')),
    -- 'message', 'read': that one; 'new_conversation': the one in its preview, if any.
    message_id         integer,
    -- 'read': the staff member who read; without one it was the guest.
    staff_id           integer references staff (id),
    -- 'transferred': the department that has it now.
    to_department_id   integer references department (id),
    at                 integer not null
) strict;
create index event_by_property on event (property_id, seq);

-- Replies on their way out through a gateway.
create table delivery (
    message_id      integer primary key references message (id),
    id              text    not null unique,
    conversation_id integer not null references conversation (id),
    gateway_id      integer not null references gateway (id),
    status          text    not null check (status in ('pending', 'delivered', 'failed')),
    attempts        integer not null default 0,
    next_attempt_at integer not null,
    last_error      text,
    finished_at     integer
) strict;
create index delivery_pending on delivery (conversation_id, message_id) where status = 'pending';
