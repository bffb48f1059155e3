package io.tradeauth.store;

import java.io.ByteArrayOutputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * A sequence of fields as bytes, each with its length in four bytes before it, so that no two
 * sequences look alike.
 */
final class Fields {

  private Fields() {}

  /** Puts fields together. For one thread. */
  static final class Writer {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);

    Writer bytes(byte[] field) {
      bytes.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(field.length).array());
      bytes.writeBytes(field);
      return this;
    }

    Writer number(long field) {
      return bytes(ByteBuffer.allocate(Long.BYTES).putLong(field).array());
    }

    /** Adds an ASCII word: the name of a constant, an id of ours. */
    Writer word(String field) {
      return bytes(field.getBytes(StandardCharsets.US_ASCII));
    }

    /**
     * Adds any text, in two bytes a character: every encoder would make the same of all unpaired
     * surrogates.
     */
    Writer text(String field) {
      ByteBuffer characters = ByteBuffer.allocate(field.length() * Character.BYTES);
      characters.asCharBuffer().put(field);
      return bytes(characters.array());
    }

    byte[] toBytes() {
      return bytes.toByteArray();
    }
  }

  /** Takes fields apart. For one thread. */
  static final class Reader {

    private final ByteBuffer rest;

    Reader(byte[] bytes) {
      this(ByteBuffer.wrap(bytes));
    }

    Reader(ByteBuffer bytes) {
      this.rest = bytes;
    }

    byte[] bytes() throws MalformedException {
      try {
        int length = rest.getInt();
        if (length < 0 || length > rest.remaining()) {
          throw new MalformedException();
        }
        byte[] field = new byte[length];
        rest.get(field);
        return field;
      } catch (BufferUnderflowException e) {
        throw new MalformedException();
      }
    }

    long number() throws MalformedException {
      byte[] field = bytes();
      if (field.length != Long.BYTES) {
        throw new MalformedException();
      }
      return ByteBuffer.wrap(field).getLong();
    }

    String word() throws MalformedException {
      return new String(bytes(), StandardCharsets.US_ASCII);
    }

    <E extends Enum<E>> E constant(Class<E> type) throws MalformedException {
      String name = word();
      for (E constant : type.getEnumConstants()) {
        if (constant.name().equals(name)) {
          return constant;
        }
      }
      throw new MalformedException();
    }

    String text() throws MalformedException {
      byte[] field = bytes();
      if (field.length % Character.BYTES != 0) {
        throw new MalformedException();
      }
      return ByteBuffer.wrap(field).asCharBuffer().toString();
    }

    boolean isAtEnd() {
      return !rest.hasRemaining();
    }

    void expectEnd() throws MalformedException {
      if (!isAtEnd()) {
        throw new MalformedException();
      }
    }
  }

  /** Bytes that are not the fields that they should be. */
  static final class MalformedException extends Exception {

    private static final long serialVersionUID = 1L;

    MalformedException() {
      super("not the fields that were expected");
    }
  }
}
