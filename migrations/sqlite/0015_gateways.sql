-- Gateways can be listed, disabled and replaced.

-- Replies to its guests leave through this gateway instead, which itself has none.
alter table gateway add column replies_through integer references gateway (id);
alter table gateway add column disabled_at integer;
-- Whether it may check guests in and out.
alter table gateway add column stays integer not null default 0 check (stays in (0, 1));
-- Whether its callback may be on this computer: it was set on the command line, as all were until now.
alter table gateway add column may_call_loopback integer not null default 1 check (may_call_loopback in (0, 1));
-- When it last brought a guest's message; the server notes it once a minute.
alter table gateway add column last_message_at integer;
update gateway set last_message_at =
    (select newest from (select gateway_id, max(created_at) as newest from message where gateway_id is not null
        group by gateway_id) where gateway_id = gateway.id);
create index gateway_replaced on gateway (replies_through) where replies_through is not null;

create index delivery_failed_by_gateway on delivery (gateway_id) where state = 'failed';
