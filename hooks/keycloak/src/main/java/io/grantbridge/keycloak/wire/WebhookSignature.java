package io.grantbridge.keycloak.wire;

import io.grantbridge.keycloak.config.Secret;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Signs messages by Standard Webhooks (https://www.standardwebhooks.com). */
final class WebhookSignature {

  private static final String PREFIX = "whsec_";
  private static final String MAC = "HmacSHA256";

  private final SecretKeySpec key;

  WebhookSignature(Secret secret) {
    byte[] bytes = Base64.getDecoder().decode(secret.reveal().substring(PREFIX.length()));
    this.key = new SecretKeySpec(bytes, MAC);
  }

  /**
   * Returns the header's value.
   *
   * @param timestamp Unix seconds of this attempt
   */
  String of(String id, String timestamp, String body) {
    String signed = id + "." + timestamp + "." + body;
    try {
      Mac mac = Mac.getInstance(MAC);
      mac.init(key);
      byte[] digest = mac.doFinal(signed.getBytes(StandardCharsets.UTF_8));
      return "v1," + Base64.getEncoder().encodeToString(digest);
    } catch (GeneralSecurityException e) {
      // Never an empty signature: nobody would see that.
      throw new IllegalStateException("this Java has no " + MAC, e);
    }
  }
}
