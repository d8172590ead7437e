package io.grantbridge.keycloak.config;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Reads and checks the server's options. */
public final class SettingsReader {

  private static final String PREFIX = "--spi-grantbridge--default--";
  private static final String SECRET_PREFIX = "whsec_";
  private static final Pattern TENANT = Pattern.compile("[A-Za-z0-9._-]{1,255}");
  private static final int LONGEST_TIMEOUT_MS = 30_000;
  private static final int LONGEST_INTERVAL_MS = 600_000;

  private final UnaryOperator<String> options;
  private final List<String> problems = new ArrayList<>();

  private SettingsReader(UnaryOperator<String> options) {
    this.options = options;
  }

  /**
   * Returns the options.
   *
   * @param options gives an option's value by its name, null if it is not set
   * @throws InvalidSettingsException with all that is wrong
   */
  public static Settings read(UnaryOperator<String> options) {
    return new SettingsReader(options).read();
  }

  private Settings read() {
    Settings settings =
        new Settings(
            url(),
            tenant(),
            secret(),
            publicKeyFile(),
            milliseconds("connect-timeout", 1_000, 10, LONGEST_TIMEOUT_MS),
            milliseconds("read-timeout", 3_000, 10, LONGEST_TIMEOUT_MS),
            failureMode(),
            milliseconds("delivery-interval", 5_000, 100, LONGEST_INTERVAL_MS),
            realms());
    if (!problems.isEmpty()) {
      throw new InvalidSettingsException(problems);
    }
    return settings;
  }

  private URI url() {
    String value = required("url");
    if (value == null) {
      return null;
    }
    try {
      URI url = new URI(value.replaceAll("/+$", ""));
      boolean isWeb = "http".equals(url.getScheme()) || "https".equals(url.getScheme());
      if (isWeb && url.getHost() != null && url.getQuery() == null && url.getUserInfo() == null) {
        return url;
      }
    } catch (URISyntaxException e) {
      // Told below, together with what is well-formed and still no such URL.
    }
    problem("url", "is no http or https URL of a bridge, like http://bridge:8081");
    return null;
  }

  private String tenant() {
    String value = required("tenant");
    // It becomes a part of the hook's URL.
    if (value != null && !TENANT.matcher(value).matches()) {
      problem("tenant", "is no tenant's name");
    }
    return value;
  }

  private Secret secret() {
    String inline = option("secret");
    String file = option("secret-file");
    if (inline != null && file != null) {
      problem("secret", "and " + PREFIX + "secret-file are both set; keep one");
      return null;
    }
    if (inline == null && file == null) {
      problem("secret-file", "is missing (or " + PREFIX + "secret)");
      return null;
    }
    String name = file == null ? "secret" : "secret-file";
    String text = file == null ? inline : content(name, file);
    if (text != null && !isSigningSecret(text.strip())) {
      // Never what it holds instead: it may be another secret.
      problem(name, "does not hold a secret of the form whsec_<base64>");
    }
    return text == null ? null : new Secret(text.strip());
  }

  private static boolean isSigningSecret(String text) {
    if (!text.startsWith(SECRET_PREFIX)) {
      return false;
    }
    try {
      return Base64.getDecoder().decode(text.substring(SECRET_PREFIX.length())).length >= 16;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private Path publicKeyFile() {
    String value = required("public-key-file");
    if (value == null) {
      return null;
    }
    try {
      BridgeKeyFile.open(Path.of(value));
    } catch (BridgeKeyException e) {
      problem("public-key-file", e.getMessage());
    }
    return Path.of(value);
  }

  private FailureMode failureMode() {
    String value = option("failure-mode");
    if (value == null) {
      return FailureMode.ALLOW;
    }
    for (FailureMode mode : FailureMode.values()) {
      if (mode.option().equals(value.toLowerCase(Locale.ROOT))) {
        return mode;
      }
    }
    problem("failure-mode", "is neither allow nor deny");
    return null;
  }

  private Duration milliseconds(String name, int preset, int least, int most) {
    String value = option(name);
    if (value == null) {
      return Duration.ofMillis(preset);
    }
    try {
      int given = Integer.parseInt(value);
      if (given >= least && given <= most) {
        return Duration.ofMillis(given);
      }
    } catch (NumberFormatException e) {
      // Told below, together with numbers out of range.
    }
    problem(name, "is no number of milliseconds from " + least + " to " + most);
    return null;
  }

  private Set<String> realms() {
    String value = option("realms");
    if (value == null) {
      return Set.of();
    }
    return Arrays.stream(value.split(","))
        .map(String::strip)
        .filter(name -> !name.isEmpty())
        .collect(Collectors.toUnmodifiableSet());
  }

  private String content(String name, String file) {
    try {
      return Files.readString(Path.of(file));
    } catch (IOException e) {
      problem(name, "cannot be read: " + file);
      return null;
    }
  }

  private String required(String name) {
    String value = option(name);
    if (value == null) {
      problem(name, "is missing");
    }
    return value;
  }

  private String option(String name) {
    String value = options.apply(name);
    return value == null || value.isBlank() ? null : value.strip();
  }

  private void problem(String name, String text) {
    problems.add(PREFIX + name + " " + text);
  }
}
