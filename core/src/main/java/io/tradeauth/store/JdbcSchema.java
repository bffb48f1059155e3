package io.tradeauth.store;

import io.tradeauth.TokenStoreException;
import io.tradeauth.TokenStoreException.Reason;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * The tables of a store and the sealed key in them. Tables are made and upgraded only when asked,
 * and never dropped. For one thread.
 */
final class JdbcSchema {

  /** The version of the tables that this code works with. */
  static final int VERSION = 1;

  private final JdbcDatabase database;
  private final int needed;

  JdbcSchema(JdbcDatabase database, int needed) {
    this.database = database;
    this.needed = needed;
  }

  /** What the row says that every store has once. */
  private record Meta(int version, byte @Nullable [] sealedKey) {

    static final Meta NONE = new Meta(0, null);
  }

  /**
   * Opens the store that is in the tables.
   *
   * @param mayWrite whether a new store may be made in tables that have none
   * @param mayChange whether tables may be made and upgraded
   * @throws TokenStoreException if the tables are not as needed, or the keys do not fit
   */
  Sealer open(KeyProvider keys, boolean mayWrite, boolean mayChange) {
    Meta meta = read();
    if (meta.sealedKey() != null) {
      // Before anything is changed.
      Sealer.open(keys, meta.sealedKey());
    }
    if (mayChange && meta.version() < needed) {
      upgradeFrom(meta.version());
      meta = read();
    }
    refuseUnlessAsNeeded(meta.version());
    if (meta.sealedKey() == null && mayWrite) {
      refuseIfThereAreRecords();
      write(Sealer.newMeta(keys));
      meta = read();
    }
    if (meta.sealedKey() == null) {
      throw database.failure(Reason.READ_FAILED, "its tables have no store in them yet", null);
    }
    return Sealer.open(keys, meta.sealedKey());
  }

  private Meta read() {
    return database.read(
        session -> {
          try {
            Meta meta =
                session.first(
                    row -> new Meta(row.getInt(1), row.getBytes(2)),
                    "SELECT schema_version, sealed_key FROM tradeauth_meta WHERE id = 1");
            return meta == null ? Meta.NONE : meta;
          } catch (SQLException e) {
            if (database.dialect().isNoSuchTable(e)) {
              return Meta.NONE;
            }
            throw e;
          }
        });
  }

  private void refuseUnlessAsNeeded(int version) {
    if (version > needed) {
      throw database.failure(
          Reason.UNREADABLE_RECORD,
          "its tables are of version "
              + version
              + ", and this program knows only "
              + needed
              + ": use the newer version of the library that made them",
          null);
    }
    if (version < needed) {
      throw database.failure(
          Reason.READ_FAILED,
          (version == 0 ? "it has no tables yet" : "its tables are of version " + version)
              + ", and this program needs version "
              + needed
              + ": open it with createSchema(), or run the dialect's script of version "
              + (version + 1)
              + " and what follows it by hand",
          null);
    }
  }

  /** Goes from version to version. Another process may do it at the same time: no script minds. */
  private void upgradeFrom(int version) {
    database.writeTogether(
        session -> {
          for (int next = version + 1; next <= needed; next++) {
            for (String statement : statements(database.dialect().script(next))) {
              session.update(statement);
            }
          }
          return null;
        });
  }

  private static String[] statements(String script) {
    return script.replaceAll("(?m)^--.*$", "").strip().split(";\\s*");
  }

  /** A new sealed key would make all records strangers. */
  private void refuseIfThereAreRecords() {
    String any = "SELECT version FROM tradeauth_record LIMIT 1";
    if (database.read(session -> session.first(row -> row.getLong(1), any)) != null) {
      throw database.failure(
          Reason.TAMPERED,
          "its sealed key is gone, and there are records that need it: put tradeauth_meta back from"
              + " a backup",
          null);
    }
  }

  /** Makes the store, unless another process was faster. */
  private void write(byte[] sealedKey) {
    database.write(
        session ->
            session.update(
                "UPDATE tradeauth_meta SET sealed_key = ? WHERE id = 1 AND sealed_key IS NULL",
                sealedKey));
  }

  /** Proves that the store can be written. Changes nothing. */
  void probe() {
    try {
      database.write(
          session ->
              session.update("UPDATE tradeauth_meta SET change_seq = change_seq WHERE id = 1"));
    } catch (TokenStoreException e) {
      throw database.failure(
          Reason.WRITE_FAILED,
          "it can't be written; open it with readOnly(), or take it from a database and a role that"
              + " may write",
          e);
    }
  }
}
