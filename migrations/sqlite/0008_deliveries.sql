-- What happens to every reply: it waits for a way to the guest or for its gateway, the gateway accepts it, it
-- reaches the guest's device, the guest reads it; or it fails, or it will not be delivered.

-- While nothing reaches the guest: the channel of a reply that waits for a way to them. It has no row in
-- `delivery` yet; `conversation.no_way_id` finds it.
alter table message add column no_way_channel text;

create table delivery_new (
    message_id      integer primary key references message (id),
    -- What the gateway calls it (`delivery_id`), the same over all attempts. Without a gateway there is none.
    id              text,
    conversation_id integer not null references conversation (id),
    -- The gateway through which it leaves; none if nothing reached the guest.
    gateway_id      integer references gateway (id),
    channel         text    not null check (channel <> ''),
    state           text    not null check (state in ('stored', 'sent', 'delivered', 'read', 'failed', 'none')),
    reason_code     text,
    -- In English.
    reason          text,
    -- When it came into this state.
    at              integer not null,
    attempts        integer not null default 0,
    -- While it waits for its gateway.
    next_attempt_at integer,
    -- Why the gateway did not accept it at the last attempt.
    last_error      text,
    check ((id is null) = (gateway_id is null)),
    check ((next_attempt_at is not null) = (state = 'stored')),
    check (state <> 'stored' or gateway_id is not null)
) strict;
insert into delivery_new
    (message_id, id, conversation_id, gateway_id, channel, state, reason_code, reason, at, attempts, next_attempt_at,
     last_error)
    select d.message_id, d.id, d.conversation_id, d.gateway_id, 'gateway',
        case d.status when 'pending' then 'stored' when 'delivered' then 'sent' else 'failed' end,
        -- Until now a reply failed only in one way: it was given up after seven days.
        iif(d.status = 'failed', 'gave_up', null), iif(d.status = 'failed', d.last_error, null),
        coalesce(d.finished_at, m.created_at), d.attempts, iif(d.status = 'pending', d.next_attempt_at, null),
        d.last_error
    from delivery d join message m on m.id = d.message_id;
drop table delivery;
alter table delivery_new rename to delivery;
create unique index delivery_id on delivery (id) where id is not null;
create index delivery_pending on delivery (conversation_id, message_id) where next_attempt_at is not null;
create index delivery_waiting on delivery (gateway_id, next_attempt_at) where next_attempt_at is not null;
create index delivery_failed on delivery (conversation_id, message_id) where state = 'failed';

-- The time of the oldest staff message that has not been delivered and may still have to be, in active
-- conversations; the message up to which none counts: the guest wrote after them, or the conversation was closed;
-- and the oldest message that waits for a way to the guest. They are written only when they change: no index that
-- every message would have to keep up with contains them.
alter table conversation add column undelivered_since integer;
alter table conversation add column settled_id integer not null default 0;
alter table conversation add column no_way_id integer;
update conversation set settled_id = iif(status = 'closed', last_message_id, coalesce(
    (select max(m.id) from message m where m.conversation_id = conversation.id and m.guest_id is not null), 0));
update conversation set undelivered_since = n.since
    from (select d.conversation_id, min(m.created_at) as since
        from delivery d join message m on m.id = d.message_id join conversation c on c.id = d.conversation_id
        where d.state in ('stored', 'failed') and c.status = 'active' and d.message_id > c.settled_id
        group by d.conversation_id) n
    where conversation.id = n.conversation_id;
create index conversation_no_way on conversation (guest_id, id) where no_way_id is not null;

-- How the gateway wrote the guest's address in the guest's latest message through it.
create table gateway_address (
    gateway_id integer not null references gateway (id),
    guest_id   integer not null references guest (id),
    address    text    not null check (address <> ''),
    primary key (gateway_id, guest_id)
) strict, without rowid;
create index gateway_address_by_guest on gateway_address (guest_id);

-- The last time that a gateway did not accept a reply; and the status with which it refuses all replies now.
alter table gateway add column last_error_status integer;
alter table gateway add column last_error_reason text;
alter table gateway add column last_error_at integer;
alter table gateway add column refuses_status integer;

-- A stay that has ended ends the wait of the replies that have no way to its guest.
create index stay_ended on stay (checked_out_at) where checked_out_at is not null;
