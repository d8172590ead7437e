package io.grantbridge.keycloak.wire;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.grantbridge.keycloak.config.BridgeKey;
import io.grantbridge.keycloak.config.BridgeKeyFile;
import java.io.IOException;
import org.keycloak.common.crypto.CryptoIntegration;
import org.keycloak.jose.jwe.JWE;
import org.keycloak.jose.jwe.JWEConstants;
import org.keycloak.jose.jwe.JWEException;
import org.keycloak.jose.jwe.JWEHeader;
import org.keycloak.jose.jwe.alg.JWEAlgorithmProvider;
import org.keycloak.jose.jwe.enc.AesGcmJWEEncryptionProvider;
import org.keycloak.util.JsonSerialization;

/**
 * Encrypts tokens to the bridge (JWE, RFC 7516; ECDH-ES with A256GCM).
 *
 * <p>Always, not only while the bridge is down: then who reads Keycloak's database finds nothing,
 * and a repetition has the same body. Tenant and account are inside, so that nobody who can write
 * there can move one user's tokens into another's message.
 */
public final class TokenSealer {

  private final String tenant;
  private final BridgeKeyFile keys;

  /** Takes the tenant's name and the bridge's public key. */
  public TokenSealer(String tenant, BridgeKeyFile keys) {
    this.tenant = tenant;
    this.keys = keys;
  }

  /**
   * Returns the compact JWE.
   *
   * @param time Unix seconds at which the tokens came, null if nobody knows
   */
  String seal(String sub, String alias, Tokens tokens, Long time) throws SealingException {
    ObjectNode content = JsonSerialization.createObjectNode().put("tenant", tenant);
    content.put("sub", sub).put("alias", alias);
    content.set("tokens", tokens.members());
    if (time != null) {
      content.put("time", time);
    }
    try {
      return encrypt(JsonSerialization.writeValueAsBytes(content));
    } catch (IOException | JWEException | RuntimeException e) {
      throw new SealingException(e);
    }
  }

  private String encrypt(byte[] content) throws JWEException {
    BridgeKey key = keys.current();
    JWEHeader header = new JWEHeader(JWEConstants.ECDH_ES, JWEConstants.A256GCM, null, key.id());
    JWE jwe = new JWE().header(header).content(content);
    jwe.getKeyStorage().setEncryptionKey(key.key());
    return jwe.encodeJwe(
        CryptoIntegration.getProvider()
            .getAlgorithmProvider(JWEAlgorithmProvider.class, JWEConstants.ECDH_ES),
        new AesGcmJWEEncryptionProvider(JWEConstants.A256GCM));
  }
}
