-- Who did what, and how long closed conversations are kept.

-- One chain per property: each entry's hash covers the one before it. Ids and fixed words only, so that
-- nothing here ever has to be erased.
create table audit (
    property_id integer not null references property (id),
    -- 1, 2, 3, … within the property.
    seq         integer not null check (seq > 0),
    at          integer not null,
    actor       text    not null check (actor in ('staff', 'gateway', 'command_line', 'server')),
    actor_id    integer check ((actor_id is null) = (actor in ('command_line', 'server'))),
    action      text    not null check (action not glob '*[^a-z_]*'),
    subject     text    not null check (subject not glob '*[^a-z_]*'),
    subject_id  integer not null,
    -- Words of the program and ids.
    detail      text    check (length(detail) <= 200 and detail not glob '*[^a-z0-9_=, ]*'),
    -- SHA-256 of the hash before it and of the columns above, in lower-case hex.
    hash        text    not null check (length(hash) = 64),
    primary key (property_id, seq)
) strict, without rowid;
create index audit_by_subject on audit (property_id, subject, subject_id, seq);

create trigger audit_is_never_changed before update on audit begin
    select raise(abort, 'the audit log is only ever added to');
end;
create trigger audit_is_never_deleted before delete on audit begin
    select raise(abort, 'the audit log is only ever added to');
end;
-- `insert or replace` deletes without asking the trigger above.
create trigger audit_is_added_at_the_end before insert on audit
when exists (select 1 from audit where property_id = new.property_id and seq >= new.seq) begin
    select raise(abort, 'the audit log is only ever added to');
end;

-- The newest entry of each chain: an end that was cut off shows.
create table audit_head (
    property_id integer primary key references property (id),
    seq         integer not null,
    hash        text    not null check (length(hash) = 64)
) strict;

-- What becomes of closed conversations after so many days; without a number they are kept.
alter table property add column retention_days integer check (retention_days > 0);
alter table property add column retention text not null default 'delete' check (retention in ('delete', 'anonymise'));

-- Its texts and its guest are gone, its times stay.
alter table conversation add column anonymised_at integer;
create index conversation_closed on conversation (property_id, closed_at) where closed_at is not null and anonymised_at is null;
