-- A second proof beside the password: codes of an authenticator app, and recovery codes.

create table second_factor (
    staff_id     integer primary key references staff (id),
    -- What app and server make the codes of. It must be readable: a code cannot be checked against a hash.
    secret       blob    not null check (length(secret) = 20),
    -- Without a time it has only begun, and nothing asks for it.
    confirmed_at integer,
    -- The newest time step of which a code was taken: none is taken twice.
    used_step    integer not null default 0,
    created_at   integer not null
) strict;

-- Each is good for one sign-in, then its row is gone.
create table recovery_code (
    staff_id  integer not null references second_factor (staff_id) on delete cascade,
    code_hash blob    not null check (length(code_hash) = 32),
    primary key (staff_id, code_hash)
) strict, without rowid;

-- Whether admins do nothing here without one.
alter table property add column second_factor_required integer not null default 0 check (second_factor_required in (0, 1));
