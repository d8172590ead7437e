package io.grantbridge.keycloak.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.PublicKey;
import java.security.interfaces.ECPublicKey;
import org.jboss.logging.Logger;
import org.keycloak.jose.jwk.JSONWebKeySet;
import org.keycloak.jose.jwk.JWK;
import org.keycloak.jose.jwk.JWKParser;
import org.keycloak.util.JsonSerialization;

/**
 * The bridge's JWKS as a file, read anew when it has changed.
 *
 * <p>A file, and not the bridge's endpoint: the very first login may come while the bridge is down,
 * and without a key there is nowhere safe to put what Google sends only once.
 */
public final class BridgeKeyFile {

  private static final Logger LOG = Logger.getLogger(BridgeKeyFile.class);
  private static final String ALGORITHM = "ECDH-ES";
  private static final int P256_BITS = 256;

  private final Path path;
  private volatile Read last;

  private record Read(FileTime changed, BridgeKey key) {}

  private BridgeKeyFile(Path path, Read first) {
    this.path = path;
    this.last = first;
  }

  /**
   * Opens a file.
   *
   * @throws BridgeKeyException if no key is in it; the text says why
   */
  public static BridgeKeyFile open(Path path) {
    return new BridgeKeyFile(path, read(path));
  }

  /** Returns the key to encrypt to. A file that broke meanwhile leaves the last good one. */
  public BridgeKey current() {
    try {
      if (!Files.getLastModifiedTime(path).equals(last.changed())) {
        last = read(path);
        LOG.infof("grantbridge: tokens are now encrypted to the key %s", last.key().id());
      }
    } catch (IOException | BridgeKeyException e) {
      LOG.warnf("grantbridge: keeping the key %s: %s", last.key().id(), e.getMessage());
    }
    return last.key();
  }

  private static Read read(Path path) {
    try {
      FileTime changed = Files.getLastModifiedTime(path);
      return new Read(changed, firstKey(Files.readAllBytes(path), path));
    } catch (IOException e) {
      throw new BridgeKeyException("cannot be read: " + path);
    }
  }

  private static BridgeKey firstKey(byte[] content, Path path) {
    try {
      JSONWebKeySet set = JsonSerialization.readValue(content, JSONWebKeySet.class);
      for (JWK jwk : set.getKeys() == null ? new JWK[0] : set.getKeys()) {
        if (ALGORITHM.equals(jwk.getAlgorithm()) && jwk.getKeyId() != null) {
          PublicKey key = JWKParser.create(jwk).toPublicKey();
          if (key instanceof ECPublicKey ec
              && ec.getParams().getCurve().getField().getFieldSize() == P256_BITS) {
            return new BridgeKey(jwk.getKeyId(), ec);
          }
        }
      }
    } catch (IOException | RuntimeException e) {
      // Told below: a file that is no JWKS has no such key either.
    }
    throw new BridgeKeyException(
        "holds no P-256 key for ECDH-ES; save the bridge's /.well-known/jwks.json as " + path);
  }
}
