package io.grantbridge.keycloak.wire;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.SecureRandom;
import java.util.HexFormat;
import org.keycloak.util.JsonSerialization;

/** Makes the hook's messages (hooks/README.md) for one tenant. Tokens are in them as JWE alone. */
public final class Messages {

  private static final int LONGEST_NAME = 255;
  private static final SecureRandom RANDOM = new SecureRandom();

  private final String tenant;
  private final TokenSealer sealer;

  /** Takes the tenant's name and what encrypts to the bridge. */
  public Messages(String tenant, TokenSealer sealer) {
    this.tenant = tenant;
    this.sealer = sealer;
  }

  /** Returns a new random name for one way to Google and back. */
  public static String newLoginId() {
    return random();
  }

  /**
   * Says what a login brought.
   *
   * @param obtainedAt Unix seconds
   */
  public Message capture(
      String loginId,
      Account account,
      String clientId,
      String alias,
      Tokens tokens,
      long obtainedAt)
      throws SealingException {
    ObjectNode body = message(MessageType.CAPTURE).put("login_id", loginId);
    putAccount(body, account);
    body.put("client_id", clientId);
    body.put("tokens_jwe", sealer.seal(account.sub(), alias, tokens, obtainedAt));
    body.put("obtained_at", obtainedAt);
    return finished(MessageType.CAPTURE, account.sub(), body);
  }

  /** Says whose login it was. */
  public Message bind(String loginId, Account account, String subject) {
    ObjectNode body = message(MessageType.BIND).put("login_id", loginId);
    body.putObject("account").put("sub", account.sub());
    body.put("subject", subject);
    return finished(MessageType.BIND, account.sub(), body);
  }

  /**
   * Hands over a refresh token that Keycloak had stored before; of unknown age, so without a time
   * and without an ID token, whose time it would take on.
   */
  public Message stored(
      String subject, Account account, String clientId, String alias, Tokens refreshToken)
      throws SealingException {
    ObjectNode body = message(MessageType.LOGIN).put("subject", subject);
    putAccount(body, account);
    body.put("client_id", clientId);
    body.putObject("login").put("id", random()).put("can_redirect", false);
    body.put("tokens_jwe", sealer.seal(account.sub(), alias, refreshToken, null));
    return finished(MessageType.LOGIN, account.sub(), body);
  }

  /** Asks whether a login may go on. */
  public Message decide(String subject, Account account, LoginFacts facts) {
    ObjectNode body = message(MessageType.DECIDE).put("subject", subject);
    body.putObject("account").put("sub", account.sub());
    ObjectNode login = body.putObject("login").put("id", facts.id()).put("app", facts.app());
    login.put("can_redirect", facts.canRedirect()).put("returned", facts.returned());
    login.put("client_id", facts.clientId());
    facts.scopes().forEach(login.putArray("scopes")::add);
    return finished(MessageType.DECIDE, account.sub(), body);
  }

  /**
   * Says that a user took a Google account off.
   *
   * @param occurredAt Unix seconds
   */
  public Message unlinked(String subject, Account account, long occurredAt) {
    ObjectNode body = message(MessageType.UNLINKED).put("subject", subject);
    body.putObject("account").put("sub", account.sub());
    body.put("occurred_at", occurredAt);
    return finished(MessageType.UNLINKED, account.sub(), body);
  }

  /**
   * Says that a user is gone.
   *
   * @param occurredAt Unix seconds
   */
  public Message userDeleted(String subject, long occurredAt) {
    ObjectNode body = message(MessageType.USER_DELETED).put("subject", subject);
    body.put("occurred_at", occurredAt);
    return finished(MessageType.USER_DELETED, subject, body);
  }

  private ObjectNode message(MessageType type) {
    return JsonSerialization.createObjectNode().put("type", type.wireName()).put("tenant", tenant);
  }

  private static void putAccount(ObjectNode body, Account account) {
    ObjectNode node = body.putObject("account").put("sub", account.sub());
    if (account.email() != null && account.email().length() <= LONGEST_NAME) {
      node.put("email", account.email());
    }
  }

  private static Message finished(MessageType type, String lane, ObjectNode body) {
    try {
      return new Message("msg_" + random(), type, lane, JsonSerialization.writeValueAsString(body));
    } catch (IOException e) {
      throw new UncheckedIOException("a tree of strings and numbers did not serialise", e);
    }
  }

  private static String random() {
    byte[] bytes = new byte[16];
    RANDOM.nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }
}
