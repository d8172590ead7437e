package io.grantbridge.keycloak.wire;

/**
 * A message to the bridge. Id and body are made together once, and stay as they are at each try.
 *
 * @param id its {@code webhook-id}
 * @param type what it tells
 * @param lane messages of one lane (a Google account, else a user) are delivered in order
 * @param body the JSON that is sent and signed, as its UTF-8 bytes
 */
public record Message(String id, MessageType type, String lane, String body) {

  /** Leaves the body out, sealed tokens or not. */
  @Override
  public String toString() {
    return type.wireName() + " " + id;
  }
}
