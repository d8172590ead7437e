package io.grantbridge.keycloak.admin;

import com.fasterxml.jackson.databind.JsonNode;
import io.grantbridge.keycloak.login.GoogleConnection;
import io.grantbridge.keycloak.login.StoredToken;
import jakarta.persistence.EntityManager;
import jakarta.persistence.TypedQuery;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.keycloak.broker.oidc.AbstractOAuth2IdentityProvider;
import org.keycloak.connections.jpa.JpaConnectionProvider;
import org.keycloak.events.Details;
import org.keycloak.models.FederatedIdentityModel;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.RealmModel;
import org.keycloak.models.UserModel;
import org.keycloak.models.UserSessionModel;
import org.keycloak.util.JsonSerialization;

/** The refresh tokens that Keycloak holds in a realm: in links, and in notes of user sessions. */
final class StoredTokens {

  /** 26.8 appends the alias to a note's name. */
  private static final String NOTE = AbstractOAuth2IdentityProvider.FEDERATED_REFRESH_TOKEN;

  private static final String ONLINE = "0";

  /** How a text column shows that there may be one; what is really there is read from the JSON. */
  private static final Map<Cursor.Place, String> FROM =
      Map.of(
          Cursor.Place.LINK,
          "FederatedIdentityEntity l where l.realmId = :realm and l.identityProvider in :aliases"
              + " and l.token like '%\"refresh_token\"%'",
          Cursor.Place.FEDERATED_LINK,
          "BrokerLinkEntity l where l.realmId = :realm and l.identityProvider in :aliases"
              + " and l.token like '%\"refresh_token\"%'",
          Cursor.Place.SESSION,
          "PersistentUserSessionEntity l where l.realmId = :realm and (l.data like '%\""
              + NOTE
              + "\":\"%' or l.data like '%\""
              + NOTE
              + ":%')");

  private static final Map<Cursor.Place, List<String>> KEYS =
      Map.of(
          Cursor.Place.LINK, List.of("l.user.id", "l.identityProvider"),
          Cursor.Place.FEDERATED_LINK, List.of("l.userId", "l.identityProvider"),
          Cursor.Place.SESSION, List.of("l.userSessionId", "l.offline"));

  private final KeycloakSession session;
  private final RealmModel realm;
  private final EntityManager entities;
  private final Set<String> aliases;

  StoredTokens(KeycloakSession session, RealmModel realm) {
    this.session = session;
    this.realm = realm;
    this.entities = session.getProvider(JpaConnectionProvider.class).getEntityManager();
    this.aliases =
        GoogleConnection.all(session).stream()
            .map(GoogleConnection::alias)
            .collect(Collectors.toUnmodifiableSet());
  }

  /**
   * A stored token.
   *
   * @param at where it is
   * @param userId whose
   * @param alias the identity provider it came from
   * @param refreshToken it
   */
  record Find(Cursor at, String userId, String alias, String refreshToken) {

    @Override
    public String toString() {
      return at.text();
    }
  }

  /** Counts what is there. */
  Left left() {
    long links = count(Cursor.Place.LINK) + count(Cursor.Place.FEDERATED_LINK);
    return new Left(links, count(Cursor.Place.SESSION));
  }

  /** Returns what lies at and after a place; empty texts and odd ones among it are passed over. */
  List<Cursor> after(Cursor cursor, int most) {
    List<Cursor> found = new ArrayList<>();
    for (Cursor.Place place : Cursor.Place.values()) {
      if (place.compareTo(cursor.place()) >= 0 && found.size() < most) {
        Cursor from = place == cursor.place() ? cursor : Cursor.startOf(place);
        found.addAll(page(from, most - found.size()));
      }
    }
    return found;
  }

  private List<Cursor> page(Cursor from, int most) {
    if (aliases.isEmpty()) {
      return List.of();
    }
    List<String> keys = KEYS.get(from.place());
    String one = keys.get(0);
    String two = keys.get(1);
    String query =
        "select %1$s, %2$s from %3$s and (%1$s > :one or (%1$s = :one and %2$s > :two))"
            + " order by %1$s, %2$s";
    return bound(
            entities.createQuery(query.formatted(one, two, FROM.get(from.place())), Object[].class),
            from.place())
        .setParameter("one", from.first())
        .setParameter("two", from.second())
        .setMaxResults(most)
        .getResultStream()
        .map(row -> new Cursor(from.place(), (String) row[0], (String) row[1]))
        .toList();
  }

  private long count(Cursor.Place place) {
    if (aliases.isEmpty()) {
      return 0;
    }
    String query = "select count(l) from " + FROM.get(place);
    return bound(entities.createQuery(query, Long.class), place).getSingleResult();
  }

  private <T> TypedQuery<T> bound(TypedQuery<T> query, Cursor.Place place) {
    query.setParameter("realm", realm.getId());
    return place == Cursor.Place.SESSION ? query : query.setParameter("aliases", aliases);
  }

  /** Reads the token at a place, if there is one of a provider with the mapper. */
  Optional<Find> read(Cursor at) {
    return at.place() == Cursor.Place.SESSION ? readNote(at) : readLink(at);
  }

  private Optional<Find> readLink(Cursor at) {
    return link(at)
        .flatMap(link -> StoredToken.refreshToken(link.getToken()))
        .map(token -> new Find(at, at.first(), at.second(), token));
  }

  private Optional<Find> readNote(Cursor at) {
    JsonNode data =
        parsed(
            entities
                .createQuery(
                    "select l.data from PersistentUserSessionEntity l"
                        + " where l.userSessionId = :id and l.offline = :offline",
                    String.class)
                .setParameter("id", at.first())
                .setParameter("offline", at.second())
                .getResultStream()
                .findFirst()
                .orElse(""));
    JsonNode notes = data.path("notes");
    String alias = notes.path(Details.IDENTITY_PROVIDER).asText("");
    for (Iterator<String> names = notes.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (isNote(name) && !notes.path(name).asText("").isEmpty() && aliases.contains(alias)) {
        return userOf(at).map(user -> new Find(at, user, alias, notes.path(name).asText()));
      }
    }
    return Optional.empty();
  }

  private Optional<String> userOf(Cursor at) {
    return userSession(at).map(found -> found.getUser().getId());
  }

  /**
   * Takes a token out that the bridge has, unless another one has come to its place.
   *
   * @return whether it did
   */
  boolean scrub(Find find) {
    boolean isThere =
        read(find.at()).map(Find::refreshToken).filter(find.refreshToken()::equals).isPresent();
    if (isThere && find.at().place() == Cursor.Place.SESSION) {
      userSession(find.at()).ifPresent(StoredTokens::scrubNotes);
    } else if (isThere) {
      link(find.at()).ifPresent(link -> scrubLink(find.userId(), link));
    }
    return isThere;
  }

  private void scrubLink(String userId, FederatedIdentityModel link) {
    link.setToken(StoredToken.withoutRefreshToken(link.getToken()));
    UserModel user = session.users().getUserById(realm, userId);
    session.users().updateFederatedIdentity(realm, user, link);
  }

  private static void scrubNotes(UserSessionModel found) {
    found.getNotes().keySet().stream()
        .filter(StoredTokens::isNote)
        .toList()
        .forEach(found::removeNote);
  }

  private static boolean isNote(String name) {
    return name.equals(NOTE) || name.startsWith(NOTE + ":");
  }

  private Optional<FederatedIdentityModel> link(Cursor at) {
    return Optional.ofNullable(session.users().getUserById(realm, at.first()))
        .map(user -> session.users().getFederatedIdentity(realm, user, at.second()));
  }

  private Optional<UserSessionModel> userSession(Cursor at) {
    return Optional.ofNullable(
        ONLINE.equals(at.second())
            ? session.sessions().getUserSession(realm, at.first())
            : session.sessions().getOfflineUserSession(realm, at.first()));
  }

  private static JsonNode parsed(String text) {
    try {
      return JsonSerialization.readValue(text, JsonNode.class);
    } catch (IOException e) {
      return JsonSerialization.createObjectNode();
    }
  }
}
