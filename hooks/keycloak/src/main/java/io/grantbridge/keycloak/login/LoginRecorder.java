package io.grantbridge.keycloak.login;

import io.grantbridge.keycloak.Grantbridge;
import io.grantbridge.keycloak.wire.Account;
import io.grantbridge.keycloak.wire.Message;
import io.grantbridge.keycloak.wire.Messages;
import io.grantbridge.keycloak.wire.SealingException;
import io.grantbridge.keycloak.wire.Tokens;
import java.util.Optional;
import org.keycloak.broker.provider.BrokeredIdentityContext;
import org.keycloak.common.util.Time;
import org.keycloak.models.FederatedIdentityModel;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.RealmModel;
import org.keycloak.models.UserModel;
import org.keycloak.models.light.LightweightUserAdapter;

/** Tells the bridge what a login brought and whose it was. */
final class LoginRecorder {

  /** Names this way to Google and back; travels in the login's context, which takes texts alone. */
  private static final String LOGIN_ID = "grantbridge.login_id";

  /** Says that it brought a refresh token. */
  private static final String PRECIOUS = "grantbridge.precious";

  private final KeycloakSession session;
  private final RealmModel realm;
  private final Grantbridge bridge;

  LoginRecorder(KeycloakSession session, RealmModel realm) {
    this.session = session;
    this.realm = realm;
    this.bridge = session.getProvider(Grantbridge.class);
  }

  /**
   * Captures a login's tokens before anybody knows whose it is: a user who gives up half-way is not
   * given the refresh token again.
   */
  void capture(BrokeredIdentityContext context) throws SealingException {
    Optional<Tokens> tokens = Brought.tokens(context);
    // The second mapper on one provider would tell of a login without a refresh token.
    if (tokens.isEmpty() || context.getContextData().containsKey(LOGIN_ID)) {
      return;
    }
    GoogleConnection google = new GoogleConnection(context.getIdpConfig());
    String loginId = Messages.newLoginId();
    Message message =
        bridge
            .messages()
            .capture(
                loginId,
                account(context),
                google.clientId(),
                google.alias(),
                tokens.get(),
                Time.currentTime());
    context.getContextData().put(LOGIN_ID, loginId);
    if (tokens.get().hasRefreshToken()) {
      context.getContextData().put(PRECIOUS, Boolean.TRUE.toString());
      bridge.courier().deliverNow(realm.getId(), message);
    } else {
      bridge.courier().deliverSoon(realm.getId(), message);
    }
  }

  /** Says whose the login was that was captured in this context, if one was. */
  void bind(BrokeredIdentityContext context, UserModel user) {
    Object loginId = context.getContextData().get(LOGIN_ID);
    // A lightweight user exists only as long as its session.
    if (loginId == null || LightweightUserAdapter.isLightweightUser(user)) {
      return;
    }
    Message message = bridge.messages().bind(loginId.toString(), account(context), user.getId());
    if (isPrecious(context)) {
      bridge.courier().deliverAfterCommit(session, realm.getId(), message);
    } else {
      bridge.courier().deliverSoonAfterCommit(session, realm.getId(), message);
    }
  }

  /**
   * Hands over the refresh token of a row from before the installation, once, and scrubs the row.
   * Keycloak has just copied it into the new row, or left the old one; both commits are one.
   *
   * @return whether there was one
   */
  boolean handOverStored(BrokeredIdentityContext context, UserModel user) throws SealingException {
    GoogleConnection google = new GoogleConnection(context.getIdpConfig());
    FederatedIdentityModel row = session.users().getFederatedIdentity(realm, user, google.alias());
    Optional<String> stored =
        row == null ? Optional.empty() : StoredToken.refreshToken(row.getToken());
    if (stored.isEmpty()) {
      return false;
    }
    Message message =
        bridge
            .messages()
            .stored(
                user.getId(),
                account(context),
                google.clientId(),
                google.alias(),
                Tokens.ofRefreshToken(stored.get()));
    bridge.courier().deliverAfterCommit(session, realm.getId(), message);
    row.setToken(StoredToken.withoutRefreshToken(row.getToken()));
    session.users().updateFederatedIdentity(realm, user, row);
    return true;
  }

  /** Returns whether this login brought a refresh token. */
  boolean isPrecious(BrokeredIdentityContext context) {
    return context.getContextData().containsKey(PRECIOUS);
  }

  private static Account account(BrokeredIdentityContext context) {
    return new Account(context.getId(), context.getEmail());
  }
}
