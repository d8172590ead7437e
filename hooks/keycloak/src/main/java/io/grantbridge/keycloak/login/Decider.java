package io.grantbridge.keycloak.login;

import io.grantbridge.keycloak.Grantbridge;
import io.grantbridge.keycloak.wire.Account;
import io.grantbridge.keycloak.wire.Answer;
import io.grantbridge.keycloak.wire.LoginFacts;
import io.grantbridge.keycloak.wire.Verdict;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.keycloak.OAuth2Constants;
import org.keycloak.authentication.AuthenticationProcessor;
import org.keycloak.models.KeycloakSession;
import org.keycloak.protocol.oidc.OIDCLoginProtocol;
import org.keycloak.sessions.AuthenticationSessionModel;
import org.keycloak.util.TokenUtil;

/** Asks the bridge how a login goes on. */
final class Decider {

  private static final int ID_BYTES = 16;

  private final KeycloakSession session;
  private final AuthenticationSessionModel login;

  Decider(KeycloakSession session, AuthenticationSessionModel login) {
    this.session = session;
    this.login = login;
  }

  /** Returns whether the app wants no page to be shown. */
  static boolean isSilent(AuthenticationSessionModel login) {
    String prompt = login.getClientNote(OAuth2Constants.PROMPT);
    return TokenUtil.hasPrompt(prompt, OIDCLoginProtocol.PROMPT_VALUE_NONE)
        || Boolean.parseBoolean(login.getAuthNote(AuthenticationProcessor.FORWARDED_PASSIVE_LOGIN));
  }

  /** Asks about a login that is about to finish. */
  Decision ask(String subject, String sub, GoogleConnection google) {
    return decide(subject, sub, google, false);
  }

  /** Tells that the user is back, whatever came of it. Closes the round at the bridge. */
  void tellReturned(String subject, String sub, GoogleConnection google) {
    decide(subject, sub, google, true);
  }

  private Decision decide(String subject, String sub, GoogleConnection google, boolean returned) {
    Grantbridge bridge = session.getProvider(Grantbridge.class);
    LoginFacts facts =
        new LoginFacts(
            id(),
            login.getClient().getClientId(),
            !isSilent(login) && google.canAskForConsent(),
            returned,
            google.clientId(),
            google.scopes());
    Answer answer =
        bridge
            .client()
            .sendInLogin(bridge.messages().decide(subject, new Account(sub, null), facts));
    if (answer.verdict() != Verdict.DONE) {
      return Decision.UNKNOWN;
    }
    return "consent".equals(answer.decision()) ? Decision.CONSENT : Decision.CONTINUE;
  }

  /**
   * Names this login and tab, before and after the way to Google. A hash: the ids themselves have
   * the browser's place in the login.
   */
  private String id() {
    String tab = login.getParentSession().getId() + '.' + login.getTabId();
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] hash = digest.digest(tab.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash, 0, ID_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("this Java has no SHA-256", e);
    }
  }
}
