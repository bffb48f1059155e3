-- The tables of tradeauth, schema 1. It does no harm to run this again.

CREATE TABLE IF NOT EXISTS tradeauth_record (
  record_id  BYTEA NOT NULL PRIMARY KEY,
  kind       VARCHAR(16) NOT NULL,
  realm      VARCHAR(64) NOT NULL,
  generation VARCHAR(64) NOT NULL,
  version    BIGINT NOT NULL,
  state      VARCHAR(32) NOT NULL,
  since      BIGINT NOT NULL,
  label      BYTEA NOT NULL,
  body       BYTEA NOT NULL,
  intent_id  BYTEA,
  intent     BYTEA,
  change_seq BIGINT NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX IF NOT EXISTS tradeauth_record_realm ON tradeauth_record (kind, realm, record_id);

CREATE INDEX IF NOT EXISTS tradeauth_record_change ON tradeauth_record (change_seq);

CREATE TABLE IF NOT EXISTS tradeauth_forgotten (
  change_seq BIGINT NOT NULL PRIMARY KEY,
  notice     BYTEA NOT NULL
);

CREATE TABLE IF NOT EXISTS tradeauth_meta (
  id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  schema_version INTEGER NOT NULL,
  change_seq     BIGINT NOT NULL,
  sealed_key     BYTEA
);

INSERT INTO tradeauth_meta (id, schema_version, change_seq)
  SELECT 1, 1, 0 WHERE NOT EXISTS (SELECT 1 FROM tradeauth_meta);
