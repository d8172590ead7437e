package io.grantbridge.keycloak.login;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.keycloak.broker.provider.BrokeredIdentityContext;
import org.keycloak.models.IdentityProviderModel;
import org.keycloak.sessions.AuthenticationSessionModel;

/** One forced consent a login, told by state in its notes. */
class ConsentRoundTest {

  private final Map<String, String> notes = new HashMap<>();
  private final AuthenticationSessionModel login = login(notes);
  private final ConsentRound round = new ConsentRound(login);

  /** The way there and back: asked, returned, settled. */
  @Test
  void goesThereAndBackOnce() {
    begin();
    assertTrue(round.isOpen());
    new ConsentReturn(null, login).arrive(arrival("google", "110"));
    assertTrue(round.isReturned());
    assertFalse(round.isOpen());
    round.settle();
    assertTrue(round.isSettled());
    new ConsentReturn(null, login).arrive(arrival("google", "110"));
    assertTrue(round.isSettled());
  }

  /** What the bridge wants is known before the user is sent; nothing is open until then. */
  @Test
  void isDueBeforeItIsOpen() {
    assertTrue(round.isFresh());
    round.fallDue();
    assertFalse(round.isFresh());
    assertTrue(round.isDue());
    new ConsentReturn(null, login).arrive(arrival("google", "110"));
    assertFalse(round.isReturned());
    begin();
    assertFalse(round.isDue());
    assertTrue(round.isOpen());
  }

  /** A login through Google that nobody sent there opens no round. */
  @Test
  void takesAnOrdinaryLoginForNoReturn() {
    new ConsentReturn(null, login).arrive(arrival("google", "110"));
    assertEquals(Map.of(), notes);
  }

  /** Another identity provider's account says nothing about Google's. */
  @Test
  void leavesOtherIdentityProvidersAlone() {
    begin();
    assertDoesNotThrow(() -> new ConsentReturn(null, login).arrive(arrival("corporate", "x")));
    assertTrue(round.isOpen());
  }

  /** After the end no account is left in the notes, which Keycloak copies into the session. */
  @Test
  void leavesNoAccountBehind() {
    begin();
    round.settle();
    assertFalse(notes.toString().contains("110"));
    assertFalse(notes.toString().contains("ann@"));
    assertEquals(1, notes.size());
  }

  private void begin() {
    round.begin(ConsentRound.Origin.FLOW, "google", "110", "ann@example.com");
  }

  private static BrokeredIdentityContext arrival(String alias, String sub) {
    IdentityProviderModel model = new IdentityProviderModel();
    model.setAlias(alias);
    return new BrokeredIdentityContext(sub, model);
  }

  /** An authentication session that is nothing but its client notes. */
  private static AuthenticationSessionModel login(Map<String, String> notes) {
    return (AuthenticationSessionModel)
        Proxy.newProxyInstance(
            ConsentRoundTest.class.getClassLoader(),
            new Class<?>[] {AuthenticationSessionModel.class},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "getClientNote" -> notes.get(arguments[0]);
                  case "setClientNote" -> notes.put((String) arguments[0], (String) arguments[1]);
                  case "removeClientNote" -> notes.remove(arguments[0]);
                  default -> throw new UnsupportedOperationException(method.getName());
                });
  }
}
