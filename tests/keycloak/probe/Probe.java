package io.grantbridge.probe;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import org.infinispan.Cache;
import org.keycloak.Config;
import org.keycloak.connections.infinispan.InfinispanConnectionProvider;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.KeycloakSessionFactory;
import org.keycloak.models.sessions.infinispan.changes.SessionEntityWrapper;
import org.keycloak.models.sessions.infinispan.entities.AuthenticationSessionEntity;
import org.keycloak.models.sessions.infinispan.entities.RootAuthenticationSessionEntity;
import org.keycloak.models.sessions.infinispan.entities.UserSessionEntity;
import org.keycloak.services.resource.RealmResourceProvider;
import org.keycloak.services.resource.RealmResourceProviderFactory;

/**
 * For tests: shows all notes of all authentication sessions, which no API and no table shows, and
 * of the user sessions that this node holds in memory.
 */
public final class Probe implements RealmResourceProvider, RealmResourceProviderFactory {

  /** Held, as a logger that nobody holds forgets its level. */
  private static final Logger WIRE = Logger.getLogger("org.apache.http.wire");

  private KeycloakSession session;

  @Override
  public String getId() {
    return "probe";
  }

  @Override
  public RealmResourceProvider create(KeycloakSession session) {
    Probe probe = new Probe();
    probe.session = session;
    return probe;
  }

  @Override
  public Object getResource() {
    return this;
  }

  /** Lists what the notes hold. */
  @GET
  @Produces(MediaType.TEXT_PLAIN)
  public String notes() {
    List<String> lines = new ArrayList<>();
    Cache<String, SessionEntityWrapper<RootAuthenticationSessionEntity>> logins =
        cache(InfinispanConnectionProvider.AUTHENTICATION_SESSIONS_CACHE_NAME);
    for (SessionEntityWrapper<RootAuthenticationSessionEntity> root : logins.values()) {
      for (AuthenticationSessionEntity login :
          root.getEntity().getAuthenticationSessions().values()) {
        lines.add("authentication notes " + login.getAuthNotes());
        lines.add("client notes " + login.getClientNotes());
        lines.add("notes for the user session " + login.getUserSessionNotes());
      }
    }
    Cache<String, SessionEntityWrapper<UserSessionEntity>> sessions =
        cache(InfinispanConnectionProvider.USER_SESSION_CACHE_NAME);
    for (SessionEntityWrapper<UserSessionEntity> held : sessions.values()) {
      lines.add("user session " + held.getEntity().getNotes());
    }
    return lines.stream().map(line -> line.replace('\n', ' ')).collect(Collectors.joining("\n"));
  }

  /** Sets the level of the log that has every byte. */
  @PUT
  @Path("wire/{level}")
  public void wire(@PathParam("level") String level) {
    WIRE.setLevel(Level.parse(level));
  }

  private <T> Cache<String, T> cache(String name) {
    return session.getProvider(InfinispanConnectionProvider.class).getCache(name);
  }

  @Override
  public void init(Config.Scope config) {}

  @Override
  public void postInit(KeycloakSessionFactory factory) {}

  @Override
  public void close() {}
}
