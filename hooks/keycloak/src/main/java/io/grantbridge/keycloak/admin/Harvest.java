package io.grantbridge.keycloak.admin;

import io.grantbridge.keycloak.Grantbridge;
import io.grantbridge.keycloak.login.GoogleConnection;
import io.grantbridge.keycloak.wire.Account;
import io.grantbridge.keycloak.wire.Answer;
import io.grantbridge.keycloak.wire.BridgeClient;
import io.grantbridge.keycloak.wire.Message;
import io.grantbridge.keycloak.wire.SealingException;
import io.grantbridge.keycloak.wire.Tokens;
import io.grantbridge.keycloak.wire.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.keycloak.models.FederatedIdentityModel;
import org.keycloak.models.IdentityProviderModel;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.KeycloakSessionFactory;
import org.keycloak.models.RealmModel;
import org.keycloak.models.UserModel;
import org.keycloak.models.utils.KeycloakModelUtils;

/**
 * Hands stored refresh tokens over for users who do not log in.
 *
 * <p>Each token by itself: read, sent, and scrubbed only once the bridge has it on disk, in
 * transactions of their own. A run that is cut off is simply run again.
 */
final class Harvest {

  /** Proxies give up on a request that takes longer. */
  private static final Duration LONGEST_RUN = Duration.ofSeconds(20);

  private final KeycloakSessionFactory factory;
  private final String realmId;
  private final BridgeClient client;
  private final List<HarvestReport.Refused> refused = new ArrayList<>();
  private int handedOver;

  Harvest(KeycloakSession session, RealmModel realm) {
    this.factory = session.getKeycloakSessionFactory();
    this.realmId = realm.getId();
    this.client = session.getProvider(Grantbridge.class).client();
  }

  /** Goes on after a place. */
  HarvestReport run(Cursor after, int most) {
    long end = System.nanoTime() + LONGEST_RUN.toNanos();
    List<Cursor> batch = apart((session, tokens) -> tokens.after(after, most));
    Cursor last = after;
    for (Cursor at : batch) {
      if (System.nanoTime() > end) {
        return report(last, null);
      }
      if (!handOver(at)) {
        return report(last, "bridge_unreachable");
      }
      last = at;
    }
    return report(batch.size() < most ? null : last, null);
  }

  private HarvestReport report(Cursor next, String stopped) {
    Left left = apart((session, tokens) -> tokens.left());
    return new HarvestReport(handedOver, refused, left, next == null ? null : next.text(), stopped);
  }

  /** Returns whether the bridge is there. */
  private boolean handOver(Cursor at) {
    Optional<Parcel> parcel =
        apart((session, tokens) -> tokens.read(at).flatMap(find -> packed(session, find)));
    if (parcel.isEmpty()) {
      return true;
    }
    Answer answer = client.sendPatiently(parcel.get().message());
    StoredTokens.Find find = parcel.get().find();
    if (!answer.isFromBridge()) {
      return false;
    }
    if (answer.verdict() == Verdict.DONE) {
      apart((session, tokens) -> tokens.scrub(find));
      handedOver++;
    } else {
      refuse(find, answer.code());
    }
    return true;
  }

  private Optional<Parcel> packed(KeycloakSession session, StoredTokens.Find find) {
    RealmModel realm = session.getContext().getRealm();
    UserModel user = session.users().getUserById(realm, find.userId());
    IdentityProviderModel provider = session.identityProviders().getByAlias(find.alias());
    FederatedIdentityModel link = session.users().getFederatedIdentity(realm, user, find.alias());
    if (link == null) {
      refuse(find, "not_linked");
      return Optional.empty();
    }
    GoogleConnection google = new GoogleConnection(provider);
    try {
      Message message =
          session
              .getProvider(Grantbridge.class)
              .messages()
              .stored(
                  user.getId(),
                  new Account(link.getUserId(), null),
                  google.clientId(),
                  google.alias(),
                  Tokens.ofRefreshToken(find.refreshToken()));
      return Optional.of(new Parcel(find, message));
    } catch (SealingException e) {
      refuse(find, "not_encrypted");
      return Optional.empty();
    }
  }

  private void refuse(StoredTokens.Find find, String reason) {
    refused.add(new HarvestReport.Refused(find.userId(), find.alias(), reason));
  }

  private <T> T apart(Task<T> task) {
    return KeycloakModelUtils.runJobInTransactionWithResult(
        factory,
        session -> {
          RealmModel realm = session.realms().getRealm(realmId);
          session.getContext().setRealm(realm);
          return task.run(session, new StoredTokens(session, realm));
        });
  }

  /** A token with the message that carries it. */
  private record Parcel(StoredTokens.Find find, Message message) {}

  /** What is done in a transaction of its own. */
  @FunctionalInterface
  private interface Task<T> {

    T run(KeycloakSession session, StoredTokens tokens);
  }
}
