-- The tables of tradeauth, schema 1. It does no harm to run this again.

CREATE TABLE IF NOT EXISTS tradeauth_record (
  record_id  VARBINARY(32) NOT NULL PRIMARY KEY,
  kind       VARCHAR(16) NOT NULL,
  realm      VARCHAR(64) NOT NULL,
  generation VARCHAR(64) NOT NULL,
  version    BIGINT NOT NULL,
  state      VARCHAR(32) NOT NULL,
  since      BIGINT NOT NULL,
  label      VARBINARY(1048576) NOT NULL,
  body       VARBINARY(1048576) NOT NULL,
  intent_id  VARBINARY(4096),
  intent     VARBINARY(4096),
  change_seq BIGINT NOT NULL
);

CREATE INDEX IF NOT EXISTS tradeauth_record_realm ON tradeauth_record (kind, realm, record_id);

CREATE INDEX IF NOT EXISTS tradeauth_record_change ON tradeauth_record (change_seq);

CREATE TABLE IF NOT EXISTS tradeauth_forgotten (
  change_seq BIGINT NOT NULL PRIMARY KEY,
  notice     VARBINARY(1048576) NOT NULL
);

CREATE TABLE IF NOT EXISTS tradeauth_meta (
  id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  schema_version INTEGER NOT NULL,
  change_seq     BIGINT NOT NULL,
  sealed_key     VARBINARY(4096)
);

INSERT INTO tradeauth_meta (id, schema_version, change_seq)
  SELECT 1, 1, 0 WHERE NOT EXISTS (SELECT 1 FROM tradeauth_meta);
