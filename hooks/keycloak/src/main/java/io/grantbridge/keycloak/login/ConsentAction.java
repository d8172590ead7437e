package io.grantbridge.keycloak.login;

import io.grantbridge.keycloak.Grantbridge;
import java.util.Optional;
import org.jboss.logging.Logger;
import org.keycloak.Config;
import org.keycloak.authentication.RequiredActionContext;
import org.keycloak.authentication.RequiredActionFactory;
import org.keycloak.authentication.RequiredActionProvider;
import org.keycloak.models.FederatedIdentityModel;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.KeycloakSessionFactory;
import org.keycloak.sessions.AuthenticationSessionModel;

/**
 * Asks users who did not come by way of Google just now: by Keycloak's own session cookie, or with
 * a password. Their logins skip brokering, and with it the authenticator.
 */
public final class ConsentAction implements RequiredActionProvider, RequiredActionFactory {

  /** Its name in realms. */
  public static final String ID = "grantbridge-consent-action";

  private static final Logger LOG = Logger.getLogger(ConsentAction.class);

  /** A user's link to Google. */
  private record Link(GoogleConnection google, FederatedIdentityModel identity) {

    String label() {
      String name = identity.getUserName();
      return name != null && name.contains("@") ? name : identity.getUserId();
    }
  }

  @Override
  public String getId() {
    return ID;
  }

  @Override
  public String getDisplayText() {
    return "grantbridge: Google consent";
  }

  @Override
  public boolean isOneTimeAction() {
    return true;
  }

  @Override
  public RequiredActionProvider create(KeycloakSession session) {
    return this;
  }

  @Override
  public void evaluateTriggers(RequiredActionContext context) {
    AuthenticationSessionModel login = context.getAuthenticationSession();
    ConsentRound round = new ConsentRound(login);
    // Keycloak calls this several times a login, silent ones included, where an action would turn
    // into an error. A password grant has no browser that could be sent anywhere.
    boolean isAskable =
        !round.isSettled()
            && !round.isOpen()
            && !round.isReturned()
            && !Decider.isSilent(login)
            && login.getRedirectUri() != null
            && context.getUser() != null
            && context.getSession().getProvider(Grantbridge.class).serves(context.getRealm());
    if (!isAskable || login.getRequiredActions().contains(ID)) {
      return;
    }
    Optional<Link> link = link(context);
    if (link.isPresent() && isConsentWanted(context, link.get())) {
      login.addRequiredAction(ID);
    } else {
      round.settle();
    }
  }

  private static boolean isConsentWanted(RequiredActionContext context, Link link) {
    Decider decider = new Decider(context.getSession(), context.getAuthenticationSession());
    return decider.ask(context.getUser().getId(), link.identity().getUserId(), link.google())
        == Decision.CONSENT;
  }

  @Override
  public void requiredActionChallenge(RequiredActionContext context) {
    ConsentRound round = new ConsentRound(context.getAuthenticationSession());
    Optional<Link> link = link(context);
    if (round.isSettled() || link.isEmpty()) {
      goOn(context, round);
    } else if (round.isReturned() || (round.isOpen() && !round.isMistaken())) {
      // Open: the user refused at Google, or came back by another way. Asking again would not end.
      new Decider(context.getSession(), context.getAuthenticationSession())
          .tellReturned(
              context.getUser().getId(), link.get().identity().getUserId(), link.get().google());
      goOn(context, round);
    } else {
      sendToGoogle(context, round, link.get());
    }
  }

  private static void sendToGoogle(RequiredActionContext context, ConsentRound round, Link link) {
    AuthenticationSessionModel login = context.getAuthenticationSession();
    String alias = link.google().alias();
    try {
      context.challenge(
          new ConsentRequest(context.getSession(), login)
              .to(alias, link.label(), round.isMistaken()));
      round.begin(ConsentRound.Origin.ACTION, alias, link.identity().getUserId(), link.label());
    } catch (RuntimeException e) {
      LOG.errorf("grantbridge: no way to Google's consent: %s", e.getClass().getName());
      goOn(context, round);
    }
  }

  private static void goOn(RequiredActionContext context, ConsentRound round) {
    round.settle();
    context.success();
  }

  private static Optional<Link> link(RequiredActionContext context) {
    for (GoogleConnection google : GoogleConnection.all(context.getSession())) {
      FederatedIdentityModel identity =
          context
              .getSession()
              .users()
              .getFederatedIdentity(context.getRealm(), context.getUser(), google.alias());
      if (identity != null) {
        return Optional.of(new Link(google, identity));
      }
    }
    return Optional.empty();
  }

  @Override
  public void processAction(RequiredActionContext context) {
    requiredActionChallenge(context);
  }

  @Override
  public void init(Config.Scope config) {}

  @Override
  public void postInit(KeycloakSessionFactory factory) {}

  @Override
  public void close() {}
}
