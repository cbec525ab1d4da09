-- The latest recorded time of the computer's clock, and a jump after which the date is not confirmed yet.

create table clock (
    id           integer primary key check (id = 1),
    recorded_at  integer not null,
    -- The time of day after the jump; null: the date can be relied on.
    jumped_at    integer,
    -- By how many milliseconds it jumped, and how many the server has run since.
    jump_millis  integer not null default 0,
    ran_millis   integer not null default 0,
    -- File names of the daily backups from before the jump, as a JSON array.
    kept_backups text    not null default '[]' check (json_valid(kept_backups))
) strict;
