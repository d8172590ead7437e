package io.grantbridge.keycloak.wire;

import io.grantbridge.keycloak.config.Settings;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import org.jboss.logging.Logger;

/**
 * Sends messages to the bridge's hook, each try signed anew.
 *
 * <p>Java's own client, because Keycloak's logs every byte at TRACE ({@code org.apache.http.wire}).
 */
public final class BridgeClient {

  private static final Logger LOG = Logger.getLogger(BridgeClient.class);
  private static final Duration PATIENT = Duration.ofSeconds(10);
  private static final Duration LONGEST_REST = Duration.ofHours(1);

  private final HttpClient http;
  private final URI hook;
  private final Duration readTimeout;
  private final WebhookSignature signature;
  private final Reachability reachability;

  /** Takes the server's options. */
  public BridgeClient(Settings settings, Reachability reachability) {
    this.http =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(settings.connectTimeout())
            // The body is for the bridge alone, wherever a proxy would send it.
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
    this.hook = URI.create(settings.url() + "/hooks/" + settings.tenant());
    this.readTimeout = settings.readTimeout();
    this.signature = new WebhookSignature(settings.secret());
    this.reachability = reachability;
  }

  /** Returns whether the bridge answered last time. */
  public Reachability reachability() {
    return reachability;
  }

  /**
   * Sends a message within a login: one short try, and none while the bridge is known to be down.
   */
  public Answer sendInLogin(Message message) {
    return reachability.mayTry() ? send(message, readTimeout) : Answer.none("resting");
  }

  /** Sends a message when nobody waits. */
  public Answer sendPatiently(Message message) {
    return send(message, PATIENT);
  }

  private Answer send(Message message, Duration timeout) {
    Answer answer;
    try {
      HttpResponse<String> response = exchange(request(message, timeout));
      String requestId = response.headers().firstValue("X-Request-Id").orElse("");
      answer = Answer.read(response.statusCode(), response.body(), requestId, retryAfter(response));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      answer = Answer.none("interrupted");
    } catch (IOException | RuntimeException e) {
      // Whatever it is, the login goes on.
      answer = Answer.none(e.getClass().getSimpleName());
    }
    reachability.note(answer);
    LOG.debugf(
        "grantbridge: %s: %d %s %s %s (request %s)",
        message,
        answer.status(),
        answer.code(),
        answer.result(),
        answer.decision(),
        answer.requestId());
    return answer;
  }

  private HttpResponse<String> exchange(HttpRequest request)
      throws IOException, InterruptedException {
    HttpResponse.BodyHandler<String> text =
        HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8);
    try {
      return http.send(request, text);
    } catch (HttpTimeoutException | ConnectException e) {
      throw e;
    } catch (IOException e) {
      // The bridge may have closed a kept connection just then: once more, on a new one. The same
      // message twice is one message.
      return http.send(request, text);
    }
  }

  private HttpRequest request(Message message, Duration timeout) {
    String timestamp = String.valueOf(Instant.now().getEpochSecond());
    return HttpRequest.newBuilder(hook)
        .timeout(timeout)
        .header("Content-Type", "application/json")
        .header("webhook-id", message.id())
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature.of(message.id(), timestamp, message.body()))
        .POST(HttpRequest.BodyPublishers.ofString(message.body(), StandardCharsets.UTF_8))
        .build();
  }

  private static Duration retryAfter(HttpResponse<?> response) {
    try {
      long seconds = response.headers().firstValue("Retry-After").map(Long::parseLong).orElse(0L);
      return Duration.ofSeconds(Math.max(0, Math.min(seconds, LONGEST_REST.toSeconds())));
    } catch (NumberFormatException e) {
      // A date (RFC 9110 section 10.2.3): our own waiting times are as good.
      return Duration.ZERO;
    }
  }
}
