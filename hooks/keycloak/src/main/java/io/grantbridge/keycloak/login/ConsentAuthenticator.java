package io.grantbridge.keycloak.login;

import io.grantbridge.keycloak.Grantbridge;
import io.grantbridge.keycloak.config.FailureMode;
import jakarta.ws.rs.core.Response;
import org.jboss.logging.Logger;
import org.keycloak.authentication.AuthenticationFlowContext;
import org.keycloak.authentication.AuthenticationFlowError;
import org.keycloak.authentication.Authenticator;
import org.keycloak.authentication.authenticators.broker.util.PostBrokerLoginConstants;
import org.keycloak.authentication.authenticators.broker.util.SerializedBrokeredIdentityContext;
import org.keycloak.models.IdentityProviderModel;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.RealmModel;
import org.keycloak.models.UserModel;
import org.keycloak.sessions.AuthenticationSessionModel;

/**
 * The step of the post-broker flow that asks the bridge whether the login may finish, and sends the
 * user to Google's consent once if not.
 */
final class ConsentAuthenticator implements Authenticator {

  static final ConsentAuthenticator INSTANCE = new ConsentAuthenticator();

  private static final Logger LOG = Logger.getLogger(ConsentAuthenticator.class);

  private ConsentAuthenticator() {}

  @Override
  public void authenticate(AuthenticationFlowContext context) {
    AuthenticationSessionModel login = context.getAuthenticationSession();
    ConsentRound round = new ConsentRound(login);
    SerializedBrokeredIdentityContext brought =
        SerializedBrokeredIdentityContext.readFromAuthenticationSession(
            login, PostBrokerLoginConstants.PBL_BROKERED_IDENTITY_CONTEXT);
    IdentityProviderModel model =
        brought == null
            ? null
            : context.getSession().identityProviders().getByAlias(brought.getIdentityProviderId());
    boolean isServed =
        model != null
            && context.getUser() != null
            && context.getSession().getProvider(Grantbridge.class).serves(context.getRealm());
    if (!isServed || round.isSettled()) {
      context.success();
      return;
    }
    step(context, round, brought, new GoogleConnection(model));
  }

  private void step(
      AuthenticationFlowContext context,
      ConsentRound round,
      SerializedBrokeredIdentityContext brought,
      GoogleConnection google) {
    Decider decider = new Decider(context.getSession(), context.getAuthenticationSession());
    String subject = context.getUser().getId();
    String sub = brought.getId();
    if (round.isReturned()) {
      decider.tellReturned(subject, sub, google);
      goOn(context, round);
      return;
    }
    if (round.isDue() || round.isOpen()) {
      // Open: Back, reload, or another try after a wrong account. The same round once more.
      sendToGoogle(context, round, brought, google);
      return;
    }
    switch (decider.ask(subject, sub, google)) {
      case CONSENT -> sendToGoogle(context, round, brought, google);
      case UNKNOWN -> undecided(context, round);
      case CONTINUE -> goOn(context, round);
    }
  }

  private void sendToGoogle(
      AuthenticationFlowContext context,
      ConsentRound round,
      SerializedBrokeredIdentityContext brought,
      GoogleConnection google) {
    if (Decider.isSilent(context.getAuthenticationSession())) {
      goOn(context, round);
      return;
    }
    String account = brought.getEmail() == null ? brought.getId() : brought.getEmail();
    try {
      Response redirect =
          new ConsentRequest(context.getSession(), context.getAuthenticationSession())
              .to(google.alias(), account, round.isMistaken());
      round.begin(ConsentRound.Origin.FLOW, google.alias(), brought.getId(), account);
      context.forceChallenge(redirect);
    } catch (RuntimeException e) {
      LOG.errorf("grantbridge: no way to Google's consent: %s", e.getClass().getName());
      goOn(context, round);
    }
  }

  private static void goOn(AuthenticationFlowContext context, ConsentRound round) {
    round.settle();
    context.success();
  }

  private static void undecided(AuthenticationFlowContext context, ConsentRound round) {
    Grantbridge bridge = context.getSession().getProvider(Grantbridge.class);
    if (bridge.settings().failureMode() == FailureMode.ALLOW) {
      goOn(context, round);
      return;
    }
    // Not settled: a reload asks the bridge again.
    context.failureChallenge(
        AuthenticationFlowError.INTERNAL_ERROR,
        context
            .form()
            .setError("grantbridgeUnavailable")
            .createErrorPage(Response.Status.SERVICE_UNAVAILABLE));
  }

  @Override
  public void action(AuthenticationFlowContext context) {
    authenticate(context);
  }

  @Override
  public boolean requiresUser() {
    return false;
  }

  @Override
  public boolean configuredFor(KeycloakSession session, RealmModel realm, UserModel user) {
    return true;
  }

  @Override
  public void setRequiredActions(KeycloakSession session, RealmModel realm, UserModel user) {}

  @Override
  public void close() {}
}
