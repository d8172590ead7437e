package io.grantbridge.keycloak.admin;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * What became of a batch.
 *
 * @param handedOver how many tokens the bridge has taken, and Keycloak holds no more
 * @param refused who is left, and why
 * @param left how many Keycloak still holds
 * @param next where to go on; null after the last
 * @param stopped why the batch ended early; null if it did not
 */
public record HarvestReport(
    @JsonProperty("handed_over") int handedOver,
    @JsonProperty("refused") List<Refused> refused,
    @JsonProperty("left") Left left,
    @JsonProperty("next") String next,
    @JsonProperty("stopped") String stopped) {

  /**
   * A token that the bridge has not taken.
   *
   * @param userId whose
   * @param provider the identity provider's alias
   * @param reason the problem's code, or a word for what kept it
   */
  public record Refused(
      @JsonProperty("user_id") String userId,
      @JsonProperty("provider") String provider,
      @JsonProperty("reason") String reason) {}
}
