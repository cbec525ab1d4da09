-- The country whose national telephone numbers are read, as ISO 3166-1 alpha-2; null: only international ones are.
alter table property add column country text check (country glob '[A-Z][A-Z]');

-- The countries of the properties that exist already are taken from their time zones when the database is opened.
insert into meta (key, value) values ('countries_wanted', 'yes');
