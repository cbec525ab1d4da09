-- What makes the next try of a password wait, and what a device is known by that signed in before.

-- Wrong passwords, counted. Keys are hashes: somebody may have typed a password where the name goes.
create table sign_in_failure (
    key     blob    primary key check (length(key) = 32),
    count   integer not null check (count > 0),
    last_at integer not null
) strict, without rowid;
create index sign_in_failure_by_time on sign_in_failure (last_at);

create table known_device (
    id           integer primary key autoincrement,
    staff_id     integer not null references staff (id),
    secret_hash  blob    not null unique check (length(secret_hash) = 32),
    -- Where it signed in last.
    address      text    not null,
    created_at   integer not null,
    last_used_at integer not null
) strict;
create index known_device_by_staff on known_device (staff_id, last_used_at);
