package io.grantbridge.keycloak.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.grantbridge.keycloak.Contract;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** There is always a key: the file's, or the last good one. */
class BridgeKeyFileTest {

  @TempDir Path folder;

  /** A key that the bridge rotated to is used without a restart. */
  @Test
  void followsTheFile() throws IOException {
    BridgeKeyFile keys = Contract.publicKey(folder);
    assertEquals("e_contract", keys.current().id());
    change(Files.readString(file()).replace("e_contract", "e_next"));
    assertEquals("e_next", keys.current().id());
  }

  /** A file that broke or went away leaves the last good key. */
  @Test
  void keepsTheLastGoodKey() throws IOException {
    BridgeKeyFile keys = Contract.publicKey(folder);
    change("{");
    assertEquals("e_contract", keys.current().id());
    Files.delete(file());
    assertEquals("e_contract", keys.current().id());
  }

  /** What is no JWKS, or has no key for this, is refused at the start. */
  @Test
  void refusesAFileWithoutAKey() throws IOException {
    Contract.publicKey(folder);
    String good = Files.readString(file());
    for (String bad :
        new String[] {"{", "{}", "{\"keys\":[]}", good.replace("ECDH-ES", "RSA1_5")}) {
      Files.writeString(file(), bad);
      assertThrows(BridgeKeyException.class, () -> BridgeKeyFile.open(file()), bad);
    }
  }

  private Path file() {
    return folder.resolve("jwks.json");
  }

  private void change(String content) throws IOException {
    FileTime before = Files.getLastModifiedTime(file());
    Files.writeString(file(), content);
    Files.setLastModifiedTime(file(), FileTime.fromMillis(before.toMillis() + 2000));
  }
}
