package io.grantbridge.keycloak.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.grantbridge.keycloak.Contract;
import java.math.BigInteger;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPrivateKeySpec;
import java.util.Base64;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.keycloak.common.crypto.CryptoIntegration;
import org.keycloak.jose.jwe.JWE;
import org.keycloak.jose.jwe.JWEConstants;
import org.keycloak.jose.jwe.JWEHeader;
import org.keycloak.jose.jwe.alg.JWEAlgorithmProvider;
import org.keycloak.jose.jwe.enc.AesGcmJWEEncryptionProvider;
import org.keycloak.representations.AccessTokenResponse;
import org.keycloak.util.JsonSerialization;

/** What is encrypted opens with the bridge's key alone, and says whose it is. */
class TokenSealerTest {

  @TempDir Path folder;
  private TokenSealer sealer;

  @BeforeEach
  void make() {
    sealer = new TokenSealer("acme", Contract.publicKey(folder));
  }

  /** Tenant, account, tokens and time are inside, and only the members that the hook takes. */
  @Test
  void holdsTenantAccountTokensAndTime() throws Exception {
    JsonNode content = open(sealer.seal("110", "google", tokens(), 1_767_225_600L));
    assertEquals("acme", content.path("tenant").asText());
    assertEquals("110", content.path("sub").asText());
    assertEquals("google", content.path("alias").asText());
    assertEquals(1_767_225_600L, content.path("time").asLong());
    ObjectNode expected = JsonSerialization.createObjectNode();
    expected.put("refresh_token", "1//0-canary").put("access_token", "ya29.canary");
    expected.put("id_token", "e.y.J").put("token_type", "Bearer").put("scope", "openid");
    expected.put("expires_in", 3599).put("refresh_token_expires_in", 604_799);
    assertEquals(JsonSerialization.mapper.readTree(expected.toString()), content.path("tokens"));
  }

  /** A token of unknown age has no time, which the bridge would believe. */
  @Test
  void leavesOutATimeThatNobodyKnows() throws Exception {
    JsonNode content = open(sealer.seal("110", "google", Tokens.ofRefreshToken("1//0-old"), null));
    assertFalse(content.has("time"));
    assertEquals("{\"refresh_token\":\"1//0-old\"}", content.path("tokens").toString());
  }

  /** The header names the key and no compression, which could unfold into a large message. */
  @Test
  void namesItsKey() throws Exception {
    JWEHeader header = header(sealer.seal("110", "google", tokens(), 1L));
    assertEquals("e_contract", header.getKeyId());
    assertEquals("ECDH-ES", header.getAlgorithm());
    assertEquals("A256GCM", header.getEncryptionAlgorithm());
    assertEquals(null, header.getCompressionAlgorithm());
  }

  /** The same tokens are encrypted differently each time. */
  @Test
  void usesANewKeyEachTime() throws Exception {
    assertNotEquals(
        sealer.seal("110", "google", tokens(), 1L), sealer.seal("110", "google", tokens(), 1L));
  }

  private static Tokens tokens() {
    AccessTokenResponse response = new AccessTokenResponse();
    response.setRefreshToken("1//0-canary");
    response.setToken("ya29.canary");
    response.setIdToken("e.y.J");
    response.setTokenType("Bearer");
    response.setScope("openid");
    response.setExpiresIn(3599);
    response.setOtherClaims("refresh_token_expires_in", 604_799);
    response.setOtherClaims("accessTokenExpiration", 1_767_225_600L);
    return Tokens.of(response);
  }

  private static JWEHeader header(String compact) {
    return (JWEHeader) new JWE(compact).getHeader();
  }

  private static JsonNode open(String compact) throws Exception {
    JWE jwe = new JWE();
    jwe.getKeyStorage().setDecryptionKey(privateKey());
    jwe.verifyAndDecodeJwe(
        compact,
        CryptoIntegration.getProvider()
            .getAlgorithmProvider(JWEAlgorithmProvider.class, JWEConstants.ECDH_ES),
        new AesGcmJWEEncryptionProvider(JWEConstants.A256GCM));
    return JsonSerialization.mapper.readTree(jwe.getContent());
  }

  private static PrivateKey privateKey() throws GeneralSecurityException {
    AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
    curve.init(new ECGenParameterSpec("secp256r1"));
    byte[] number = Base64.getUrlDecoder().decode(Contract.hookKey().path("d").asText());
    return KeyFactory.getInstance("EC")
        .generatePrivate(
            new ECPrivateKeySpec(
                new BigInteger(1, number), curve.getParameterSpec(ECParameterSpec.class)));
  }
}
