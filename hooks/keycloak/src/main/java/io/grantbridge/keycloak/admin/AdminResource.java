package io.grantbridge.keycloak.admin;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.grantbridge.keycloak.Grantbridge;
import io.grantbridge.keycloak.outbox.Backlog;
import jakarta.ws.rs.BadRequestException;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.ForbiddenException;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import org.jboss.logging.Logger;
import org.keycloak.events.admin.OperationType;
import org.keycloak.events.admin.ResourceType;
import org.keycloak.models.KeycloakSession;
import org.keycloak.models.RealmModel;
import org.keycloak.services.resources.admin.AdminEventBuilder;
import org.keycloak.services.resources.admin.fgap.AdminPermissionEvaluator;

/**
 * What a realm's admin can see and do: what waits for the bridge, and the hand-over of tokens that
 * Keycloak stored before the provider was installed. No token is in any answer.
 */
@Produces(MediaType.APPLICATION_JSON)
public final class AdminResource {

  private static final int LARGEST_BATCH = 500;

  /** Where Keycloak's HTTP client writes every byte, by design. */
  private static final Logger WIRE = Logger.getLogger("org.apache.http.wire");

  private final KeycloakSession session;
  private final RealmModel realm;
  private final AdminPermissionEvaluator auth;
  private final AdminEventBuilder adminEvent;
  private final Grantbridge bridge;

  AdminResource(
      KeycloakSession session,
      RealmModel realm,
      AdminPermissionEvaluator auth,
      AdminEventBuilder adminEvent) {
    this.session = session;
    this.realm = realm;
    this.auth = auth;
    this.adminEvent = adminEvent;
    this.bridge = session.getProvider(Grantbridge.class);
  }

  /**
   * Whether the bridge is there, what waits for it, and whether this server's log keeps tokens out.
   *
   * @param reachable whether the bridge answered this node last time
   * @param backlog what waits
   * @param wireLogged whether this node logs all that Keycloak and Google say to each other
   */
  public record Health(
      @JsonProperty("reachable") boolean reachable,
      @JsonProperty("backlog") Backlog backlog,
      @JsonProperty("wire_logged") boolean wireLogged) {}

  /**
   * What became of what had been set aside.
   *
   * @param resumed how many messages are tried again
   */
  public record Resumed(@JsonProperty("resumed") int resumed) {}

  /** Says what waits for the bridge. */
  @GET
  @Path("backlog")
  public Health backlog() {
    auth.realm().requireViewRealm();
    return new Health(
        bridge.client().reachability().isUp(),
        bridge.outbox().backlog(realm.getId()),
        WIRE.isDebugEnabled());
  }

  /** Has what was set aside tried again, once its cause is mended. */
  @POST
  @Path("backlog/resume")
  public Resumed resume() {
    auth.realm().requireManageRealm();
    Resumed resumed = new Resumed(bridge.outbox().resume(realm.getId()));
    record("grantbridge/backlog/resume", resumed);
    return resumed;
  }

  /** Says how many stored refresh tokens there are. */
  @GET
  @Path("harvest")
  public Left left() {
    auth.realm().requireViewRealm();
    return new StoredTokens(session, realm).left();
  }

  /**
   * Hands over the next stored refresh tokens, and scrubs what the bridge has taken.
   *
   * @param most how many; from 1 to 500
   * @param after the {@code next} of the last answer; passes over those that were refused
   */
  @POST
  @Path("harvest")
  public HarvestReport harvest(
      @QueryParam("max") @DefaultValue("100") int most, @QueryParam("after") String after) {
    auth.realm().requireManageRealm();
    auth.users().requireManage();
    if (!bridge.serves(realm)) {
      throw new ForbiddenException("the server's options leave this realm out");
    }
    if (most < 1 || most > LARGEST_BATCH) {
      throw new BadRequestException("max is from 1 to " + LARGEST_BATCH);
    }
    HarvestReport report = new Harvest(session, realm).run(Cursor.parse(after), most);
    record("grantbridge/harvest", report);
    return report;
  }

  private void record(String path, Object outcome) {
    adminEvent
        .resource(ResourceType.REALM)
        .operation(OperationType.ACTION)
        .resourcePath(path)
        .representation(outcome)
        .success();
  }
}
