package io.tradeauth.store;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A sequence of fields as bytes, each with its length in four bytes before it, so that no two
 * sequences look alike.
 */
final class Fields {

  private Fields() {}

  /** Puts fields together. For one thread. */
  static final class Writer {

    private ByteBuffer bytes = ByteBuffer.allocate(512);

    Writer bytes(byte[] field) {
      begin(field.length).put(field);
      return this;
    }

    private ByteBuffer begin(int length) {
      return room(Integer.BYTES + length).putInt(length);
    }

    private ByteBuffer room(int length) {
      if (length > bytes.remaining()) {
        int needed = Math.addExact(bytes.position(), length);
        bytes = ByteBuffer.allocate(Math.max(needed, 2 * bytes.capacity())).put(bytes.flip());
      }
      return bytes;
    }

    Writer number(long field) {
      begin(Long.BYTES).putLong(field);
      return this;
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
      ByteBuffer characters = begin(field.length() * Character.BYTES);
      for (int i = 0; i < field.length(); i++) {
        characters.putChar(field.charAt(i));
      }
      return this;
    }

    /** Adds fields that were put together before. */
    Writer rest(byte[] fields) {
      room(fields.length).put(fields);
      return this;
    }

    byte[] toBytes() {
      return Arrays.copyOf(bytes.array(), bytes.position());
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
