-- What a later version may do; only its test needs it.

CREATE TABLE IF NOT EXISTS tradeauth_later (id INTEGER NOT NULL PRIMARY KEY);

UPDATE tradeauth_meta SET schema_version = 2 WHERE id = 1 AND schema_version = 1;
