package io.grantbridge.keycloak.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.grantbridge.keycloak.config.FailureMode;
import io.grantbridge.keycloak.config.Secret;
import io.grantbridge.keycloak.config.Settings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Over a real socket: what is sent, and what becomes of every kind of answer and of none. */
class BridgeClientTest {

  private static final Secret SECRET =
      new Secret("whsec_giszrYfBSKCiClunzV68qmjTahjnqtFlVUkD9SyoJ1c=");
  private static final Message MESSAGE =
      new Message("msg_1", MessageType.DECIDE, "110", "{\"name\":\"Zoë\"}");

  private final List<String> received = new ArrayList<>();
  private final CountDownLatch release = new CountDownLatch(1);
  private HttpServer server;
  private Answering answering = exchange -> answer(exchange, 200, "{\"decision\":\"consent\"}");

  /** How the stand-in for the bridge answers. */
  @FunctionalInterface
  private interface Answering {
    void handle(HttpExchange exchange) throws IOException;
  }

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          String body =
              new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
          String id = exchange.getRequestHeaders().getFirst("webhook-id");
          String time = exchange.getRequestHeaders().getFirst("webhook-timestamp");
          String wanted = new WebhookSignature(SECRET).of(id, time, body);
          assertEquals(wanted, exchange.getRequestHeaders().getFirst("webhook-signature"));
          received.add(exchange.getRequestURI() + " " + body);
          answering.handle(exchange);
        });
    server.start();
  }

  @AfterEach
  void stop() {
    release.countDown();
    server.stop(0);
  }

  /** The body's bytes are what was signed, and the answer is read. */
  @Test
  void sendsAndReads() {
    Answer answer = client(server.getAddress().getPort()).sendInLogin(MESSAGE);
    assertEquals(List.of("/hooks/acme {\"name\":\"Zoë\"}"), received);
    assertEquals(Verdict.DONE, answer.verdict());
    assertEquals("consent", answer.decision());
  }

  /** A proxy's page, an empty body or JSON of another kind is no answer of the bridge. */
  @Test
  void takesNonsenseForNoAnswer() {
    for (String nonsense : List.of("<html>", "", "[]", "null", "\"done\"")) {
      answering = exchange -> answer(exchange, 200, nonsense);
      BridgeClient client = client(server.getAddress().getPort());
      Answer answer = client.sendInLogin(MESSAGE);
      assertEquals(Verdict.RETRY, answer.verdict(), nonsense);
      assertFalse(client.reachability().isUp(), nonsense);
    }
  }

  /** A redirect is not followed: the message is for the bridge alone. */
  @Test
  void followsNoRedirect() {
    answering =
        exchange -> {
          exchange.getResponseHeaders().add("Location", "/elsewhere");
          answer(exchange, 307, "");
        };
    assertEquals(
        Verdict.RETRY, client(server.getAddress().getPort()).sendInLogin(MESSAGE).verdict());
    assertEquals(1, received.size());
  }

  /** A bridge that hangs costs one login the time-out, and the next ones nothing. */
  @Test
  void leavesASilentBridgeAloneForAWhile() {
    answering =
        exchange -> {
          try {
            release.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        };
    BridgeClient client = client(server.getAddress().getPort());
    assertEquals("HttpTimeoutException", client.sendInLogin(MESSAGE).code());
    assertEquals("resting", client.sendInLogin(MESSAGE).code());
    assertEquals(1, received.size());
  }

  /** A bridge that is not there is told apart from one that refuses. */
  @Test
  void tellsAbsenceFromRefusal() throws IOException {
    int nobody;
    try (ServerSocket socket = new ServerSocket(0)) {
      nobody = socket.getLocalPort();
    }
    Answer absent = client(nobody).sendInLogin(MESSAGE);
    assertFalse(absent.isFromBridge());
    assertFalse(absent.isAlarming());
    answering = exchange -> answer(exchange, 401, "{\"code\":\"unauthenticated\"}");
    BridgeClient client = client(server.getAddress().getPort());
    Answer refused = client.sendInLogin(MESSAGE);
    assertTrue(refused.isAlarming());
    assertTrue(client.reachability().isUp());
  }

  /** The bridge's wish to be left alone is kept within an hour. */
  @Test
  void keepsTheBridgesWish() {
    answering =
        exchange -> {
          exchange.getResponseHeaders().add("Retry-After", "86400");
          answer(exchange, 503, "{\"code\":\"store_unavailable\"}");
        };
    Answer answer = client(server.getAddress().getPort()).sendPatiently(MESSAGE);
    assertEquals(Duration.ofHours(1), answer.retryAfter());
    assertFalse(answer.isAlarming());
  }

  private static BridgeClient client(int port) {
    URI url = URI.create("http://127.0.0.1:" + port);
    Settings settings =
        new Settings(
            url,
            "acme",
            SECRET,
            Path.of("unused"),
            Duration.ofMillis(500),
            Duration.ofMillis(500),
            FailureMode.ALLOW,
            Duration.ofSeconds(5),
            Set.of());
    return new BridgeClient(settings, new Reachability(url));
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }
}
