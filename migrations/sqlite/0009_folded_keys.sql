-- Rooms and usernames are compared by folded keys (see `server/src/text/folding.rs`), which the server computes:
-- SQLite folds ASCII only. The server fills in the keys of older rows when it opens the database. Where several
-- older rows would have one key, all of them stay and share it; no new row may take a key or number that others
-- have.
alter table room add column number_key text;
-- The number as searches compare it.
alter table room add column folded_number text;
alter table room add column key_is_shared integer not null default 0 check (key_is_shared in (0, 1));
create index room_by_key on room (property_id, number_key);
create unique index room_key on room (property_id, number_key) where key_is_shared = 0;

alter table staff add column username_key text;
alter table staff add column key_is_shared integer not null default 0 check (key_is_shared in (0, 1));
create index staff_by_key on staff (username_key);
create unique index staff_key on staff (username_key) where key_is_shared = 0;

-- Whether a guest has stayed before.
create index stay_by_guest on stay (guest_id);

-- Older guests whose numbers turn out to be one number share it.
alter table guest add column number_is_shared integer not null default 0 check (number_is_shared in (0, 1));
drop index guest_whatsapp_number;
create index guest_by_number on guest (property_id, whatsapp_number) where whatsapp_number is not null;
create unique index guest_number on guest (property_id, whatsapp_number)
    where whatsapp_number is not null and number_is_shared = 0;
