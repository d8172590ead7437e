package io.grantbridge.keycloak;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.grantbridge.keycloak.config.BridgeKeyFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.keycloak.common.crypto.CryptoIntegration;
import org.keycloak.util.JsonSerialization;

/** The vectors of {@code hooks/contract}, which the tests of all adapters read. */
public final class Contract {

  private static final Path FOLDER = Path.of("../contract");

  static {
    // The server does so before any provider is made.
    CryptoIntegration.init(Contract.class.getClassLoader());
  }

  private Contract() {}

  /**
   * One message of a vector.
   *
   * @param name the vector's, and the message's place in it
   * @param vector the whole of it
   * @param json the message
   */
  public record Vector(String name, JsonNode vector, JsonNode json) {

    /** Returns a header, empty if it is missing. */
    public String header(String header) {
      return json.path("headers").path(header).asText("");
    }

    /** Returns what the bridge answers. */
    public JsonNode expected() {
      return json.path("expect");
    }

    /** Returns the secrets of the tenant that the message is sent to. */
    public List<String> secrets() {
      String tenant = json.path("path").asText().replace("/hooks/", "");
      List<String> secrets = new ArrayList<>();
      vector.path("tenants").path(tenant).path("secrets").forEach(one -> secrets.add(one.asText()));
      return secrets;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** Returns all messages of all vectors. */
  public static Stream<Vector> vectors() {
    try (Stream<Path> files = Files.list(FOLDER)) {
      List<Vector> all = new ArrayList<>();
      for (Path file : files.filter(path -> path.toString().endsWith(".json")).sorted().toList()) {
        JsonNode vector = read(file);
        for (int i = 0; i < vector.path("messages").size(); i++) {
          String name = vector.path("name").asText() + ", message " + (i + 1);
          all.add(new Vector(name, vector, vector.path("messages").get(i)));
        }
      }
      return all.stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the bridge's key pair. */
  public static ObjectNode hookKey() {
    return (ObjectNode) read(FOLDER.resolve("keys/hook.json"));
  }

  /** Writes the public half as the bridge serves it, and opens it. */
  public static BridgeKeyFile publicKey(Path folder) {
    ObjectNode key = hookKey();
    key.remove("d");
    ObjectNode set = JsonSerialization.createObjectNode();
    set.putArray("keys").add(key);
    Path file = folder.resolve("jwks.json");
    try {
      Files.writeString(file, set.toString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return BridgeKeyFile.open(file);
  }

  private static JsonNode read(Path file) {
    try {
      return JsonSerialization.readValue(Files.readString(file), JsonNode.class);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
