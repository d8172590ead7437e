package io.grantbridge.keycloak.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grantbridge.keycloak.Contract;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The options are read, or refused with all that is wrong and none of the secret. */
class SettingsReaderTest {

  private static final String SECRET = "whsec_giszrYfBSKCiClunzV68qmjTahjnqtFlVUkD9SyoJ1c=";

  @TempDir Path folder;
  private final Map<String, String> options = new HashMap<>();

  @BeforeEach
  void prepare() throws IOException {
    Contract.publicKey(folder);
    Path secret = Files.writeString(folder.resolve("secret"), SECRET + "\n");
    options.put("url", "http://bridge:8081/");
    options.put("tenant", "acme");
    options.put("secret-file", secret.toString());
    options.put("public-key-file", folder.resolve("jwks.json").toString());
  }

  /** Four options are enough; the rest has values that keep a login short. */
  @Test
  void fourOptionsAreEnough() {
    Settings settings = read();
    assertEquals(URI.create("http://bridge:8081"), settings.url());
    assertEquals(SECRET, settings.secret().reveal());
    assertEquals(Duration.ofSeconds(1), settings.connectTimeout());
    assertEquals(Duration.ofSeconds(3), settings.readTimeout());
    assertEquals(FailureMode.ALLOW, settings.failureMode());
    assertEquals(Set.of(), settings.realms());
  }

  /** The others are read as well. */
  @Test
  void readsTheOthers() {
    options.put("failure-mode", "deny");
    options.put("realms", "one, two");
    options.put("read-timeout", "250");
    Settings settings = read();
    assertEquals(FailureMode.DENY, settings.failureMode());
    assertEquals(Set.of("one", "two"), settings.realms());
    assertEquals(Duration.ofMillis(250), settings.readTimeout());
  }

  /** Who starts a server without any option is told all that is missing at once. */
  @Test
  void namesEverythingThatIsMissing() {
    options.clear();
    String message = problems();
    for (String name : Set.of("url", "tenant", "secret-file", "public-key-file")) {
      assertTrue(message.contains("--spi-grantbridge--default--" + name + " is missing"), message);
    }
  }

  /** Each wrong value is named by its option. */
  @ParameterizedTest
  @CsvSource({
    "url, ftp://bridge",
    "url, bridge:8081",
    "url, http://user:pass@bridge",
    "url, http://bridge?x=1",
    "tenant, acme/../globex",
    "secret-file, /nowhere/secret",
    "public-key-file, /nowhere/jwks.json",
    "connect-timeout, 1s",
    "read-timeout, 0",
    "read-timeout, 3000000000",
    "failure-mode, maybe",
    "delivery-interval, 5"
  })
  void namesWhatIsWrong(String name, String value) {
    options.put(name, value);
    String message = problems();
    assertEquals(2, message.lines().count(), message);
    assertTrue(message.contains("--spi-grantbridge--default--" + name + " "), message);
  }

  /** A wrong secret is not shown: it may be another one that was pasted there. */
  @Test
  void showsNoSecret() {
    options.remove("secret-file");
    options.put("secret", "hunter2-another-secret");
    assertFalse(problems().contains("hunter2"));
    assertFalse(new Secret(SECRET).toString().contains("gis"));
  }

  /** Two secrets at once are one too many: which one counts would be a guess. */
  @Test
  void refusesTwoSecrets() {
    options.put("secret", SECRET);
    assertTrue(problems().contains("both set"));
  }

  private Settings read() {
    return SettingsReader.read(options::get);
  }

  private String problems() {
    return assertThrows(InvalidSettingsException.class, this::read).getMessage();
  }
}
