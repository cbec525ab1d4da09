-- Deleting conversations looks each of these up; without an index it reads the whole table each time.
create index event_by_conversation on event (conversation_id);
create index delivery_by_conversation on delivery (conversation_id);
create index read_mark_by_conversation on read_mark (conversation_id);

-- Counts of accounts that exist are not forgotten to make room for others.
alter table sign_in_failure add column is_of_account integer not null default 0 check (is_of_account in (0, 1));
