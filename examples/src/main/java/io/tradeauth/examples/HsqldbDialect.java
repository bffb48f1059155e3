package io.tradeauth.examples;

import io.tradeauth.store.JdbcDialect;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** A database that the library does not know. Its tests inherit the contracts of a store. */
public final class HsqldbDialect implements JdbcDialect {

  private static final List<String> CONFLICTS =
      List.of(
          "40001", // the other transaction was given precedence
          "23505", // the other one has made the row
          "42504"); // the other one has made the table

  private static final String TABLES =
      """
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
        SELECT 1, 1, 0 FROM (VALUES 0) WHERE NOT EXISTS (SELECT 1 FROM tradeauth_meta);
      """;

  @Override
  public String product() {
    return "HSQL Database Engine";
  }

  @Override
  public boolean isConflict(SQLException e) {
    return CONFLICTS.contains(String.valueOf(e.getSQLState()));
  }

  @Override
  public boolean isNoSuchTable(SQLException e) {
    return "42501".equals(e.getSQLState());
  }

  @Override
  public List<String> lossySettings(Connection connection) throws SQLException {
    List<String> lossy = new ArrayList<>();
    if (connection.getMetaData().getURL().startsWith("jdbc:hsqldb:mem:")) {
      lossy.add("it is in memory, so nothing survives: use jdbc:hsqldb:file:...");
    }
    try (Statement statement = connection.createStatement();
        ResultSet delay =
            statement.executeQuery(
                "SELECT property_value FROM information_schema.system_properties"
                    + " WHERE property_name = 'hsqldb.write_delay_millis'")) {
      if (!delay.next() || !delay.getString(1).equals("0")) {
        lossy.add("a power cut loses what was committed last: add ;hsqldb.write_delay=false");
      }
    }
    return lossy;
  }

  @Override
  public String script(int version) {
    if (version != 1) {
      throw new IllegalArgumentException(
          "version: only tables of version 1 are known, not " + version);
    }
    return TABLES;
  }
}
