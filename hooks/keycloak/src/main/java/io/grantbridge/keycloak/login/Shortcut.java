package io.grantbridge.keycloak.login;

import io.grantbridge.keycloak.Grantbridge;
import io.grantbridge.keycloak.config.FailureMode;
import java.util.List;
import org.keycloak.broker.provider.BrokeredIdentityContext;
import org.keycloak.models.AuthenticationExecutionModel;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.RealmModel;
import org.keycloak.models.UserModel;
import org.keycloak.sessions.AuthenticationSessionModel;

/**
 * Asks the bridge as soon as the user is known, and spares a login that goes on the way through the
 * post-broker flow: two redirects, only to hear that there is nothing to ask.
 *
 * <p>Only where the flow has no other step than ours: whatever else is in it must run.
 */
final class Shortcut {

  private static final String OPENED = "grantbridge.opened";

  private final KeycloakSession session;
  private final RealmModel realm;

  Shortcut(KeycloakSession session, RealmModel realm) {
    this.session = session;
    this.realm = realm;
  }

  /** Notes that a login's way back from Google begins in this request. */
  void open(BrokeredIdentityContext context) {
    session.setAttribute(OPENED, context);
  }

  /** Decides about a login of a user who is linked already, or leaves it to the flow. */
  void take(BrokeredIdentityContext context, UserModel user) {
    // Keycloak has made this context just now, with a copy of the provider's settings. In one that
    // it has put together from notes they are the cached ones, which must not be changed.
    boolean isOpen = session.getAttribute(OPENED) == context;
    if (!isOpen || !isOurs(context.getIdpConfig().getPostBrokerLoginFlowId())) {
      return;
    }
    AuthenticationSessionModel login = context.getAuthenticationSession();
    ConsentRound round = new ConsentRound(login);
    if (round.isFresh()) {
      GoogleConnection google = new GoogleConnection(context.getIdpConfig());
      switch (new Decider(session, login).ask(user.getId(), context.getId(), google)) {
        case CONTINUE -> round.settle();
        case CONSENT -> round.fallDue();
        case UNKNOWN -> undecided(round);
      }
    }
    if (round.isSettled()) {
      context.getIdpConfig().setPostBrokerLoginFlowId(null);
    }
  }

  private void undecided(ConsentRound round) {
    FailureMode mode = session.getProvider(Grantbridge.class).settings().failureMode();
    if (mode == FailureMode.ALLOW) {
      round.settle();
    }
  }

  private boolean isOurs(String flowId) {
    List<AuthenticationExecutionModel> steps =
        flowId == null
            ? List.of()
            : realm
                .getAuthenticationExecutionsStream(flowId)
                .filter(step -> !step.isDisabled())
                .toList();
    return steps.size() == 1
        && steps.get(0).isRequired()
        && ConsentAuthenticatorFactory.ID.equals(steps.get(0).getAuthenticator());
  }
}
