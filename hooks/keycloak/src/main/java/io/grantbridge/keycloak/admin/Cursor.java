package io.grantbridge.keycloak.admin;

import jakarta.ws.rs.BadRequestException;

/**
 * A place in the order of stored tokens.
 *
 * @param place which kind
 * @param first the user's id, or the session's
 * @param second the identity provider's alias, or the session's kind
 */
record Cursor(Place place, String first, String second) {

  /** Where Keycloak stores tokens; the harvest goes through them in this order. */
  enum Place {
    LINK,
    FEDERATED_LINK,
    SESSION
  }

  private static final String SEPARATOR = "/";

  static Cursor startOf(Place place) {
    return new Cursor(place, "", "");
  }

  static Cursor parse(String text) {
    if (text == null || text.isEmpty()) {
      return startOf(Place.LINK);
    }
    String[] parts = text.split(SEPARATOR, 3);
    try {
      return new Cursor(Place.valueOf(parts[0]), parts[1], parts[2]);
    } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
      throw new BadRequestException("after is no answer's next");
    }
  }

  String text() {
    return String.join(SEPARATOR, place.name(), first, second);
  }
}
