-- A guest's name without the difference of capital and small letters, which SQLite knows of ASCII only: what
-- searches compare. Without one the name was stored before; the server fills it in when it opens the database.
alter table guest add column folded_name text;
